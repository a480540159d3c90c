/* What clients of the reference say, byte for byte, and what they are answered. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "golden.h"
#include "world.h"

static world w;

/* As captured from a client of the reference. */
static char *reference_put;

static void setup(void) {
    reference_put = golden_read("alldata/put.http");
    world_begin(&w);
    world_open(&w);
}

static void teardown(void) {
    world_end(&w);
    free(reference_put);
}

/* A put of body, with its length. */
static char *put_size(const char *body, size_t size) {
    char *request = malloc(size + 200);
    ck_assert_ptr_nonnull(request);
    const int head =
        snprintf(request, 200, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", size);
    memcpy(request + head, body, size);
    char *answer = world_send(w.port, request, (size_t)head + size);
    free(request);
    return answer;
}

static char *put(const char *body) {
    return put_size(body, strlen(body));
}

static void expect_stored(const char *body) {
    char *answer = put(body);
    ck_assert_msg(world_status(answer) == 201, "%s", answer);
    ck_assert_str_eq(world_body(answer), "");
    free(answer);
}

static void expect_refused(const char *body, int status) {
    char *answer = put(body);
    ck_assert_msg(world_status(answer) == status, "%d expected: %s", status, answer);
    ck_assert_ptr_nonnull(strstr(world_body(answer), "{\"error\":true,\"error_msg\":\""));
    free(answer);
    ck_assert_uint_eq(world_count(&w), 0);
}

static void expect_values(const char *values) {
    char *got = world_values(&w);
    ck_assert_str_eq(got, values);
    free(got);
}

static const char reference_event[] = "{\"timestamp\":1795222614995,\"stuff\":\"foo\"}";

START_TEST(a_put_of_the_reference_is_taken) {
    char *answer = world_text(w.port, reference_put);
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 201 Created\r\n", 22), 0);
    ck_assert_ptr_nonnull(strcasestr(answer, "\r\nContent-Length: 0\r\n"));
    ck_assert_ptr_nonnull(strcasestr(answer, "\r\nDate: "));
    ck_assert_ptr_null(strcasestr(answer, "connection: close"));
    ck_assert_str_eq(world_body(answer), "");
    free(answer);
    expect_values("{\"timestamp\":1795222614995,\"stuff\":\"foo\"}\n");
}
END_TEST

START_TEST(the_answer_has_the_key) {
    char key[64] = "";
    char *answer = put(reference_event);
    const char *header = strcasestr(answer, "\r\nAllData-Key: ");
    ck_assert_ptr_nonnull(header);
    ck_assert_int_eq(sscanf(header + 15, "%40[0-9T]\r", key), 1);
    char expected[160];
    snprintf(expected, sizeof(expected), "%s %s\n", key, reference_event);
    char *events = world_events(&w);
    ck_assert_str_eq(events, expected);
    free(events);
    free(answer);
}
END_TEST

START_TEST(any_path_takes_events) {
    static const char *const paths[] = {"/",  "/any/path?with=query", "/metrics", "/%zz",
                                        "//", "/health/live"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char request[200];
        snprintf(request, sizeof(request),
                 "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                 "Content-Length: 1\r\n\r\n%zu",
                 paths[i], i);
        char *answer = world_text(w.port, request);
        ck_assert_msg(world_status(answer) == 201, "%s: %s", paths[i], answer);
        free(answer);
    }
    ck_assert_uint_eq(world_count(&w), sizeof(paths) / sizeof(paths[0]));
}
END_TEST

START_TEST(puts_may_be_pipelined) {
    static const char all[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
                              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull"
                              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3"
                              "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                              "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "1\r\n5\r\n0\r\n\r\n";
    char text[8192];
    const int fd = raw_connect(w.port);
    raw_text(fd, all);
    size_t used = 0;
    static const int statuses[] = {201, 500, 201, 405, 201};
    const char *at = text;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const char *next;
        while ((next = strstr(at, "HTTP/1.1 ")) == NULL || strstr(next, "\r\n\r\n") == NULL) {
            const size_t got =
                raw_read(fd, text + used, sizeof(text) - used, "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
            ck_assert_msg(got > 0, "no answer %zu: %s", i, text);
            used += got;
        }
        ck_assert_msg(world_status(next) == statuses[i], "answer %zu: %s", i, next);
        at = strstr(next, "\r\n\r\n");
    }
    close(fd);
    expect_values("1\n3\n5\n");
}
END_TEST

START_TEST(connections_of_1_0_end) {
    char text[2048];
    int end = 0;
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n17");
    raw_read(fd, text, sizeof(text), NULL, WORLD_PATIENCE_MS, &end);
    close(fd);
    ck_assert_int_eq(world_status(text), 201);
    ck_assert_int_eq(end, 1);
    expect_values("17\n");
}
END_TEST

START_TEST(who_waits_is_told_to_continue) {
    char text[2048];
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
    ck_assert_int_eq(world_status(text), 100);
    raw_text(fd, "23");
    raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
    ck_assert_int_eq(world_status(text), 201);
    close(fd);
    expect_values("23\n");
}
END_TEST

/* Weakness 13: characters of more than one byte, cut anywhere. */
START_TEST(characters_survive_segments) {
    static const char event[] = "{\"a\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"}";
    static const int yes = 1;
    char text[1024];
    snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof(event) - 1, event);
    const int fd = raw_connect(w.port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    for (const char *at = text; *at != '\0'; at++) {
        raw_send(fd, at, 1);
        if ((unsigned char)*at >= 0x80)
            test_sleep_ms(2); /* so that it is a segment of its own */
    }
    raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
    close(fd);
    ck_assert_int_eq(world_status(text), 201);
    expect_values("{\"a\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"}\n");
}
END_TEST

enum { LARGE = 300 * 1000, LARGE_COUNT = 40 };

/* n: how long chunks are; all that matters is that they cut characters in two. */
static char *chunked(const char *event, size_t size, size_t n, size_t *ret_size) {
    char *request = malloc(size * 2 + 4096);
    ck_assert_ptr_nonnull(request);
    size_t used = (size_t)sprintf(
        request, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < size; at += n) {
        const size_t now = size - at < n ? size - at : n;
        used += (size_t)sprintf(request + used, "%zx\r\n", now);
        memcpy(request + used, event + at, now);
        used += now;
        memcpy(request + used, "\r\n", 2);
        used += 2;
    }
    memcpy(request + used, "0\r\n\r\n", 5);
    *ret_size = used + 5;
    return request;
}

START_TEST(large_texts_survive) {
    char *event = malloc(LARGE + 3);
    ck_assert_ptr_nonnull(event);
    event[0] = '"';
    for (size_t i = 0; i < LARGE; i += 2)
        memcpy(event + 1 + i, "\xC3\xA9", 2);
    memcpy(event + 1 + LARGE, "\"", 2);
    for (int i = 0; i < LARGE_COUNT; i++) {
        size_t size;
        char *request = chunked(event, LARGE + 2, 1001 + (size_t)i * 777, &size);
        char *answer = world_send(w.port, request, size);
        ck_assert_msg(world_status(answer) == 201, "%s", answer);
        free(answer);
        free(request);
    }
    char *values = world_values(&w);
    const char *at = values;
    for (int i = 0; i < LARGE_COUNT; i++, at += LARGE + 3) {
        ck_assert_int_eq(memcmp(at, event, LARGE + 2), 0);
        ck_assert_int_eq(at[LARGE + 2], '\n');
    }
    ck_assert_int_eq(*at, '\0');
    free(values);
    free(event);
}
END_TEST

/* Weakness 14. */
START_TEST(events_stay_byte_for_byte) {
    static const char *const events[] = {
        "{\"n\":12345678901234567890}",
        "1e400",
        "-0",
        "1.0",
        "{\"a\":1,\"a\":2}",
        "{\"b\":1,\"2\":2,\"1\":3}",
        " [ 1 ,\t2 ]\r\n",
        "\"\\u0000\\ud83d\\ude00\\/\"",
        "\"\\ud800\"",
        "0.1e-7000",
        "true",
        "{\"\":{\"\":[]}}",
    };
    size_t size = 0;
    char expected[1024];
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        expect_stored(events[i]);
        size += (size_t)snprintf(expected + size, sizeof(expected) - size, "%s\n", events[i]);
    }
    expect_values(expected);
}
END_TEST

START_TEST(what_is_no_event_is_refused) {
    expect_refused("", 400);
    expect_refused("{", 400);
    expect_refused("{\"a\":1}}", 400);
    expect_refused("\xEF\xBB\xBF{}", 400); /* a mark of the order of bytes */
    expect_refused("null", 500);
    expect_refused(" null\n", 500);
    expect_refused("nul", 400);
}
END_TEST

START_TEST(invalid_utf8_is_refused) {
    expect_refused("\"\xC3\"", 400);
    expect_refused("\"\xC0\xAF\"", 400);
    expect_refused("\"\xED\xA0\x80\"", 400);
    expect_refused("{\"\xFF\":1}", 400);
    char *answer = put_size("\"a\0b\"", 5);
    ck_assert_int_eq(world_status(answer), 400);
    free(answer);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

START_TEST(other_methods_are_refused) {
    static const char *const methods[] = {"GET", "PUT", "DELETE", "OPTIONS", "PATCH"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        char request[100];
        snprintf(request, sizeof(request), "%s / HTTP/1.1\r\nHost: x\r\n\r\n", methods[i]);
        char *answer = world_text(w.port, request);
        ck_assert_msg(world_status(answer) == 405, "%s", answer);
        ck_assert_ptr_nonnull(strcasestr(answer, "\r\nAllow: POST\r\n"));
        free(answer);
    }
    http_reply reply = http_ask_at(w.base, NULL, &(http_ask){.url = "/", .method = "HEAD"});
    ck_assert_int_eq(reply.status, 405);
    http_reply_free(&reply);
}
END_TEST

START_TEST(what_is_no_request_is_refused) {
    char *answer = world_text(w.port, "nonsense\r\n\r\n");
    ck_assert_msg(world_status(answer) == 400 || answer[0] == '\0', "%s", answer);
    free(answer);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

/* Headers of our own. */

static http_reply put_with(const char *header, const char *body) {
    return http_ask_at(w.base, NULL, &(http_ask){.url = "/", .body = body, .headers = {header}});
}

START_TEST(a_client_may_give_the_key) {
    char header[64], key[ALLDATA_KEY_SIZE], expected[64];
    world_key(0, key);
    snprintf(header, sizeof(header), "AllData-Key: %s", key);
    http_expect(put_with(header, "[1]"), 201);
    http_expect(put_with(header, "[1]"), 201); /* tried again */
    http_reply reply = put_with(header, "[2]");
    ck_assert_int_eq(reply.status, 409);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"code\":\"conflict\""));
    ck_assert_ptr_nonnull(strstr(reply.body, key));
    http_reply_free(&reply);
    snprintf(expected, sizeof(expected), "%s [1]\n", key);
    char *events = world_events(&w);
    ck_assert_str_eq(events, expected);
    free(events);
}
END_TEST

START_TEST(headers_that_make_no_sense_are_refused) {
    static const char *const headers[] = {
        "AllData-Key: 20261121T", "AllData-Key: 20261321T005824640353920860",
        "AllData-Commit: some",   "AllData-Timeout-Ms: soon",
        "AllData-Timeout-Ms: 0",  "AllData-Timeout-Ms: 99999999999999999999",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        http_reply reply = put_with(headers[i], "1");
        ck_assert_msg(reply.status == 400, "%s: %ld", headers[i], reply.status);
        ck_assert_ptr_nonnull(strstr(reply.body, "the header AllData-"));
        http_reply_free(&reply);
    }
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

/* Weaknesses 8 and 23. */
START_TEST(the_level_may_be_chosen_and_failures_say_why) {
    world_close(&w);
    world_join(&w, 3);
    w.node_options.timeout_ms = 300;
    world_open(&w);
    http_expect(put_with("AllData-Commit: one", "1"), 201);
    http_reply reply = put_with("AllData-Commit: quorum", "2");
    ck_assert_int_eq(reply.status, 500);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"replicas\":1,\"needed\":2"));
    ck_assert_ptr_nonnull(strstr(reply.body, "\"key\":\""));
    http_reply_free(&reply);
    reply = put_with("AllData-Commit: all", "3");
    ck_assert_int_eq(reply.status, 500);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"replicas\":1,\"needed\":3"));
    http_reply_free(&reply);
}
END_TEST

/* Late ones: under a key of long ago. */

static http_reply put_late(const char *url, const char *key, const char *origin) {
    char header[64], frame[64];
    const int many = strchr(url, '_') != NULL;
    snprintf(header, sizeof(header), "AllData-Key: %s", key);
    snprintf(frame, sizeof(frame), "27 1 %s 1\n", key);
    return http_ask_at(
        w.base, NULL,
        &(http_ask){
            .url = url,
            .body = many ? frame : "1",
            .headers = {many ? "Content-Type: application/x-alldata-records" : header, origin}});
}

START_TEST(what_is_late_is_taken_if_the_query_says_so) {
    static const struct {
        const char *url, *origin;
        int status;
    } all[] = {
        {"/", NULL, 400},
        {"/?late=0", NULL, 400},
        {"/?late=1", "Origin: http://example.com", 403},
        {"/_alldata/events", NULL, 200},
        {"/_alldata/events?late=1", "Origin: http://example.com", 403},
    };
    char key[ALLDATA_KEY_SIZE], expected[2 * sizeof(key) + 8];
    world_key(-1000 * 24 * 3600, key);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        http_reply reply = put_late(all[i].url, key, all[i].origin);
        ck_assert_msg(reply.status == all[i].status, "%zu: %ld %s", i, reply.status, reply.body);
        http_reply_free(&reply);
    }
    ck_assert_uint_eq(world_count(&w), 0);
    http_expect(put_late(_i == 0 ? "/?late=1" : "/_alldata/events?late=1", key, NULL), 201);
    http_expect(put_late(_i == 1 ? "/?late=1" : "/_alldata/events?late=1", key, NULL), 201);
    snprintf(expected, sizeof(expected), "%s 1\n", key);
    char *events = world_events(&w);
    ck_assert_str_eq(events, expected);
    free(events);
}
END_TEST

/* Weakness 22: nothing that is our fault is called the client's. */
START_TEST(a_store_that_fails_is_no_fault_of_the_client) {
    char key[ALLDATA_KEY_SIZE], header[64];
    world_key(INT64_C(10) * 24 * 3600, key);
    snprintf(header, sizeof(header), "AllData-Key: %s", key);
    http_reply reply = put_with(header, "1"); /* a key of the client's own, so it is */
    ck_assert_int_eq(reply.status, 400);
    ck_assert_ptr_nonnull(strstr(reply.body, "too far in the future"));
    http_reply_free(&reply);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: clients");
    TCase *tcase = tcase_create("put");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_put_of_the_reference_is_taken);
    tcase_add_test(tcase, the_answer_has_the_key);
    tcase_add_test(tcase, any_path_takes_events);
    tcase_add_test(tcase, puts_may_be_pipelined);
    tcase_add_test(tcase, connections_of_1_0_end);
    tcase_add_test(tcase, who_waits_is_told_to_continue);
    tcase_add_test(tcase, characters_survive_segments);
    tcase_add_test(tcase, large_texts_survive);
    tcase_add_test(tcase, events_stay_byte_for_byte);
    tcase_add_test(tcase, what_is_no_event_is_refused);
    tcase_add_test(tcase, invalid_utf8_is_refused);
    tcase_add_test(tcase, other_methods_are_refused);
    tcase_add_test(tcase, what_is_no_request_is_refused);
    tcase_add_test(tcase, a_client_may_give_the_key);
    tcase_add_test(tcase, headers_that_make_no_sense_are_refused);
    tcase_add_test(tcase, the_level_may_be_chosen_and_failures_say_why);
    tcase_add_loop_test(tcase, what_is_late_is_taken_if_the_query_says_so, 0, 2);
    tcase_add_test(tcase, a_store_that_fails_is_no_fault_of_the_client);
    suite_add_tcase(suite, tcase);
    return world_run(suite);
}
