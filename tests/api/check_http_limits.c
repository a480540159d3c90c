/* run.sh alone: how long answers take is compared with limits that are close */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"

enum { REQUEST_MS = 1000, KEEP_ALIVE_MS = 1500, CONNECTIONS = 16, BODY = 4096 };

static http_fixture fixture;

static void setup(void) {
    http_fixture_agent(&fixture, 0);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.health_bind = "127.0.0.1:0";
    options.unix_path = fixture.socket_path;
    options.request_timeout_ms = REQUEST_MS;
    options.keep_alive_ms = KEEP_ALIVE_MS;
    options.max_connections = CONNECTIONS;
    options.max_body = BODY;
    http_fixture_serve(&fixture, &options);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
}

static const char get_node[] = "GET /api/unstable/info/node HTTP/1.1\r\nHost: x\r\n\r\n";
static const char get_live[] = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Bodies. */

/* A request that is valid JSON and has exactly so many bytes; free() it. */
static char *body_of(size_t size) {
    static const char begin[] = "{\"kind\": \"agent.replicante.io/test.success\", \"args\": \"";
    static const char end[] = "\"}";
    char *body = malloc(size + 1);
    ck_assert_ptr_nonnull(body);
    memset(body, 'a', size);
    memcpy(body, begin, sizeof(begin) - 1);
    memcpy(body + size - (sizeof(end) - 1), end, sizeof(end));
    return body;
}

START_TEST(a_body_up_to_the_limit_is_taken) {
    char *body = body_of(BODY);
    const http_ask ask = {.url = "/api/unstable/action", .body = body, .chunked = _i};
    http_expect(http_do(&fixture, &ask), 200);
    free(body);
}
END_TEST

START_TEST(a_larger_body_is_413) {
    const size_t sizes[] = {BODY + 1, 100 * 1024, 8 * 1024 * 1024};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *body = body_of(sizes[i]);
        const http_ask ask = {.url = "/api/unstable/action",
                              .body = body,
                              .chunked = _i == 1,
                              .headers = {_i == 2 ? "Expect: 100-continue" : "Expect:"}};
        http_expect_error(http_do(&fixture, &ask), 413, "larger than 4096 bytes");
        free(body);
    }
    http_reply reply = http_get(&fixture, "/api/unstable/actions/queue");
    ck_assert_str_eq(reply.body, "{\"actions\":[]}");
    http_reply_free(&reply);
}
END_TEST

START_TEST(an_announced_size_is_refused_before_it_comes) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\n"
                 "Content-Length: 99999999999999999999\r\n\r\n");
    char text[4096];
    raw_read(fd, text, sizeof(text), "}", REQUEST_MS / 2, NULL);
    /* A number that large is no number to some. */
    ck_assert_msg(strstr(text, " 413 ") != NULL || strstr(text, " 400 ") != NULL, "%s", text);
    close(fd);

    const int again = raw_connect(fixture.port);
    raw_text(again,
             "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n");
    raw_read(again, text, sizeof(text), "}", REQUEST_MS / 2, NULL);
    ck_assert_ptr_nonnull(strstr(text, " 413 "));
    close(again);
}
END_TEST

START_TEST(expect_continue_is_answered) {
    const int fd = raw_connect(fixture.port);
    char *body = body_of(100);
    raw_text(fd, "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                 "Expect: 100-continue\r\n\r\n");
    char text[4096];
    raw_read(fd, text, sizeof(text), "\r\n\r\n", 5000, NULL);
    ck_assert_str_eq(text, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_text(fd, body);
    raw_read(fd, text, sizeof(text), "\"}", 5000, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 "));
    free(body);
    close(fd);
}
END_TEST

START_TEST(a_body_in_small_pieces_is_put_together) {
    const int fd = raw_connect(fixture.port);
    char *body = body_of(120);
    raw_text(fd, "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < 120; i += 40) {
        char chunk[64];
        snprintf(chunk, sizeof(chunk), "28\r\n%.40s\r\n", body + i);
        raw_send(fd, chunk, 10);
        test_sleep_ms(20);
        raw_text(fd, chunk + 10);
    }
    raw_text(fd, "0\r\n\r\n");
    char text[4096];
    raw_read(fd, text, sizeof(text), "\"}", 5000, NULL);
    ck_assert_msg(strstr(text, "HTTP/1.1 200 ") != NULL, "%s", text);
    free(body);
    close(fd);
}
END_TEST

/* A body where none belongs is read and means nothing. */
START_TEST(a_get_may_have_a_body) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    raw_text(fd, get_node);
    char text[8192];
    raw_read(fd, text, sizeof(text), "\"HEALTHY\"", 5000, NULL);
    ck_assert_int_eq(count_of(text, "HTTP/1.1 200 "), 2);
    close(fd);
}
END_TEST

/* What a connection carries. */

START_TEST(pipelined_requests_are_answered_in_order) {
    const int fd = raw_connect(fixture.port);
    char requests[4096];
    snprintf(requests, sizeof(requests),
             "%s%s"
             "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\n\r\n"
             "{\"kind\":\"agent.replicante.io/test.success\"}\n\n"
             "GET /api/unstable/actions/finished?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n"
             "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             get_live, get_node);
    raw_text(fd, requests);
    char text[16384];
    int end = 0;
    raw_read(fd, text, sizeof(text), NULL, 10000, &end);
    ck_assert_int_eq(end, 1);
    static const char *const in_order[] = {"{\"ok\":true}",  "\"node_id\"",  "{\"id\":\"",
                                           "{\"actions\":[", "HTTP/1.1 404", "nothing at"};
    const char *at = text;
    for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++) {
        at = strstr(at, in_order[i]);
        ck_assert_msg(at != NULL, "%s is missing in %s", in_order[i], text);
    }
    close(fd);
}
END_TEST

START_TEST(http_1_0_is_answered_and_closed) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /role/primary HTTP/1.0\r\n\r\n");
    char text[4096];
    int end = 0;
    raw_read(fd, text, sizeof(text), NULL, 5000, &end);
    ck_assert_ptr_nonnull(strstr(text, " 200 OK"));
    ck_assert_int_eq(end, 1);
    close(fd);
}
END_TEST

START_TEST(a_client_that_only_listens_on_is_answered) {
    static const char *const urls[] = {"/api/unstable/info/node", "/api/unstable/actions/queue",
                                       "/api/unstable/info/node?max_age=0"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        const int fd = raw_connect(fixture.port);
        char request[128];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", urls[i]);
        raw_text(fd, request);
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        char text[4096];
        int end = 0;
        raw_read(fd, text, sizeof(text), NULL, 5000, &end);
        ck_assert_msg(strstr(text, " 200 OK") != NULL, "%s: %s", urls[i], text);
        ck_assert_int_eq(end, 1);
        close(fd);
    }
}
END_TEST

START_TEST(an_absolute_url_is_taken) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET http://agent.example:8000/role/primary?x=1 HTTP/1.1\r\n"
                 "Host: agent.example:8000\r\nConnection: close\r\n\r\n");
    char text[4096];
    raw_read(fd, text, sizeof(text), NULL, 5000, NULL);
    ck_assert_msg(strstr(text, " 200 OK") != NULL, "%s", text);
    close(fd);
}
END_TEST

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *data;
    size_t size;
} rubbish[] = {
    {BYTES("\r\n\r\n\r\n\r\nfoo\r\n\r\n")},
    {BYTES("GET\r\n\r\n")},
    {BYTES("GET / HTTP/9.9\r\n\r\n")},
    {BYTES("GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n")},
    {BYTES("POST /api/unstable/action HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")},
    {BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0\0\0\0\0\r\n\r\n")},
    {BYTES("\0\0\0\0\0\0\0\0\n\n")},
    {BYTES(": : : :\r\n:\r\n\r\n")},
    {BYTES("GET /\x80\xff\xfe?\xff=\xff HTTP/1.1\r\nHost: x\r\n\r\n")},
};

START_TEST(rubbish_hurts_nobody) {
    const int fd = raw_connect(fixture.port);
    raw_send(fd, rubbish[_i].data, rubbish[_i].size);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    char text[4096];
    int end = 0;
    raw_read(fd, text, sizeof(text), NULL, 5 * REQUEST_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_ptr_null(strstr(text, " 200 "));
    close(fd);
    http_expect(http_get(&fixture, "/health/live"), 200);
}
END_TEST

START_TEST(random_bytes_hurt_nobody) {
    unsigned seed = 4711;
    for (int i = 0; i < 200; i++) {
        char data[512];
        for (size_t k = 0; k < sizeof(data); k++)
            data[k] = (char)rand_r(&seed);
        const int fd = raw_connect(fixture.port);
        raw_send(fd, data, sizeof(data));
        close(fd);
    }
    http_expect(http_get(&fixture, "/health/live"), 200);
}
END_TEST

START_TEST(large_headers_are_refused) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /health/live HTTP/1.1\r\nHost: x\r\nX: ");
    char block[4096];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 64; i++)
        raw_send(fd, block, sizeof(block));
    raw_text(fd, "\r\n\r\n");
    const int64_t ms = raw_wait_end(fd, 5 * REQUEST_MS);
    ck_assert_int_ge(ms, 0);
    close(fd);
    http_expect(http_get(&fixture, "/health/live"), 200);
}
END_TEST

/* A client that goes away in the midst of everything; SIGPIPE would end this program. */
START_TEST(clients_that_go_away_hurt_nobody) {
    static const char post[] = "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 43\r\n\r\n"
                               "{\"kind\":\"agent.replicante.io/test.success\"}";
    for (int i = 0; i < 50; i++) {
        const int fd = raw_connect(fixture.port);
        for (int k = 0; k < 20; k++)
            raw_text(fd, i % 2 == 0 ? get_node : post);
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    http_expect(http_get(&fixture, "/health/live"), 200);
}
END_TEST

/* Time. The bounds leave a slow machine several times what is promised. */

static void expect_cut(int fd, int64_t start_ms, int64_t from_ms) {
    ck_assert_int_ge(raw_wait_end(fd, 10 * REQUEST_MS), 0);
    const int64_t took_ms = test_now_ms() - start_ms;
    ck_assert_int_ge(took_ms, from_ms - 50);
    ck_assert_int_lt(took_ms, 4 * from_ms);
    close(fd);
}

START_TEST(a_silent_connection_is_cut) {
    const int64_t start_ms = test_now_ms();
    expect_cut(raw_connect(fixture.port), start_ms, REQUEST_MS);
}
END_TEST

START_TEST(an_idle_connection_is_cut) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, get_live);
    char text[4096];
    raw_read(fd, text, sizeof(text), "true}", 5000, NULL);
    expect_cut(fd, test_now_ms(), KEEP_ALIVE_MS);
}
END_TEST

/* Sends a byte now and then, which keeps an idle timer from ever running out. */
static void dribble(int fd, const char *byte) {
    for (int i = 0; i < 400; i++) {
        raw_send(fd, byte, 1);
        char text[16];
        int end = 0;
        raw_read(fd, text, sizeof(text), NULL, 25, &end);
        if (end)
            return;
    }
}

static const struct {
    const char *begin;
    const char *byte;
} dribbles[] = {
    {"", "G"},
    {"GET /", "a"},
    {"GET / HTTP/1.1\r\nX: ", "a"},
    {"POST /api/unstable/action HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", "a"},
    {"POST /api/unstable/action HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n",
     "a"},
};

START_TEST(a_request_that_dribbles_in_is_cut) {
    const int fd = raw_connect(fixture.port);
    const int64_t start_ms = test_now_ms();
    raw_text(fd, dribbles[_i].begin);
    dribble(fd, dribbles[_i].byte);
    expect_cut(fd, start_ms, REQUEST_MS);
}
END_TEST

START_TEST(a_second_request_that_dribbles_in_is_cut) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, get_live);
    char text[4096];
    raw_read(fd, text, sizeof(text), "true}", 5000, NULL);
    raw_text(fd, "GET / HTTP/1.1\r\nX: ");
    const int64_t start_ms = test_now_ms();
    dribble(fd, "a");
    expect_cut(fd, start_ms, REQUEST_MS);
}
END_TEST

START_TEST(slow_but_in_time_is_fine) {
    const int fd = raw_connect(fixture.port);
    for (const char *at = get_live; *at != '\0'; at++) {
        raw_send(fd, at, 1);
        test_sleep_ms(5);
    }
    char text[4096];
    raw_read(fd, text, sizeof(text), "true}", 5000, NULL);
    ck_assert_ptr_nonnull(strstr(text, " 200 OK"));
    close(fd);
}
END_TEST

/* A UNIX socket holds less than the answer has, so the server notices who does not read. */
START_TEST(an_answer_that_nobody_reads_is_given_up) {
    http_fixture_store(&fixture, "{\"shard_count\": 8000}");
    const http_ask ask = {.url = "/api/unstable/info/shards", .unix_socket = 1};
    http_reply reply = http_do(&fixture, &ask);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_gt(reply.size, 500 * 1024);
    const int fd = raw_connect_unix(fixture.socket_path);
    raw_text(fd, "GET /api/unstable/info/shards HTTP/1.1\r\nHost: x\r\n\r\n");
    test_sleep_ms(4 * REQUEST_MS);
    char *text = malloc(2 * reply.size);
    int end = 0;
    const size_t got = raw_read(fd, text, 2 * reply.size, NULL, 1000, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_uint_gt(got, 0);
    ck_assert_uint_lt(got, reply.size);
    free(text);
    close(fd);
    http_reply_free(&reply);
}
END_TEST

/* Connections. */

START_TEST(more_connections_than_allowed_wait_for_their_turn) {
    int held[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        held[i] = raw_connect(fixture.port);
        raw_text(held[i], "GET / HTTP/1.1\r\nX: ");
    }
    /* Served once those that say nothing are cut. */
    http_reply reply = http_get(&fixture, "/api/unstable/info/node");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_ge(reply.ms, REQUEST_MS / 2);
    http_reply_free(&reply);
    for (int i = 0; i < CONNECTIONS; i++)
        close(held[i]);
}
END_TEST

START_TEST(a_crowd_at_the_api_does_not_hide_the_agents_health) {
    int held[3 * CONNECTIONS];
    for (int i = 0; i < 3 * CONNECTIONS; i++) {
        held[i] = raw_connect(fixture.port);
        raw_text(held[i], "GET / HTTP/1.1\r\nX: ");
    }
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/health/live",
             repli_http_server_health_port(fixture.server));
    http_reply reply = http_get(&fixture, url);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_lt(reply.ms, REQUEST_MS / 2);
    http_reply_free(&reply);
    const http_ask local = {.url = "/health/live", .unix_socket = 1};
    reply = http_do(&fixture, &local);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_lt(reply.ms, REQUEST_MS / 2);
    http_reply_free(&reply);
    for (int i = 0; i < 3 * CONNECTIONS; i++)
        close(held[i]);
}
END_TEST

START_TEST(idle_connections_make_room_at_once) {
    int held[CONNECTIONS];
    char text[4096];
    for (int i = 0; i < CONNECTIONS; i++) {
        held[i] = raw_connect(fixture.port);
        raw_text(held[i], get_live);
        raw_read(held[i], text, sizeof(text), "true}", 5000, NULL);
        ck_assert_ptr_nonnull(strstr(text, " 200 OK"));
    }
    http_reply reply = http_get(&fixture, "/health/live");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_lt(reply.ms, KEEP_ALIVE_MS / 2);
    http_reply_free(&reply);
    /* The one that was idle for longest had to go. */
    int end = 0;
    raw_read(held[0], text, sizeof(text), NULL, 100, &end);
    ck_assert_int_eq(end, 1);
    for (int i = 0; i < CONNECTIONS; i++)
        close(held[i]);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_body_up_to_the_limit_is_taken, 0, 2);
    tcase_add_loop_test(tcase, a_larger_body_is_413, 0, 3);
    tcase_add_test(tcase, an_announced_size_is_refused_before_it_comes);
    tcase_add_test(tcase, expect_continue_is_answered);
    tcase_add_test(tcase, a_body_in_small_pieces_is_put_together);
    tcase_add_test(tcase, a_get_may_have_a_body);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, http_1_0_is_answered_and_closed);
    tcase_add_test(tcase, a_client_that_only_listens_on_is_answered);
    tcase_add_test(tcase, an_absolute_url_is_taken);
    tcase_add_loop_test(tcase, rubbish_hurts_nobody, 0, sizeof(rubbish) / sizeof(rubbish[0]));
    tcase_add_test(tcase, random_bytes_hurt_nobody);
    tcase_add_test(tcase, large_headers_are_refused);
    tcase_add_test(tcase, clients_that_go_away_hurt_nobody);
    tcase_add_test(tcase, a_silent_connection_is_cut);
    tcase_add_test(tcase, an_idle_connection_is_cut);
    tcase_add_loop_test(tcase, a_request_that_dribbles_in_is_cut, 0,
                        sizeof(dribbles) / sizeof(dribbles[0]));
    tcase_add_test(tcase, a_second_request_that_dribbles_in_is_cut);
    tcase_add_test(tcase, slow_but_in_time_is_fine);
    tcase_add_test(tcase, an_answer_that_nobody_reads_is_given_up);
    tcase_add_test(tcase, more_connections_than_allowed_wait_for_their_turn);
    tcase_add_test(tcase, a_crowd_at_the_api_does_not_hide_the_agents_health);
    tcase_add_test(tcase, idle_connections_make_room_at_once);
    Suite *suite = suite_create("http_limits");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
