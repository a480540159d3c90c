/* A server on an agent that its host drives, in the one thread that there is. tests/embed/http.sh
 * looks at everything else, with an agent that two threads drive. */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"

enum { PATIENCE_MS = 20000, TEXT_SIZE = 64 * 1024 };

static http_fixture fixture;
static char text[TEXT_SIZE];

static void setup(void) {
    repli_config *config = http_fixture_config(&fixture, 0);
    ck_assert_int_eq(repli_config_set_run_mode(config, REPLI_RUN_DISPATCH, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_new(config, &fixture.agent, NULL), REPLI_OK);
    repli_config_free(config);
    ck_assert_int_eq(repli_agent_start(fixture.agent, NULL), REPLI_OK);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
}

static void serve(void) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.unix_path = fixture.socket_path;
    http_fixture_serve(&fixture, &options);
}

static void dispatch(void) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_dispatch(fixture.agent, &error) == REPLI_OK, "%s", error.message);
}

/* The loop of a host, until there is something to read from fd. Fails after PATIENCE_MS. */
static void turn_until_readable(int fd) {
    struct pollfd fds[] = {{.fd = repli_agent_fd(fixture.agent), .events = POLLIN},
                           {.fd = fd, .events = POLLIN}};
    const int64_t until_ms = test_now_ms() + PATIENCE_MS;
    do {
        ck_assert_int_gt(poll(fds, 2, (int)(until_ms - test_now_ms())), 0);
        if (fds[0].revents != 0)
            dispatch();
    } while (fds[1].revents == 0);
}

/* Not 0 if the answer in text is there as a whole. */
static int is_whole(void) {
    const char *body = strstr(text, "\r\n\r\n");
    const char *size = strcasestr(text, "Content-Length:");
    return body != NULL && size != NULL && strlen(body + 4) >= strtoul(size + 15, NULL, 10);
}

static const char *answer(int fd) {
    const int64_t until_ms = test_now_ms() + PATIENCE_MS;
    size_t used = 0;
    text[0] = '\0';
    while (!is_whole()) {
        ck_assert_msg(test_now_ms() < until_ms, "%s", text);
        turn_until_readable(fd);
        const ssize_t got = recv(fd, text + used, sizeof(text) - used - 1, MSG_DONTWAIT);
        ck_assert_msg(got > 0, "%s", text);
        used += (size_t)got;
        text[used] = '\0';
    }
    return text;
}

static const char *ask(int fd, const char *request) {
    raw_text(fd, request);
    return answer(fd);
}

static int thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    int count = 0;
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;)
        count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define SCHEDULE                                                                                   \
    "POST /api/unstable/action HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n"                  \
    "{\"kind\": \"agent.replicante.io/test.loop\"}\n"

START_TEST(one_thread_does_it_all) {
    ck_assert_int_eq(thread_count(), 1);
    serve();
    const int fds[] = {raw_connect(fixture.port), raw_connect_unix(fixture.socket_path)};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(strstr(ask(fds[i], GET("/api/unstable/info/node?max_age=0")),
                                     "\"node_status\":\"HEALTHY\""));
        char id[40] = "";
        const char *scheduled = strstr(ask(fds[i], SCHEDULE), "{\"id\":");
        ck_assert_ptr_nonnull(scheduled);
        ck_assert_int_eq(sscanf(scheduled, "{\"id\":\"%36[0-9a-f-]\"}", id), 1);
        char request[200];
        snprintf(request, sizeof(request), GET("/api/unstable/action/%s"), id);
        while (strstr(ask(fds[i], request), "\"phase\":\"DONE\"") == NULL)
            continue;
        ck_assert_ptr_nonnull(
            strstr(ask(fds[i], GET("/api/unstable/actions/queue")), "\"actions\":[]"));
        ck_assert_ptr_nonnull(strstr(ask(fds[i], GET("/api/unstable/actions/finished")), id));
        close(fds[i]);
    }
    ck_assert_int_eq(thread_count(), 1);
}
END_TEST

START_TEST(it_answers_before_the_start_and_after_the_stop) {
    repli_agent_stop(fixture.agent, 1000, NULL);
    serve();
    const int fd = raw_connect(fixture.port);
    ck_assert_ptr_nonnull(strstr(ask(fd, GET("/health/live")), " 503 "));
    ck_assert_ptr_nonnull(strstr(ask(fd, SCHEDULE), " 503 "));
    close(fd);
}
END_TEST

START_TEST(a_request_that_does_not_come_is_cut) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.request_timeout_ms = 50;
    http_fixture_serve(&fixture, &options);
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /health/live HT");
    int end = 0;
    while (!end) {
        turn_until_readable(fd);
        raw_read(fd, text, sizeof(text), NULL, 10, &end);
    }
    close(fd);
}
END_TEST

START_TEST(what_has_begun_is_finished_by_free) {
    serve();
    const int fds[] = {raw_connect(fixture.port), raw_connect(fixture.port),
                       raw_connect(fixture.port)};
    raw_text(fds[0], GET("/api/unstable/info/node?max_age=0"));
    raw_text(fds[1], SCHEDULE);
    raw_text(fds[2], GET("/api/unstable/actions/queue"));
    http_fixture_stop_server(&fixture);
    for (size_t i = 0; i < 3; i++) {
        int end = 0;
        raw_read(fds[i], text, sizeof(text), NULL, PATIENCE_MS, &end);
        ck_assert_msg(end && strstr(text, " 200 OK") != NULL, "%s", text);
        close(fds[i]);
    }
    ck_assert_int_ge(repli_agent_fd(fixture.agent), 0);
    dispatch();
}
END_TEST

START_TEST(free_has_no_more_patience_than_it_is_given) {
    serve();
    http_fixture_script(&fixture, "{\"delay_ms\": 100}");
    const int fd = raw_connect(fixture.port);
    raw_text(fd, GET("/api/unstable/info/node?max_age=0&timeout=60000"));
    const int64_t start_ms = test_now_ms();
    repli_http_server_free(fixture.server, 0);
    fixture.server = NULL;
    ck_assert_int_lt(test_now_ms() - start_ms, 10000);
    int end = 0;
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    close(fd);
    /* The answer comes when nobody wants it any more. */
    repli_agent_run(fixture.agent, 500, NULL);
}
END_TEST

START_TEST(reload_needs_nobody_to_dispatch) {
    serve();
    const int kept = raw_connect(fixture.port);
    ask(kept, GET("/health/live"));
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.writes = REPLI_HTTP_WRITES_NEVER;
    ck_assert_int_eq(repli_http_server_reload(fixture.server, &options, NULL), REPLI_OK);
    ck_assert_ptr_nonnull(strstr(ask(kept, SCHEDULE), " 403 "));
    close(kept);
}
END_TEST

START_TEST(two_servers_share_the_loop) {
    serve();
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    repli_http_server *other;
    ck_assert_int_eq(repli_http_server_new(fixture.agent, &options, &other, NULL), REPLI_OK);
    const int first = raw_connect(fixture.port);
    const int second = raw_connect(repli_http_server_port(other));
    ask(first, GET("/health/live"));
    ask(second, GET("/health/live"));
    repli_http_server_free(other, 1000);
    ask(first, GET("/health/live"));
    close(first);
    close(second);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("http_driven");
    TCase *tcase = tcase_create("driven");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_thread_does_it_all);
    tcase_add_test(tcase, it_answers_before_the_start_and_after_the_stop);
    tcase_add_test(tcase, a_request_that_does_not_come_is_cut);
    tcase_add_test(tcase, what_has_begun_is_finished_by_free);
    tcase_add_test(tcase, free_has_no_more_patience_than_it_is_given);
    tcase_add_test(tcase, reload_needs_nobody_to_dispatch);
    tcase_add_test(tcase, two_servers_share_the_loop);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
