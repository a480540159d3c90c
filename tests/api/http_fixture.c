#include "http_fixture.h"

#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

enum { PATIENCE_MS = 20000 };

/* Agent and server. */

#define MUST(call)                                                                                 \
    do {                                                                                           \
        repli_error must_error = REPLI_ERROR_INIT;                                                 \
        repli_error *err = &must_error;                                                            \
        const int32_t must_code = (call);                                                          \
        ck_assert_msg(must_code == REPLI_OK, #call ": %d %s", must_code, must_error.message);      \
    } while (0)

/* After its stop as well, for the server. */
static void *dispatch(void *user_data) {
    http_fixture *fixture = user_data;
    struct pollfd wait = {.fd = repli_agent_fd(fixture->agent), .events = POLLIN};
    while (!atomic_load(&fixture->ends)) {
        poll(&wait, 1, -1);
        repli_agent_dispatch(fixture->agent, NULL);
    }
    return NULL;
}

static void *work(void *agent) {
    repli_agent_work(agent, -1, NULL);
    return NULL;
}

static void lend_threads(http_fixture *fixture) {
    ck_assert_int_eq(pthread_create(&fixture->dispatcher, NULL, dispatch, fixture), 0);
    ck_assert_int_eq(pthread_create(&fixture->worker, NULL, work, fixture->agent), 0);
}

/* The library has none but those. */
static void check_threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300];
        char name[64] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            continue;
        ck_assert(fgets(name, sizeof(name), file) == NULL || strncmp(name, "repli", 5) != 0);
        fclose(file);
    }
    closedir(tasks);
}

repli_config *http_fixture_config(http_fixture *fixture, int64_t queue_limit) {
    *fixture = (http_fixture){.directory = "/tmp/repli-http-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(fixture->directory));
    char store[96];
    char driver[160];
    snprintf(store, sizeof(store), "%s/agent.db", fixture->directory);
    snprintf(fixture->script, sizeof(fixture->script), "%s/script.json", fixture->directory);
    snprintf(fixture->socket_path, sizeof(fixture->socket_path), "%s/agent.sock",
             fixture->directory);
    snprintf(driver, sizeof(driver), "{\"script\":\"%s\"}", fixture->script);
    http_fixture_script(fixture, "{}");

    repli_config *config;
    MUST(repli_config_new(NULL, &config, err));
    MUST(repli_config_set_str(config, "node_id", "node-1", err));
    MUST(repli_config_set_str(config, "store_path", store, err));
    MUST(repli_config_set_int(config, "observe.interval_ms", 50, err));
    MUST(repli_config_set_int(config, "observe.timeout_ms", HTTP_FIXTURE_OBSERVE_TIMEOUT_MS, err));
    MUST(repli_config_set_int(config, "observe.backoff_max_ms", 100, err));
    if (queue_limit > 0)
        MUST(repli_config_set_int(config, "actions.queue_limit", queue_limit, err));
    MUST(repli_config_set_driver(config, repli_driver_fake_entry, err));
    MUST(repli_config_set_driver_config(config, driver, strlen(driver), err));
    return config;
}

void http_fixture_agent(http_fixture *fixture, int64_t queue_limit) {
    repli_config *config = http_fixture_config(fixture, queue_limit);
    const char *mode = getenv("REPLI_TEST_RUN_MODE");
    fixture->lends = mode != NULL && strcmp(mode, "lent") == 0;
    if (fixture->lends)
        MUST(repli_config_set_run_mode(config, REPLI_RUN_LENT, err));
    MUST(repli_agent_new(config, &fixture->agent, err));
    repli_config_free(config);
    MUST(repli_agent_start(fixture->agent, err));
    if (fixture->lends)
        lend_threads(fixture);
    http_fixture_wait_status(fixture, REPLI_STATUS_HEALTHY);
}

void http_fixture_serve(http_fixture *fixture, const repli_http_options *options) {
    MUST(repli_http_server_new(fixture->agent, options, &fixture->server, err));
    fixture->port = repli_http_server_port(fixture->server);
    snprintf(fixture->base, sizeof(fixture->base), "%s://127.0.0.1:%d",
             options->tls_cert_pem != NULL ? "https" : "http", fixture->port);
}

void http_fixture_setup(http_fixture *fixture) {
    http_fixture_agent(fixture, 0);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.unix_path = fixture->socket_path;
    http_fixture_serve(fixture, &options);
}

void http_fixture_stop_server(http_fixture *fixture) {
    repli_http_server_free(fixture->server, 2000);
    fixture->server = NULL;
}

void http_fixture_teardown(http_fixture *fixture) {
    http_fixture_script(fixture, "{}"); /* a fake store that hangs is to let go */
    if (fixture->lends)
        check_threads();
    http_fixture_stop_server(fixture);
    repli_agent_stop(fixture->agent, 5000, NULL);
    if (fixture->lends) {
        atomic_store(&fixture->ends, 1);
        repli_agent_wakeup(fixture->agent);
        pthread_join(fixture->dispatcher, NULL);
        pthread_join(fixture->worker, NULL);
    }
    repli_agent_free(fixture->agent);
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    ck_assert_int_eq(system(command), 0);
}

void http_fixture_script(http_fixture *fixture, const char *json) {
    char fresh[128];
    snprintf(fresh, sizeof(fresh), "%s.new", fixture->script);
    FILE *file = fopen(fresh, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(json, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename(fresh, fixture->script), 0);
}

static void note_observation(void *user_data, repli_snapshot *snapshot) {
    (void)snapshot;
    atomic_store((atomic_int *)user_data, 1);
}

void http_fixture_store(http_fixture *fixture, const char *json) {
    http_fixture_script(fixture, json);
    atomic_int observed = 0;
    MUST(repli_agent_observe(fixture->agent, 0, PATIENCE_MS, note_observation, &observed, err));
    while (!atomic_load(&observed))
        test_sleep_ms(1);
}

void http_fixture_wait_status(http_fixture *fixture, int32_t status) {
    const int64_t until_ms = test_now_ms() + PATIENCE_MS;
    int32_t now = 0;
    while (now != status && test_now_ms() < until_ms) {
        repli_snapshot *snapshot;
        MUST(repli_agent_snapshot(fixture->agent, &snapshot, err));
        now = repli_snapshot_node(snapshot)->status;
        repli_snapshot_unref(snapshot);
        test_sleep_ms(5);
    }
    ck_assert_int_eq(now, status);
}

http_reply http_do(const http_fixture *fixture, const http_ask *ask) {
    return http_ask_at(fixture->base, fixture->socket_path, ask);
}

http_reply http_get(const http_fixture *fixture, const char *url) {
    const http_ask ask = {.url = url};
    return http_do(fixture, &ask);
}

http_reply http_post(const http_fixture *fixture, const char *body) {
    const http_ask ask = {.url = "/api/unstable/action", .body = body};
    return http_do(fixture, &ask);
}

void http_expect_error(http_reply reply, long status, const char *part) {
    ck_assert_msg(reply.failed == CURLE_OK, "%s", curl_easy_strerror(reply.failed));
    ck_assert_msg(reply.status == status, "%ld instead of %ld: %s", reply.status, status,
                  reply.body);
    char type[64];
    ck_assert_str_eq(http_header(&reply, "Content-Type", type, sizeof(type)), "application/json");
    repli_error decoded = REPLI_ERROR_INIT;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_error_from_json(reply.body, reply.size, &decoded, &error) == REPLI_OK,
                  "%s: %s", error.message, reply.body);
    ck_assert_msg(strstr(decoded.message, part) != NULL, "\"%s\" is not about \"%s\"",
                  decoded.message, part);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"error\":true"));
    http_reply_free(&reply);
}

void http_schedule(const http_fixture *fixture, const char *kind, const char *args, char id[64]) {
    char body[512];
    snprintf(body, sizeof(body), "{\"kind\":\"%s\",\"args\":%s}", kind, args);
    http_reply reply = http_post(fixture, body);
    ck_assert_msg(reply.status == 200, "%ld: %s", reply.status, reply.body);
    ck_assert_int_eq(sscanf(reply.body, "{\"id\":\"%36[0-9a-f-]\"}", id), 1);
    ck_assert_int_eq(repli_uuid_validate(id, NULL), REPLI_OK);
    http_reply_free(&reply);
}

void http_wait_phase(const http_fixture *fixture, const char *id, int32_t phase) {
    const int64_t until_ms = test_now_ms() + PATIENCE_MS;
    int32_t now = 0;
    while (now != phase && test_now_ms() < until_ms) {
        repli_doc *doc;
        const repli_action *action;
        MUST(repli_agent_action(fixture->agent, id, &doc, &action, err));
        now = action->phase;
        repli_doc_free(doc);
        test_sleep_ms(2);
    }
    ck_assert_int_eq(now, phase);
}

int run_suite(Suite *suite) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    curl_global_cleanup();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
