/* Limits, and the end of a server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
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

static const char get_now[] = "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";

/* Bodies. */

static void expect_refusal(int fd) {
    char text[4096];
    int end = 0;
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_int_eq(strncmp(text, "HTTP/1.1 413 ", 13), 0);
    ck_assert_ptr_nonnull(strstr(text, "\r\nDate: "));
    ck_assert_ptr_nonnull(strstr(text, "\r\nConnection: close\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "\r\nX-Refused: yes\r\n"));
    ck_assert_str_eq(strstr(text, "\r\n\r\n"),
                     "\r\n\r\nthe request's body is larger than 4096 bytes");
    ck_assert_int_eq(atomic_load(&fixture.begun), 0);
    close(fd);
}

START_TEST(an_announced_body_is_refused_before_it_comes) {
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n");
    expect_refusal(fd);
}
END_TEST

/* One byte too many, and the client still has much to say. */
START_TEST(a_chunked_body_is_refused_as_soon_as_it_is_too_large) {
    char chunk[BODY];
    memset(chunk, 'c', sizeof(chunk));
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n");
    raw_send(fd, chunk, sizeof(chunk));
    raw_text(fd, "\r\nffff\r\nx");
    expect_refusal(fd);
}
END_TEST

START_TEST(who_sends_on_gets_to_see_the_refusal) {
    enum { SIZE = 4 * 1024 * 1024 };
    char *body = malloc(SIZE);
    memset(body, 'b', SIZE);
    for (int chunked = 0; chunked < 2; chunked++)
        http_expect(web_ask((http_ask){.url = "/now",
                                       .body = body,
                                       .body_size = SIZE,
                                       .chunked = chunked,
                                       .headers = {"Expect:"}}),
                    413);
    free(body);
    repli__web_counts counts;
    repli__web_count(fixture.web, &counts);
    ck_assert_uint_eq(counts.refused, 2);
    ck_assert_uint_eq(counts.requests, 2);
}
END_TEST

/* What has no room when it is announced is refused, and what has none any more when it comes. */
START_TEST(bodies_have_room_together_too) {
    char body[BODY];
    char text[4096];
    int end = 0;
    memset(body, 'b', sizeof(body));
    repli__web_settings settings = web_fixture_settings();
    settings.max_bodies = BODY + BODY / 2;
    web_fixture_reload(&settings);
    const int first = raw_connect(fixture.port);
    raw_text(first, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4096\r\n\r\n");
    raw_send(first, body, sizeof(body));
    web_fixture_kept(1);
    for (int chunked = 0; chunked < 2; chunked++) {
        const int fd = raw_connect(fixture.port);
        raw_text(fd, "POST /now HTTP/1.1\r\nHost: x\r\n");
        raw_text(fd, chunked ? "Transfer-Encoding: chunked\r\n\r\n1000\r\n"
                             : "Content-Length: 4096\r\n\r\n");
        raw_send(fd, body, sizeof(body));
        raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
        ck_assert_int_eq(end, 1);
        ck_assert_int_eq(strncmp(text, "HTTP/1.1 503 ", 13), 0);
        ck_assert_ptr_nonnull(strstr(text, "\r\nRetry-After: 2\r\n"));
        ck_assert_ptr_nonnull(strstr(text, "try again later"));
        close(fd);
    }
    web_fixture_answer("done");
    raw_read(first, text, sizeof(text), "done", PATIENCE_MS, NULL);
    close(first);
    const http_ask again = {.url = "/now", .body = body, .body_size = sizeof(body)};
    http_expect(web_ask(again), 200);
}
END_TEST

/* Time. */

static const char *const beginnings[] = {
    "",
    "GE",
    "GET /now HTTP/1.1\r\nHost: x\r\nX: ",
    "POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
    "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf\r\nabc",
};

START_TEST(whoever_is_too_slow_is_cut_off) {
    enum { SLOW = sizeof(beginnings) / sizeof(beginnings[0]) };
    int fds[SLOW + 1];
    char text[4096];
    for (int i = 0; i < SLOW; i++) {
        fds[i] = raw_connect(fixture.port);
        raw_text(fds[i], beginnings[i]);
    }
    fds[SLOW] = raw_connect(fixture.port);
    raw_text(fds[SLOW], get_now);
    raw_read(fds[SLOW], text, sizeof(text), "|", PATIENCE_MS, NULL);
    for (int i = 0; i <= SLOW; i++) {
        ck_assert_int_ge(raw_wait_end(fds[i], PATIENCE_MS), 0);
        close(fds[i]);
    }
    repli__web_counts counts;
    repli__web_count(fixture.web, &counts);
    ck_assert_uint_eq(counts.cut, SLOW + 1);
    ck_assert_int_eq(atomic_load(&fixture.begun), 1);
}
END_TEST

/* Whoever waits for an answer has no deadline. */
START_TEST(an_answer_may_take_longer_than_a_request) {
    char text[4096];
    const int slow = raw_connect(fixture.port);
    const int idle = raw_connect(fixture.port);
    raw_text(slow, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    web_fixture_kept(1);
    ck_assert_int_ge(raw_wait_end(idle, PATIENCE_MS), 0);
    web_fixture_answer("late");
    raw_read(slow, text, sizeof(text), "late", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "late"));
    close(slow);
    close(idle);
}
END_TEST

/* Connections. */

START_TEST(a_crowd_waits_and_privileged_listeners_are_reached) {
    int held[2 * CONNECTIONS];
    char text[4096];
    for (int i = 0; i < 2 * CONNECTIONS; i++) {
        held[i] = raw_connect(fixture.port);
        raw_text(held[i], "GET /now HTTP/1.1\r\nX: ");
    }
    const int spare = raw_connect(fixture.spare_port);
    raw_text(spare, get_now);
    raw_read(spare, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "kind 8"));
    repli__web_counts counts;
    repli__web_count(fixture.web, &counts);
    ck_assert_uint_le(counts.open, CONNECTIONS);
    close(spare);
    /* Those behind get their turn once the first are cut off. */
    raw_text(held[2 * CONNECTIONS - 1], "x\r\nHost: x\r\n\r\n");
    raw_read(held[2 * CONNECTIONS - 1], text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "GET /now"));
    for (int i = 0; i < 2 * CONNECTIONS; i++)
        close(held[i]);
}
END_TEST

START_TEST(idle_connections_make_room) {
    int held[CONNECTIONS];
    char text[4096];
    for (int i = 0; i < CONNECTIONS; i++) {
        held[i] = raw_connect(fixture.spare_port);
        raw_text(held[i], get_now);
        raw_read(held[i], text, sizeof(text), "|", PATIENCE_MS, NULL);
    }
    http_expect(web_ask((http_ask){.url = "/now", .unix_socket = 1}), 200);
    ck_assert_int_ge(raw_wait_end(held[0], PATIENCE_MS), 0);
    for (int i = 0; i < CONNECTIONS; i++)
        close(held[i]);
}
END_TEST

START_TEST(new_limits_hold_for_connections_that_stay) {
    CURL *curl = curl_easy_init();
    repli__web_settings settings = web_fixture_settings();
    settings.max_body = 3;
    http_expect(web_ask((http_ask){.url = "/now", .body = "hello", .curl = curl}), 200);
    web_fixture_reload(&settings);
    http_reply reply = web_ask((http_ask){.url = "/now", .body = "hello", .curl = curl});
    ck_assert_int_eq(reply.status, 413);
    ck_assert_int_eq(reply.connects, 0);
    http_reply_free(&reply);
    curl_easy_cleanup(curl);
}
END_TEST

/* The end. */

typedef struct asking {
    pthread_t thread;
    const char *path;
    http_reply reply;
} asking;

static void *ask(void *argument) {
    asking *it = argument;
    it->reply = web_get(it->path);
    return NULL;
}

/* Once the server has begun to stop, by when its socket's file is gone. */
static void *answer_two(void *argument) {
    while (access(fixture.socket_path, F_OK) == 0)
        test_sleep_ms(1);
    web_fixture_answer("in time");
    web_fixture_answer("in time");
    return argument;
}

START_TEST(what_has_begun_is_finished_when_the_server_stops) {
    asking later[2] = {{.path = "/later"}, {.path = "/later"}};
    pthread_t answerer;
    char text[4096];
    const int idle = raw_connect(fixture.port);
    raw_text(idle, get_now);
    raw_read(idle, text, sizeof(text), "|", PATIENCE_MS, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&later[i].thread, NULL, ask, &later[i]);
    web_fixture_kept(2);
    pthread_create(&answerer, NULL, answer_two, NULL);
    web_fixture_stop(PATIENCE_MS);
    pthread_join(answerer, NULL);
    ck_assert_int_ge(raw_wait_end(idle, PATIENCE_MS), 0);
    close(idle);
    for (int i = 0; i < 2; i++) {
        pthread_join(later[i].thread, NULL);
        ck_assert_str_eq(later[i].reply.body, "in time");
        ck_assert_str_eq(http_header(&later[i].reply, "Connection", text, sizeof(text)), "close");
        http_reply_free(&later[i].reply);
    }
}
END_TEST

START_TEST(what_is_not_answered_by_then_is_cut_off) {
    static const char two[] = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
    const int fd = raw_connect(fixture.port);
    const int other = raw_connect(fixture.port);
    raw_text(fd, two);
    raw_text(other, two);
    web_fixture_kept(2);
    web_fixture_stop(0);
    ck_assert_int_ge(raw_wait_end(fd, PATIENCE_MS), 0);
    ck_assert_int_ge(raw_wait_end(other, PATIENCE_MS), 0);
    close(fd);
    close(other);
    /* The requests are still there to be answered, if only for whoever has to. */
    ck_assert_str_eq(web_fixture_kept(2)->target, "/later");
    web_fixture_answer("too late");
    repli__web_answer_prepared(web_fixture_kept(1), fixture.prepared);
}
END_TEST

START_TEST(a_forked_child_only_gives_back_what_is_its_own) {
    const int fd = raw_connect(fixture.port);
    char text[4096];
    raw_text(fd, get_now);
    raw_read(fd, text, sizeof(text), "|", PATIENCE_MS, NULL);
    int told[2];
    int right = 0;
    ck_assert_int_eq(pipe(told), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const repli__web_tls tls[REPLI__WEB_TLS_SETS] = {{0}};
        const repli__web_settings settings = web_fixture_settings();
        right = !repli__web_is_ours(fixture.web) &&
                repli__web_reload(fixture.web, &settings, tls, NULL) == REPLI_EFORK;
        repli__web_free(fixture.web);
        _exit(write(told[1], &right, sizeof(right)) != sizeof(right));
    }
    /* Not by its status, which is valgrind's for what it has no right to give back. */
    close(told[1]);
    ck_assert_int_eq(read(told[0], &right, sizeof(right)), sizeof(right));
    ck_assert(right);
    close(told[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    raw_text(fd, get_now);
    raw_read(fd, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK"));
    close(fd);
    http_expect(web_ask((http_ask){.url = "/now", .unix_socket = 1}), 200);
}
END_TEST

static void add_tests(TCase *tcase) {
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, an_announced_body_is_refused_before_it_comes);
    tcase_add_test(tcase, a_chunked_body_is_refused_as_soon_as_it_is_too_large);
    tcase_add_test(tcase, who_sends_on_gets_to_see_the_refusal);
    tcase_add_test(tcase, bodies_have_room_together_too);
    tcase_add_test(tcase, whoever_is_too_slow_is_cut_off);
    tcase_add_test(tcase, an_answer_may_take_longer_than_a_request);
    tcase_add_test(tcase, a_crowd_waits_and_privileged_listeners_are_reached);
    tcase_add_test(tcase, idle_connections_make_room);
    tcase_add_test(tcase, new_limits_hold_for_connections_that_stay);
    tcase_add_test(tcase, what_has_begun_is_finished_when_the_server_stops);
    tcase_add_test(tcase, what_is_not_answered_by_then_is_cut_off);
}

int main(void) {
    Suite *suite = suite_create("web: limits");
    TCase *with_threads = tcase_create("threads");
    tcase_add_checked_fixture(with_threads, threads, teardown);
    add_tests(with_threads);
    tcase_add_test(with_threads, a_forked_child_only_gives_back_what_is_its_own);
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
