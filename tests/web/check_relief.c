/* A loop whose user blocks it now and then, and the other that goes on with it. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web_fixture.h"

static void setup(void) {
    web_fixture_setup(WEB_RELIEVED);
}

static void teardown(void) {
    web_fixture_teardown();
}

static const char get_now[] = "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";

/* Until so many are blocked. */
static void wait_blocked(int count) {
    pthread_mutex_lock(&fixture.mutex);
    while (fixture.within < count)
        pthread_cond_wait(&fixture.changed, &fixture.mutex);
    pthread_mutex_unlock(&fixture.mutex);
}

static void expect_answer(int fd) {
    char text[4096];
    raw_text(fd, get_now);
    raw_read(fd, text, sizeof(text), "|", PATIENCE_MS, NULL);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK"));
}

static void ask(int times) {
    for (int i = 0; i < times; i++)
        http_expect(web_get("/now"), 200);
}

START_TEST(another_goes_on_when_one_is_blocked) {
    const int fd = raw_connect(fixture.port);
    expect_answer(fd);
    atomic_store(&fixture.blocks, 1);
    /* The one that has asked is answered by the other, as are those who come. */
    expect_answer(fd);
    wait_blocked(1);
    ask(20);
    expect_answer(fd);
    web_fixture_open();
    ask(20);
    expect_answer(fd);
    close(fd);
}
END_TEST

/* The first has come back, and is there when the second is blocked. */
START_TEST(they_relieve_each_other) {
    for (int i = 1; i <= 6; i++) {
        pthread_mutex_lock(&fixture.mutex);
        fixture.open = 0;
        pthread_mutex_unlock(&fixture.mutex);
        atomic_store(&fixture.blocks, 1);
        ask(1);
        wait_blocked(i);
        ask(5);
        web_fixture_open();
        wait_for(&fixture.passed, i);
    }
}
END_TEST

START_TEST(what_was_asked_meanwhile_is_answered_when_both_are_blocked) {
    char text[4096];
    const int fd = raw_connect(fixture.port);
    atomic_store(&fixture.blocks, 2);
    raw_text(fd, get_now);
    wait_blocked(1);
    const int other = raw_connect(fixture.port);
    raw_text(other, get_now);
    wait_blocked(2);
    web_fixture_open();
    raw_read(fd, text, sizeof(text), "|", PATIENCE_MS, NULL);
    raw_read(other, text, sizeof(text), "|", PATIENCE_MS, NULL);
    close(fd);
    close(other);
}
END_TEST

/* What is answered by whoever was blocked, and has not the loop any more. */
START_TEST(answers_of_who_was_blocked_arrive) {
    char text[4096];
    const int fd = raw_connect(fixture.port);
    atomic_store(&fixture.blocks, 1);
    raw_text(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_blocked(1);
    ask(3);
    web_fixture_kept(1);
    web_fixture_open();
    web_fixture_answer("done");
    raw_read(fd, text, sizeof(text), "done", PATIENCE_MS, NULL);
    close(fd);
}
END_TEST

START_TEST(a_reload_and_the_end_need_only_one_of_them) {
    repli__web_settings settings = web_fixture_settings();
    settings.max_body = 7;
    atomic_store(&fixture.blocks, 1);
    ask(1);
    wait_blocked(1);
    web_fixture_reload(&settings);
    http_expect(web_ask((http_ask){.url = "/now", .body = "12345678", .body_size = 8}), 413);
    web_fixture_open();
    web_fixture_stop(PATIENCE_MS);
}
END_TEST

/* Nobody looks after a loop that has nothing to do. */
START_TEST(who_waits_for_an_idle_loop_sleeps) {
    ask(3);
    test_sleep_ms(200);
    const int turns = atomic_load(&fixture.turns);
    atomic_store(&fixture.blocks, 1);
    ask(1);
    wait_blocked(1);
    ask(3);
    ck_assert_int_gt(atomic_load(&fixture.turns), turns);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web: relief");
    TCase *tcase = tcase_create("relief");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, another_goes_on_when_one_is_blocked);
    tcase_add_test(tcase, they_relieve_each_other);
    tcase_add_test(tcase, what_was_asked_meanwhile_is_answered_when_both_are_blocked);
    tcase_add_test(tcase, answers_of_who_was_blocked_arrive);
    tcase_add_test(tcase, a_reload_and_the_end_need_only_one_of_them);
    tcase_add_test(tcase, who_waits_for_an_idle_loop_sleeps);
    suite_add_tcase(suite, tcase);
    return web_run_suite(suite);
}
