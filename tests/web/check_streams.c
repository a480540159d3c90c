/* Answers that are made while they are sent. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "web_fixture.h"

/* More than a connection takes before it is read. */
enum { PAGES = 100, SIZE = 64 * 1024 };

static void threads(void) {
    web_fixture_setup(WEB_THREADS);
}

static void driven(void) {
    web_fixture_setup(WEB_DRIVEN);
}

static void teardown(void) {
    web_fixture_teardown();
}

static const char get_stream[] = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";

static int ask_stream(void) {
    const int fd = raw_connect_unix(fixture.socket_path);
    raw_text(fd, get_stream);
    return fd;
}

/* Until it has been the same for a while, as it is when nobody reads. */
static int settled(atomic_int *value) {
    int then = -1;
    const int64_t end_ms = test_now_ms() + PATIENCE_MS;
    while (then != atomic_load(value) && test_now_ms() < end_ms) {
        then = atomic_load(value);
        test_sleep_ms(200);
    }
    return then;
}

START_TEST(a_stream_arrives_as_a_whole) {
    enum { FEW = 50, SMALL = 20000 };
    fixture.plan.pages = FEW;
    fixture.plan.size = SMALL;
    http_reply reply = web_get("/stream");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(reply.size, (size_t)FEW * SMALL);
    for (int i = 0; i < FEW; i++) {
        ck_assert_int_eq(reply.body[i * SMALL], 'a' + i % 26);
        ck_assert_int_eq(reply.body[(i + 1) * SMALL - 1], '\n');
    }
    http_reply_free(&reply);
    wait_for(&fixture.ended, 1);
    ck_assert_int_eq(atomic_load(&fixture.made), FEW);
}
END_TEST

START_TEST(a_stream_begins_with_its_answers_body) {
    fixture.plan.first = "begin\n";
    fixture.plan.pages = 1;
    fixture.plan.size = 3;
    for (int i = 1; i <= 3; i++) {
        char text[64];
        http_reply reply = web_get("/stream");
        ck_assert_str_eq(reply.body, "begin\naa\n");
        ck_assert_str_eq(http_header(&reply, "Content-Type", text, sizeof(text)), "text/plain");
        http_reply_free(&reply);
        wait_for(&fixture.ended, i);
        atomic_store(&fixture.made, 0);
    }
}
END_TEST

START_TEST(a_stream_may_be_empty) {
    http_reply reply = web_get("/stream");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(reply.size, 0);
    http_reply_free(&reply);
    wait_for(&fixture.ended, 1);
}
END_TEST

START_TEST(a_connection_goes_on_after_a_stream) {
    fixture.plan.pages = 3;
    fixture.plan.size = 10;
    CURL *curl = curl_easy_init();
    for (int i = 0; i < 3; i++) {
        atomic_store(&fixture.made, 0);
        http_reply reply = web_ask((http_ask){.url = "/stream", .curl = curl});
        ck_assert_uint_eq(reply.size, 30);
        ck_assert_int_eq(reply.connects, i == 0);
        http_reply_free(&reply);
        http_expect(web_ask((http_ask){.url = "/now", .curl = curl}), 200);
    }
    curl_easy_cleanup(curl);
}
END_TEST

START_TEST(http_1_0_takes_a_stream_to_the_end_of_the_connection) {
    char text[4096];
    int end = 0;
    fixture.plan.pages = 2;
    fixture.plan.size = 5;
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /stream HTTP/1.0\r\n\r\n");
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\naaaa\nbbbb\n");
    close(fd);
}
END_TEST

/* The pace is the client's. A UNIX socket holds less than a few pages. */

START_TEST(pages_are_made_as_fast_as_they_are_read) {
    repli__web_settings settings = web_fixture_settings();
    settings.request_ns = PATIENCE_MS * (uint64_t)REPLI__NS_PER_MS;
    web_fixture_reload(&settings);
    fixture.plan.pages = PAGES;
    fixture.plan.size = SIZE;
    const int fd = ask_stream();
    wait_for(&fixture.made, 1);
    ck_assert_int_lt(settled(&fixture.made), PAGES / 4);
    ck_assert_int_eq(atomic_load(&fixture.ended), 0);
    char *text = malloc(2 * (size_t)PAGES * SIZE);
    const size_t got =
        raw_read(fd, text, 2 * (size_t)PAGES * SIZE, "\r\n0\r\n\r\n", PATIENCE_MS, NULL);
    ck_assert_uint_gt(got, (size_t)PAGES * SIZE);
    free(text);
    close(fd);
    wait_for(&fixture.ended, 1);
    ck_assert_int_eq(atomic_load(&fixture.made), PAGES);
}
END_TEST

START_TEST(who_does_not_read_is_cut_off) {
    char text[4096];
    repli__web_counts counts;
    fixture.plan.pages = 1000;
    fixture.plan.size = 256 * 1024;
    const int fd = ask_stream();
    wait_for(&fixture.ended, 1);
    ck_assert_int_lt(atomic_load(&fixture.made), 500);
    repli__web_count(fixture.web, &counts);
    ck_assert_uint_eq(counts.cut, 1);
    raw_read(fd, text, sizeof(text), "\r\n\r\n", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK"));
    ck_assert_int_ge(raw_wait_end(fd, PATIENCE_MS), 0);
    close(fd);
}
END_TEST

START_TEST(a_client_that_leaves_ends_its_stream) {
    char text[4096];
    fixture.plan.pages = 100000;
    fixture.plan.size = 64 * 1024;
    const int fd = ask_stream();
    raw_read(fd, text, sizeof(text), "aaaa", PATIENCE_MS, NULL);
    close(fd);
    wait_for(&fixture.ended, 1);
    http_expect(web_get("/now"), 200);
}
END_TEST

/* A client must be able to tell that something is missing. */
START_TEST(a_broken_stream_has_no_end) {
    char text[4096];
    int end = 0;
    fixture.plan.pages = 3;
    fixture.plan.size = 10;
    fixture.plan.last = REPLI__WEB_BREAK;
    const int fd = ask_stream();
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_ptr_nonnull(strstr(text, "bbbb\n"));
    ck_assert_ptr_null(strstr(text, "cccc"));
    ck_assert_ptr_null(strstr(text, "\r\n0\r\n"));
    close(fd);
    wait_for(&fixture.ended, 1);
}
END_TEST

/* Waiting and waking. */

START_TEST(a_stream_waits_until_it_is_woken) {
    char text[4096];
    fixture.plan.pages = 3;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    const int fd = ask_stream();
    for (int i = 1; i <= 3; i++) {
        const char part[] = {(char)('a' + i - 1), '\n', '\0'};
        raw_read(fd, text, sizeof(text), part, PATIENCE_MS, NULL);
        ck_assert_ptr_nonnull(strstr(text, part));
        ck_assert_int_eq(atomic_load(&fixture.made), i);
        if (i == 1)
            repli__web_wake(fixture.streaming);
        else if (i == 2)
            repli__web_wake_all(fixture.web);
    }
    close(fd);
    wait_for(&fixture.ended, 1);
}
END_TEST

START_TEST(who_is_woken_while_it_makes_a_page_makes_another) {
    fixture.plan.pages = 1000;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    fixture.plan.wakes_itself = 1;
    http_reply reply = web_get("/stream");
    ck_assert_uint_eq(reply.size, 5000);
    http_reply_free(&reply);
    wait_for(&fixture.ended, 1);
}
END_TEST

START_TEST(all_are_woken_at_once) {
    enum { STREAMS = CONNECTIONS / 2 };
    char text[4096];
    int fds[STREAMS];
    fixture.plan.pages = 2 * STREAMS;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = ask_stream();
        raw_read(fds[i], text, sizeof(text), "\n\r\n", PATIENCE_MS, NULL);
    }
    wait_for(&fixture.made, STREAMS);
    repli__web_wake_all(fixture.web);
    wait_for(&fixture.made, 2 * STREAMS);
    for (int i = 0; i < STREAMS; i++) {
        raw_read(fds[i], text, sizeof(text), "\n\r\n", PATIENCE_MS, NULL);
        ck_assert_ptr_nonnull(strstr(text, "\n\r\n"));
        close(fds[i]);
    }
}
END_TEST

START_TEST(a_quiet_stream_gives_signs_of_life) {
    char text[4096];
    fixture.plan.pages = 2;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    fixture.plan.stream.beat = "beat\n";
    fixture.plan.stream.beat_ms = 30;
    const int fd = ask_stream();
    int beats = 0;
    while (beats < 3) {
        raw_read(fd, text, sizeof(text), "beat\n", PATIENCE_MS, NULL);
        ck_assert_ptr_nonnull(strstr(text, "beat\n"));
        beats += count_of(text, "beat\n");
    }
    ck_assert_int_eq(atomic_load(&fixture.made), 1);
    /* By the signs it is noticed, too, that the client is gone. */
    close(fd);
    wait_for(&fixture.ended, 1);
}
END_TEST

START_TEST(half_of_the_connections_are_for_others) {
    enum { STREAMS = CONNECTIONS / 2 };
    char text[4096];
    int fds[STREAMS];
    fixture.plan.pages = 1000;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = ask_stream();
        raw_read(fds[i], text, sizeof(text), "\n\r\n", PATIENCE_MS, NULL);
        ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK"));
    }
    http_expect(web_get("/stream"), 503);
    http_expect(web_get("/now"), 200);
    close(fds[0]);
    repli__web_wake_all(fixture.web);
    wait_for(&fixture.ended, 1);
    const int fd = ask_stream();
    raw_read(fd, text, sizeof(text), "\n\r\n", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK"));
    close(fd);
    for (int i = 1; i < STREAMS; i++)
        close(fds[i]);
}
END_TEST

/* The end of the server. */

START_TEST(an_endless_stream_just_ends_when_the_server_stops) {
    char text[4096];
    int end = 0;
    fixture.plan.pages = 1000;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    fixture.plan.stream.endless = 1;
    const int fd = ask_stream();
    raw_read(fd, text, sizeof(text), "aaaa\n", PATIENCE_MS, NULL);
    web_fixture_stop(PATIENCE_MS);
    ck_assert_int_eq(atomic_load(&fixture.ended), 1);
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_ptr_nonnull(strstr(text, "0\r\n\r\n"));
    close(fd);
}
END_TEST

typedef struct reader {
    int fd;
    int is_whole; /* what it read */
} reader;

static void *read_all(void *user_data) {
    static char text[2 * (size_t)PAGES * SIZE];
    reader *it = user_data;
    raw_read(it->fd, text, sizeof(text), NULL, PATIENCE_MS, NULL);
    it->is_whole = strstr(text, "\n\r\n0\r\n\r\n") != NULL;
    return NULL;
}

START_TEST(a_stream_that_has_an_end_is_finished_when_the_server_stops) {
    pthread_t thread;
    fixture.plan.pages = PAGES;
    fixture.plan.size = SIZE;
    reader it = {.fd = ask_stream()};
    wait_for(&fixture.made, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &it), 0);
    web_fixture_stop(PATIENCE_MS);
    pthread_join(thread, NULL);
    close(it.fd);
    ck_assert_int_eq(atomic_load(&fixture.ended), 1);
    ck_assert_int_eq(atomic_load(&fixture.made), PAGES);
    ck_assert_int_eq(it.is_whole, 1);
}
END_TEST

START_TEST(a_stream_that_takes_too_long_is_broken_off_then) {
    char text[4096];
    int end = 0;
    fixture.plan.pages = 1000;
    fixture.plan.size = 5;
    fixture.plan.verdict = REPLI__WEB_NOT_YET;
    const int fd = ask_stream();
    raw_read(fd, text, sizeof(text), "aaaa\n", PATIENCE_MS, NULL);
    web_fixture_stop(50);
    ck_assert_int_eq(atomic_load(&fixture.ended), 1);
    raw_read(fd, text, sizeof(text), NULL, PATIENCE_MS, &end);
    ck_assert_int_eq(end, 1);
    ck_assert_ptr_null(strstr(text, "0\r\n\r\n"));
    close(fd);
}
END_TEST

static void add_tests(TCase *tcase) {
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_stream_arrives_as_a_whole);
    tcase_add_test(tcase, a_stream_begins_with_its_answers_body);
    tcase_add_test(tcase, a_stream_may_be_empty);
    tcase_add_test(tcase, a_connection_goes_on_after_a_stream);
    tcase_add_test(tcase, http_1_0_takes_a_stream_to_the_end_of_the_connection);
    tcase_add_test(tcase, pages_are_made_as_fast_as_they_are_read);
    tcase_add_test(tcase, who_does_not_read_is_cut_off);
    tcase_add_test(tcase, a_client_that_leaves_ends_its_stream);
    tcase_add_test(tcase, a_broken_stream_has_no_end);
    tcase_add_test(tcase, a_stream_waits_until_it_is_woken);
    tcase_add_test(tcase, who_is_woken_while_it_makes_a_page_makes_another);
    tcase_add_test(tcase, all_are_woken_at_once);
    tcase_add_test(tcase, a_quiet_stream_gives_signs_of_life);
    tcase_add_test(tcase, half_of_the_connections_are_for_others);
    tcase_add_test(tcase, an_endless_stream_just_ends_when_the_server_stops);
    tcase_add_test(tcase, a_stream_that_has_an_end_is_finished_when_the_server_stops);
    tcase_add_test(tcase, a_stream_that_takes_too_long_is_broken_off_then);
}

int main(void) {
    Suite *suite = suite_create("web: streams");
    TCase *with_threads = tcase_create("threads");
    tcase_add_checked_fixture(with_threads, threads, teardown);
    add_tests(with_threads);
    suite_add_tcase(suite, with_threads);
    TCase *without = tcase_create("driven");
    tcase_add_checked_fixture(without, driven, teardown);
    add_tests(without);
    suite_add_tcase(suite, without);
    return web_run_suite(suite);
}
