#include "nodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char base[64];
static char scripts[1024];
static char build[1024];
static char here[128];
static int observe_timeout_ms;
static repli_config *config;

/* What is put today is looked for in today's interval. */
static void await_day(void) {
    enum { DAY_S = 86400, LEAST_S = 120 };
    while (DAY_S - time(NULL) % DAY_S < LEAST_S)
        pause_ms(100);
}

static void prepare(void) {
    const char *given = getenv("BUILD"), *top = getenv("TOP");
    char driver[1100];
    repli_error error = REPLI_ERROR_INIT;
    if (!realpath(given ? given : "build", build))
        exit(EXIT_FAILURE);
    snprintf(driver, sizeof(driver), "%s/drivers/driver_alldata.so", build);
    if (repli_config_new(NULL, &config, &error) != REPLI_OK ||
        repli_config_load_driver(config, driver, NULL, &error) != REPLI_OK) {
        fprintf(stderr, "%s: %s\n", driver, error.message);
        exit(EXIT_FAILURE);
    }
    snprintf(scripts, sizeof(scripts), "%s/tests/clusters/alldata.sh", top ? top : ".");
    snprintf(base, sizeof(base), "/tmp/repli-alldata-XXXXXX");
    if (!mkdtemp(base))
        exit(EXIT_FAILURE);
}

int run_alldata_suite(Suite *suite) {
    prepare();
    await_day();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    repli_config_free(config);
    char command[2400];
    snprintf(command, sizeof(command),
             "for d in %s/*/c; do [ ! -e $d/.cluster ] || BUILD=%s %s down $d; done; %s rm -rf %s",
             base, build, scripts, failed && getenv("KEEP") ? ": #" : "", base);
    if (system(command) != 0)
        fprintf(stderr, "%s could not be removed\n", base);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void folder_new(void) {
    static int count;
    snprintf(here, sizeof(here), "%s/%d-%d", base, (int)getpid(), count++);
    shell("mkdir %s", here);
}

const char *folder(void) {
    return here;
}

/* Nodes. */

void nodes_up(int nodes, int spares, const char *settings) {
    shell("BUILD=%s NODES=%d SPARES=%d %s %s up %s/c 2>&1", build, nodes, spares, settings, scripts,
          folder());
}

void nodes_down(void) {
    shell("BUILD=%s %s down %s/c 2>&1", build, scripts, here);
}

void nodes_do(const char *verb, int node) {
    shell("BUILD=%s %s %s %s/c %d 2>&1", build, scripts, verb, here, node);
}

int node_port(int node, const char *kind) {
    return atoi(shell(". %s/c/env && echo $%s", here, kind)) + node;
}

const char *node_url(int node) {
    static char urls[8][40];
    snprintf(urls[node % 8], sizeof(urls[0]), "http://127.0.0.1:%d", node_port(node, "CLIENTS"));
    return urls[node % 8];
}

/* Events. */

alldata_client *client_of(const char *url) {
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    alldata_client *client = NULL;
    repli_error error = REPLI_ERROR_INIT;
    options.urls = &url;
    options.url_count = 1;
    ck_assert_msg(alldata_client_new(&options, NULL, &client, &error) == REPLI_OK, "%s",
                  error.message);
    return client;
}

/* Until it is acknowledged, as nodes may have to find each other first. */
static void put_surely(alldata_client *client, const alldata_put *put) {
    repli_error error = REPLI_ERROR_INIT;
    for (const int64_t end = now_ms() + 30000;
         alldata_client_put(client, put, NULL, &error) != REPLI_OK; pause_ms(50))
        ck_assert_msg(now_ms() < end, "%s", error.message);
}

void put_events(const char *url, int count) {
    static int number;
    alldata_client *client = client_of(url);
    for (int i = 0; i < count; i++) {
        char event[64];
        alldata_put put = ALLDATA_PUT_INIT;
        put.event = event;
        put.event_size = (size_t)snprintf(event, sizeof(event), "{\"number\":%d}", ++number);
        put_surely(client, &put);
    }
    alldata_client_free(client);
}

void put_late(const char *url, const char *key, const char *event) {
    alldata_client *client = client_of(url);
    alldata_put put = ALLDATA_PUT_INIT;
    put.key = key;
    put.event = event;
    put.event_size = strlen(event);
    put.commit = ALLDATA_COMMIT_ALL;
    put.flags = ALLDATA_PUT_LATE;
    put_surely(client, &put);
    alldata_client_free(client);
}

int count_events(const char *url) {
    alldata_client *client = client_of(url);
    alldata_client_scan_options options = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    alldata_client_scan *scan = NULL;
    repli_error error = REPLI_ERROR_INIT;
    options.local = 1;
    int count = 0;
    ck_assert_msg(alldata_client_scan_new(client, &options, &scan, &error) == REPLI_OK, "%s",
                  error.message);
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code;
    while ((code = alldata_client_scan_next(scan, &record, &error)) == REPLI_OK)
        count++;
    ck_assert_msg(code == REPLI_EDONE, "%s", error.message);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    return count;
}

void await_events(const char *url, int count) {
    const int64_t end = now_ms() + 60000;
    for (int now; (now = count_events(url)) != count; pause_ms(50))
        ck_assert_msg(now_ms() < end, "there are %d events at %s, not %d", now, url, count);
}

/* Agents. */

static repli_agent *start(const char *name, const char *json) {
    char path[256];
    repli_error error = REPLI_ERROR_INIT;
    repli_agent *agent = NULL;
    snprintf(path, sizeof(path), "%s/%s.db", folder(), name);
    int32_t code = repli_config_set_str(config, "node_id", name, &error);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", path, &error);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.interval_ms", 200, &error);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.timeout_ms",
                                    observe_timeout_ms > 0 ? observe_timeout_ms : 5000, &error);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(config, json, strlen(json), &error);
    if (code == REPLI_OK)
        code = repli_agent_new(config, &agent, &error);
    if (code == REPLI_OK)
        code = repli_agent_start(agent, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    return agent;
}

repli_agent *agent_with(const char *name, const char *driver_format, ...) {
    char json[2048];
    va_list args;
    va_start(args, driver_format);
    ck_assert_int_lt(vsnprintf(json, sizeof(json), driver_format, args), (int)sizeof(json));
    va_end(args);
    return start(name, json);
}

repli_agent *agent_beside(int node, int timeout_ms) {
    char name[32];
    snprintf(name, sizeof(name), "agent-%d", node);
    observe_timeout_ms = timeout_ms;
    repli_agent *agent = agent_with(name, "{\"url\": \"%s\"}", node_url(node));
    observe_timeout_ms = 0;
    return agent;
}

const repli_shard *shard_called(const repli_snapshot *snapshot, const char *id) {
    const repli_shards *shards = repli_snapshot_shards(snapshot, NULL);
    for (size_t i = 0; shards != NULL && i < shards->shard_count; i++)
        if (strcmp(shards->shards[i].id, id) == 0)
            return &shards->shards[i];
    return NULL;
}

void await_attribute(repli_agent *agent, const char *name, int64_t value) {
    const int64_t end = now_ms() + 60000;
    for (int found = 0; !found; pause_ms(20)) {
        repli_snapshot *seen = look(agent);
        const repli_attribute *attribute = attribute_of(seen, name);
        found = attribute != NULL && attribute->integer == value;
        ck_assert_msg(found || now_ms() < end, "%s is %lld and not %lld", name,
                      attribute != NULL ? (long long)attribute->integer : -1, (long long)value);
        repli_snapshot_unref(seen);
    }
}

const char *day_before(int days) {
    static char names[4][32];
    static int at;
    const time_t then = time(NULL) - (time_t)days * 86400;
    struct tm utc;
    char *name = names[at++ % 4];
    ck_assert_ptr_nonnull(gmtime_r(&then, &utc));
    strftime(name, sizeof(names[0]), "%Y%m%dT000000", &utc);
    return name;
}
