/* What lib/web makes of requests, and how they are answered. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web_fixture.h"

static void threads(void) {
    web_fixture_setup(WEB_THREADS);
}

static void relieved(void) {
    web_fixture_setup(WEB_RELIEVED);
}

static void driven(void) {
    web_fixture_setup(WEB_DRIVEN);
}

static void teardown(void) {
    web_fixture_teardown();
}

/* Requests. */

START_TEST(a_handler_is_told_how_a_request_came) {
    http_reply reply = web_ask((http_ask){
        .url = "/now?a=%20b", .body = "hello", .method = "PUT", .headers = {"ACCEPT: this"}});
    char expected[128];
    snprintf(expected, sizeof(expected),
             "PUT /now?a=%%20b kind %d flags %u peer none accept this body 5:hello|", KIND_MAIN,
             REPLI__WEB_LOOPBACK);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body, expected);
    http_reply_free(&reply);

    reply = web_ask((http_ask){.url = "/worker", .unix_socket = 1, .headers = {"Accept:"}});
    snprintf(expected, sizeof(expected),
             "GET /worker kind %d flags %u peer uid:%lu accept none body 0:|", KIND_LOCAL,
             REPLI__WEB_UNIX, (unsigned long)getuid());
    ck_assert_str_eq(reply.body, expected);
    http_reply_free(&reply);
}
END_TEST

START_TEST(what_is_too_long_is_cut) {
    char request[4096];
    char text[8192];
    char target[REPLI__WEB_TARGET_SIZE + 10];
    memset(target, 'x', sizeof(target));
    target[0] = '/';
    target[sizeof(target) - 1] = '\0';
    snprintf(request, sizeof(request),
             "ABCDEFGHIJKLMNOPQRSTUVWXYZ %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             target);
    const int fd = raw_connect(fixture.port);
    raw_text(fd, request);
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, NULL);
    close(fd);
    ck_assert_ptr_nonnull(strstr(text, "\r\n\r\nABCDEFGHIJKLMNOPQRSTUVW /xxx"));
    const char *told = strstr(text, " /xxx") + 1;
    ck_assert_uint_eq(strspn(told, "/x"), REPLI__WEB_TARGET_SIZE - 1);
}
END_TEST

START_TEST(bodies_arrive_however_they_are_sent) {
    char *body = malloc(BODY + 1);
    memset(body, 'b', BODY);
    body[BODY] = '\0';
    for (int chunked = 0; chunked < 2; chunked++)
        for (int expects = 0; expects < 2; expects++) {
            http_reply reply =
                web_ask((http_ask){.url = "/now",
                                   .body = body,
                                   .chunked = chunked,
                                   .headers = {expects ? "Expect: 100-continue" : "Expect:"}});
            ck_assert_int_eq(reply.status, 200);
            const char *at = strstr(reply.body, "body 4096:");
            ck_assert_ptr_nonnull(at);
            ck_assert_uint_eq(strspn(at + 10, "b"), BODY);
            http_reply_free(&reply);
        }
    free(body);
}
END_TEST

START_TEST(a_client_that_waits_for_100_gets_it) {
    char text[4096];
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                 "Expect: 100-continue\r\n\r\n");
    raw_read(fd, text, sizeof(text), "\r\n\r\n", PATIENCE_MS, NULL);
    ck_assert_str_eq(text, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_text(fd, "5\r\nhello\r\n0\r\n\r\n");
    raw_read(fd, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "body 5:hello|"));
    close(fd);
}
END_TEST

START_TEST(a_body_in_crumbs_is_put_together) {
    static const char request[] = "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                                  "\r\n2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\n";
    char text[4096];
    const int fd = raw_connect(fixture.port);
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        raw_send(fd, &request[i], 1);
    raw_read(fd, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "body 6:abcdef|"));
    close(fd);
}
END_TEST

/* All sent before any answer is read, of all ways to answer. */
START_TEST(pipelined_requests_are_answered_in_order) {
    enum { ROUNDS = 20 };
    static const char *const paths[] = {"/now", "/worker", "/prepared", "/owned", "/stream"};
    enum { PATHS = sizeof(paths) / sizeof(paths[0]) };
    static char text[256 * 1024];
    fixture.plan.pages = 1;
    fixture.plan.size = 100;
    fixture.plan.first = "begin";
    const int fd = raw_connect(fixture.port);
    for (int i = 0; i < ROUNDS * PATHS; i++) {
        char request[256];
        snprintf(request, sizeof(request),
                 "POST %s?%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%s\r\n"
                 "3\r\n%03d\r\n0\r\n\r\n",
                 paths[i % PATHS], i, i == ROUNDS * PATHS - 1 ? "Connection: close\r\n" : "", i);
        raw_text(fd, request);
    }
    int end = 0;
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    close(fd);
    ck_assert_int_eq(count_of(text, "HTTP/1.1 200 OK"), ROUNDS * PATHS);
    const char *at = text;
    for (int i = 0; i < ROUNDS * PATHS; i++) {
        static const char *const parts[] = {"body 3:", "body 3:", "prepared", "owned", "begin"};
        char part[32];
        snprintf(part, sizeof(part), i % PATHS < 2 ? "%s%03d|" : "%s", parts[i % PATHS], i);
        at = strstr(at, part);
        ck_assert_msg(at != NULL, "%s is missing", part);
    }
    ck_assert_int_eq(atomic_load(&fixture.released), ROUNDS);
}
END_TEST

START_TEST(http_1_0_is_answered_and_closed) {
    char text[4096];
    int end = 0;
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /now HTTP/1.0\r\n\r\n");
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_ptr_nonnull(strstr(text, "GET /now kind"));
    ck_assert_int_eq(end, 1);
    close(fd);
}
END_TEST

START_TEST(a_bad_request_line_never_reaches_the_handler) {
    char text[4096];
    int end = 0;
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "this is no request\r\n\r\n");
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_int_eq(atomic_load(&fixture.begun), 0);
    close(fd);
}
END_TEST

/* Answers. */

START_TEST(an_answer_has_its_headers) {
    char text[64];
    http_reply reply = web_get("/now");
    ck_assert_str_eq(http_header(&reply, "Content-Type", text, sizeof(text)), "text/plain");
    ck_assert_str_eq(http_header(&reply, "X-One", text, sizeof(text)), "1");
    ck_assert_str_eq(http_header(&reply, "X-Two", text, sizeof(text)), "2");
    ck_assert_str_eq(http_header(&reply, "Retry-After", text, sizeof(text)), "3");
    http_reply_free(&reply);
}
END_TEST

START_TEST(a_head_has_no_body) {
    static const char *const paths[] = {"/now", "/owned", "/prepared", "/stream"};
    fixture.plan.pages = 1;
    fixture.plan.size = 10;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char request[128];
        char text[4096];
        int end = 0;
        snprintf(request, sizeof(request),
                 "HEAD %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", paths[i]);
        const int fd = raw_connect(fixture.port);
        raw_text(fd, request);
        raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
        close(fd);
        ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK"));
        ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    }
    wait_for(&fixture.ended, 1);
    ck_assert_int_eq(atomic_load(&fixture.made), 0);
}
END_TEST

START_TEST(an_owner_hears_when_its_body_was_sent) {
    for (int i = 1; i <= 3; i++) {
        http_reply reply = web_get("/owned");
        ck_assert_str_eq(reply.body, "owned");
        http_reply_free(&reply);
        wait_for(&fixture.released, i);
    }
    ck_assert_int_eq(atomic_load(&fixture.released), 3);
}
END_TEST

/* Each of many clients has a request that is answered later, by whichever of several threads. */

enum { CLIENTS = 12, ROUNDS = 50, ANSWERERS = 4 };

static atomic_int answered;

static void *answer_some(void *argument) {
    (void)argument;
    for (int i = 0; i < CLIENTS * ROUNDS / ANSWERERS; i++) {
        pthread_mutex_lock(&fixture.mutex);
        while (fixture.kept_count == 0)
            pthread_cond_wait(&fixture.changed, &fixture.mutex);
        const repli__web_request *request = fixture.kept[--fixture.kept_count];
        pthread_mutex_unlock(&fixture.mutex);
        char text[64];
        snprintf(text, sizeof(text), "to %.40s!", request->target);
        const repli__web_response response = {
            .status = 200, .body = text, .body_size = strlen(text)};
        atomic_fetch_add(&answered, 1);
        repli__web_answer(request, &response);
    }
    return NULL;
}

static void *ask_often(void *argument) {
    const int client = *(const int *)argument;
    CURL *curl = curl_easy_init();
    int right = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char path[64];
        char expected[80];
        snprintf(path, sizeof(path), "/later?%d.%d", client, i);
        snprintf(expected, sizeof(expected), "to %s!", path);
        http_reply reply = web_ask((http_ask){.url = path, .curl = curl});
        right += strcmp(reply.body, expected) == 0;
        http_reply_free(&reply);
    }
    curl_easy_cleanup(curl);
    return right == ROUNDS ? argument : NULL;
}

START_TEST(answers_from_many_threads_find_their_clients) {
    pthread_t clients[CLIENTS];
    pthread_t answerers[ANSWERERS];
    int numbers[CLIENTS];
    atomic_store(&answered, 0);
    for (int i = 0; i < ANSWERERS; i++)
        pthread_create(&answerers[i], NULL, answer_some, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        pthread_create(&clients[i], NULL, ask_often, &numbers[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        void *right;
        pthread_join(clients[i], &right);
        ck_assert_ptr_nonnull(right);
    }
    for (int i = 0; i < ANSWERERS; i++)
        pthread_join(answerers[i], NULL);
    ck_assert_int_eq(atomic_load(&answered), CLIENTS * ROUNDS);
}
END_TEST

START_TEST(a_client_that_leaves_takes_nothing_along) {
    for (int i = 0; i < 3; i++) {
        const int fd = raw_connect(fixture.port);
        raw_text(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        web_fixture_kept(1);
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        web_fixture_answer("too late");
    }
    http_expect(web_get("/now"), 200);
}
END_TEST

enum { LEAVERS = 300 };

/* Now sooner, now later than a connection is held for an answer. */
static void *answer_late(void *argument) {
    for (int i = 0; i < LEAVERS; i++) {
        web_fixture_kept(1);
        usleep((useconds_t)(i * 7 % 600));
        web_fixture_answer("to nobody");
    }
    return argument;
}

START_TEST(clients_may_leave_at_any_time) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    pthread_t answerer;
    pthread_create(&answerer, NULL, answer_late, NULL);
    for (int i = 0; i < LEAVERS; i++) {
        const int fd = raw_connect(fixture.port);
        raw_text(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_for(&fixture.begun, i + 1);
        usleep((useconds_t)(i * 11 % 600));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    pthread_join(answerer, NULL);
    http_expect(web_get("/now"), 200);
}
END_TEST

/* With threads of its own only: otherwise there is just the one that is blocked. */
START_TEST(a_worker_that_is_blocked_holds_up_nobody_else) {
    const int blocked = raw_connect(fixture.port);
    const int behind = raw_connect(fixture.port);
    char text[4096];
    raw_text(blocked, "GET /blocked HTTP/1.1\r\nHost: x\r\n\r\n");
    pthread_mutex_lock(&fixture.mutex);
    while (fixture.within == 0)
        pthread_cond_wait(&fixture.changed, &fixture.mutex);
    pthread_mutex_unlock(&fixture.mutex);
    raw_text(behind, "GET /worker HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&fixture.begun, 2);
    http_expect(web_get("/now"), 200);
    web_fixture_open();
    raw_read(blocked, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "GET /blocked"));
    raw_read(behind, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "GET /worker"));
    close(blocked);
    close(behind);
}
END_TEST

START_TEST(what_was_done_is_counted) {
    repli__web_counts counts;
    http_reply reply = web_ask((http_ask){.url = "/now", .body = "hello", .chunked = 1});
    const size_t size = reply.size;
    http_reply_free(&reply);
    http_expect(web_get("/prepared"), 200);
    const int64_t end_ms = test_now_ms() + PATIENCE_MS;
    do
        repli__web_count(fixture.web, &counts);
    while (counts.open > 0 && test_now_ms() < end_ms);
    ck_assert_uint_eq(counts.open, 0);
    ck_assert_uint_eq(counts.connections, 2);
    ck_assert_uint_eq(counts.cut, 0);
    ck_assert_uint_eq(counts.requests, 2);
    ck_assert_uint_eq(counts.refused, 0);
    ck_assert_uint_eq(counts.bytes_in, 5);
    ck_assert_uint_eq(counts.bytes_out, size + strlen("prepared"));
}
END_TEST

/* Each piece of memory is missing once: the client gets an answer or none, and the next one does.
 */
START_TEST(without_memory_the_server_lives_on) {
    static const char *const paths[] = {"/now", "/worker", "/owned", "/prepared", "/stream"};
    char *body = malloc(BODY + 1);
    memset(body, 'b', BODY);
    body[BODY] = '\0';
    fixture.plan.pages = 2;
    fixture.plan.size = 3000;
    fixture.plan.first = "begin";
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t at = 0;
        do {
            failing_arm(&fixture.memory, ++at, 0);
            atomic_store(&fixture.made, 0);
            http_reply reply = web_ask((http_ask){.url = paths[i], .body = body});
            ck_assert_msg(reply.status == 200 || reply.status == 503 || reply.failed != CURLE_OK,
                          "%s, request %zu: status %ld", paths[i], at, reply.status);
            http_reply_free(&reply);
        } while (atomic_load(&fixture.memory.failures) > 0);
        ck_assert_uint_gt(at, 1);
        failing_arm(&fixture.memory, 0, 0);
        atomic_store(&fixture.made, 0);
        http_expect(web_ask((http_ask){.url = paths[i], .body = body}), 200);
    }
    free(body);
}
END_TEST

static void add_tests(TCase *tcase) {
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_handler_is_told_how_a_request_came);
    tcase_add_test(tcase, what_is_too_long_is_cut);
    tcase_add_test(tcase, bodies_arrive_however_they_are_sent);
    tcase_add_test(tcase, a_client_that_waits_for_100_gets_it);
    tcase_add_test(tcase, a_body_in_crumbs_is_put_together);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, http_1_0_is_answered_and_closed);
    tcase_add_test(tcase, a_bad_request_line_never_reaches_the_handler);
    tcase_add_test(tcase, an_answer_has_its_headers);
    tcase_add_test(tcase, a_head_has_no_body);
    tcase_add_test(tcase, an_owner_hears_when_its_body_was_sent);
    tcase_add_test(tcase, answers_from_many_threads_find_their_clients);
    tcase_add_test(tcase, a_client_that_leaves_takes_nothing_along);
    tcase_add_test(tcase, clients_may_leave_at_any_time);
    tcase_add_test(tcase, what_was_done_is_counted);
    tcase_add_test(tcase, without_memory_the_server_lives_on);
}

int main(void) {
    Suite *suite = suite_create("web: requests");
    TCase *with_threads = tcase_create("threads");
    tcase_add_checked_fixture(with_threads, threads, teardown);
    add_tests(with_threads);
    tcase_add_test(with_threads, a_worker_that_is_blocked_holds_up_nobody_else);
    suite_add_tcase(suite, with_threads);
    TCase *with_relief = tcase_create("relieved");
    tcase_add_checked_fixture(with_relief, relieved, teardown);
    add_tests(with_relief);
    suite_add_tcase(suite, with_relief);
    TCase *without = tcase_create("driven");
    tcase_add_checked_fixture(without, driven, teardown);
    add_tests(without);
    suite_add_tcase(suite, without);
    return web_run_suite(suite);
}
