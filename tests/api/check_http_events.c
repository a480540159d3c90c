#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"

/* The log of events over HTTP: pages, and as a stream. */

enum { PATIENCE_MS = 20000, TEXT_SIZE = 1024 * 1024 };

static http_fixture fixture;
static char text[TEXT_SIZE];

static void setup(void) {
    http_fixture_setup(&fixture);
    http_fixture_wait_status(&fixture, REPLI_STATUS_HEALTHY);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
}

static void act(int times) {
    char id[64];
    for (int i = 0; i < times; i++)
        http_schedule(&fixture, "fake.test/echo", "1", id);
    http_wait_phase(&fixture, id, REPLI_PHASE_DONE);
}

static int64_t newest(void) {
    repli_doc *doc = NULL;
    const repli_event *events;
    size_t count;
    int64_t last = 0;
    ck_assert_int_eq(
        repli_agent_events(fixture.agent, 0, 1, &doc, &events, &count, NULL, &last, NULL),
        REPLI_OK);
    repli_doc_free(doc);
    return last;
}

/* Pages. */

START_TEST(pages_follow_each_other) {
    act(3);
    http_reply reply = http_get(&fixture, "/api/unstable/events?after=2&limit=3");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "{\"first\":1,\"last\":"));
    ck_assert_ptr_nonnull(strstr(reply.body, "\"events\":[{\"number\":3,"));
    ck_assert_ptr_nonnull(strstr(reply.body, "{\"number\":5,"));
    ck_assert_ptr_null(strstr(reply.body, "{\"number\":6,"));
    http_reply_free(&reply);
    char end[64];
    snprintf(end, sizeof(end), "{\"number\":%lld,", (long long)newest());
    reply = http_get(&fixture, "/events");
    ck_assert_ptr_nonnull(strstr(reply.body, end));
    http_reply_free(&reply);
    http_expect_error(http_get(&fixture, "/events?after=-1"), 400, "after");
    http_expect_error(http_get(&fixture, "/events?limit=0"), 400, "limit");
    http_expect_error(http_get(&fixture, "/events?after=99999"), 409, "of another database");
}
END_TEST

/* Streams. */

static int open_stream(const char *target, const char *more) {
    char request[512];
    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n%s\r\n", target, more);
    const int fd = raw_connect(fixture.port);
    raw_text(fd, request);
    return fd;
}

/* What a stream brought up to an event of that number. */
static const char *read_to(int fd, int64_t number) {
    char id[32];
    snprintf(id, sizeof(id), "id: %lld\n", (long long)number);
    raw_read(fd, text, sizeof(text), id, PATIENCE_MS, NULL);
    ck_assert_msg(strstr(text, id) != NULL, "no %s in: %.2000s", id, text);
    return text;
}

/* The ids are those that come next, with nothing left out. */
static void expect_ids(int64_t from, int64_t to) {
    for (const char *at = text; (at = strstr(at, "id: ")) != NULL && from <= to; at++)
        ck_assert_int_eq(strtoll(at + 4, NULL, 10), from++);
    ck_assert_int_eq(from, to + 1);
}

START_TEST(a_stream_brings_what_was_and_what_comes) {
    act(50);
    const int64_t before = newest();
    const int fd = open_stream("/events?after=0", "");
    read_to(fd, before);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/event-stream"));
    expect_ids(1, before);
    for (int i = 0; i < 5; i++) {
        const int64_t last = newest();
        act(1);
        read_to(fd, newest());
        expect_ids(last + 1, newest());
    }
    close(fd);
}
END_TEST

START_TEST(a_client_that_comes_back_misses_nothing) {
    int fd = open_stream("/events?after=0", "");
    const int64_t seen = newest();
    read_to(fd, seen);
    close(fd);
    act(2);
    char header[64];
    snprintf(header, sizeof(header), "Last-Event-ID: %lld\r\n", (long long)seen);
    fd = open_stream("/events?after=0", header);
    read_to(fd, newest());
    expect_ids(seen + 1, newest());
    close(fd);
    /* Without a number it begins with what is new. */
    fd = open_stream("/api/unstable/events", "");
    raw_read(fd, text, sizeof(text), "\r\n\r\n", PATIENCE_MS, NULL);
    const int64_t last = newest();
    act(1);
    read_to(fd, newest());
    expect_ids(last + 1, newest());
    close(fd);
    fd = open_stream("/events", "Last-Event-ID: x\r\n");
    raw_read(fd, text, sizeof(text), "Last-Event-ID must", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 400"));
    close(fd);
    fd = open_stream("/events", "Last-Event-ID: 99999\r\n");
    raw_read(fd, text, sizeof(text), "of another database", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 409"));
    close(fd);
}
END_TEST

static void serve_again(uint32_t connections, uint32_t timeout_ms) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    http_fixture_stop_server(&fixture);
    options.bind = "127.0.0.1:0";
    options.unix_path = fixture.socket_path;
    options.max_connections = connections;
    options.request_timeout_ms = timeout_ms;
    http_fixture_serve(&fixture, &options);
}

START_TEST(half_of_the_connections_are_for_others) {
    int fds[5];
    serve_again(10, 0);
    for (int i = 0; i < 5; i++) {
        fds[i] = open_stream("/events?after=0", "");
        read_to(fds[i], 1);
    }
    const int more = open_stream("/events?after=0", "");
    raw_read(more, text, sizeof(text), "\r\n\r\n", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 503"));
    close(more);
    http_expect(http_get(&fixture, "/api/unstable/info/node"), 200);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}
END_TEST

/* More events than the kernel keeps, of which none is taken: the agent keeps a page, and gives the
 * client up. */
START_TEST(a_client_that_does_not_read_is_dropped) {
    serve_again(0, 300);
    const int fd = raw_connect_unix(fixture.socket_path);
    raw_text(fd, "GET /events?after=0 HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    act(1500);
    struct pollfd waiting = {.fd = fd, .events = POLLRDHUP};
    ck_assert_int_eq(poll(&waiting, 1, PATIENCE_MS), 1);
    close(fd);
    http_expect(http_get(&fixture, "/events"), 200);
}
END_TEST

START_TEST(a_stream_ends_with_the_server) {
    const int fd = open_stream("/events?after=0", "");
    read_to(fd, newest());
    http_fixture_stop_server(&fixture);
    int ended = 0;
    raw_read(fd, text, sizeof(text), "never", PATIENCE_MS, &ended);
    ck_assert_int_eq(ended, 1);
    close(fd);
    serve_again(0, 0);
    http_expect(http_get(&fixture, "/events"), 200);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("HTTP events");
    TCase *tcase = tcase_create("events");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pages_follow_each_other);
    tcase_add_test(tcase, a_stream_brings_what_was_and_what_comes);
    tcase_add_test(tcase, a_client_that_comes_back_misses_nothing);
    tcase_add_test(tcase, half_of_the_connections_are_for_others);
    tcase_add_test(tcase, a_client_that_does_not_read_is_dropped);
    tcase_add_test(tcase, a_stream_ends_with_the_server);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
