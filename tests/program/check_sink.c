/* What shipping events to AllData is made of: keys, batches, answers, addresses and the cursor. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink_batch.h"
#include "sink_cursor.h"
#include "sink_http.h"
#include "sink_key.h"

/* 2026-11-21T09:08:07.654321Z */
#define TIME_NS (INT64_C(1795252087) * 1000000000 + 654321000)

START_TEST(a_key_is_made_of_the_event) {
    char key[SINK_KEY_SIZE], again[SINK_KEY_SIZE];
    sink_key(key, TIME_NS, 123456, "node-1", 0);
    ck_assert_uint_eq(strlen(key), 27);
    ck_assert_str_eq(key + 22, key + strlen(key) - 5);
    ck_assert_msg(strncmp(key, "20261121T0908076543456", 22) == 0, "%s", key);
    ck_assert_uint_eq(strspn(key + 22, "0123456789"), 5);
    sink_key(again, TIME_NS, 123456, "node-1", 0);
    ck_assert_str_eq(key, again);
}
END_TEST

START_TEST(keys_differ_where_events_do) {
    char key[SINK_KEY_SIZE], other[SINK_KEY_SIZE];
    sink_key(key, TIME_NS, 7, "node-1", 0);
    sink_key(other, TIME_NS, 8, "node-1", 0);
    ck_assert_int_lt(strcmp(key, other), 0);
    sink_key(other, TIME_NS + 1000000, 6, "node-1", 0);
    ck_assert_int_lt(strcmp(key, other), 0);
    sink_key(other, TIME_NS, 7, "node-2", 0);
    ck_assert_str_ne(key, other);
    sink_key(other, TIME_NS, 7, "node-1", 1);
    ck_assert_str_ne(key, other);
    ck_assert_int_eq(strncmp(key, other, 22), 0);
}
END_TEST

START_TEST(a_time_before_1970_is_rounded_down) {
    char key[SINK_KEY_SIZE];
    sink_key(key, -1, 1, "n", 0);
    ck_assert_msg(strncmp(key, "19691231T2359599990001", 22) == 0, "%s", key);
}
END_TEST

/* Batches. */

static struct sink_batch batch;
static const struct sink_naming own = {0, 0};

static void fill(size_t count) {
    for (size_t i = 1; i <= count; i++) {
        repli_event event = REPLI_EVENT_INIT;
        event.type = REPLI_EVENT_AGENT;
        event.number = (int64_t)i;
        event.time_ns = TIME_NS;
        event.node_id = "node-1";
        event.new_value = "started";
        event.cause = "agent";
        ck_assert_int_eq(sink_batch_add(&batch, &event, &own), 0);
    }
}

static void empty(void) {
    sink_batch_free(&batch);
}

START_TEST(a_batch_has_a_record_for_each_event) {
    fill(2);
    ck_assert_uint_eq(batch.count, 2);
    const char *at = batch.text, *end = batch.text + batch.size;
    for (int i = 1; i <= 2; i++) {
        size_t key_size, event_size;
        int used, number;
        ck_assert_int_eq(sscanf(at, "%zu %zu %n", &key_size, &event_size, &used), 2);
        ck_assert_uint_eq(key_size, 27);
        at += used + 27;
        ck_assert_int_eq(*at++, ' ');
        ck_assert_int_eq(sscanf(at, "{\"number\":%d,", &number), 1);
        ck_assert_int_eq(number, i);
        at += event_size;
        ck_assert_int_eq(*at++, '\n');
    }
    ck_assert_ptr_eq(at, end);
    sink_batch_clear(&batch);
    ck_assert_uint_eq(batch.size, 0);
}
END_TEST

static size_t judge(long status, const char *body, int *ret_end, char *why) {
    return sink_batch_judge(&batch, status, body, strlen(body), ret_end, why, 256);
}

#define OK_LINE "{\"key\":\"k\",\"code\":\"ok\",\"replicas\":2}\n"

START_TEST(answers_are_judged_line_by_line) {
    static const struct {
        long status;
        const char *body;
        size_t taken;
        int end;
        const char *why; /* is in the reason */
    } cases[] = {
        {201, "", 3, SINK_TAKEN, ""},
        {201, OK_LINE OK_LINE OK_LINE, 3, SINK_TAKEN, ""},
        {200, OK_LINE OK_LINE OK_LINE, 3, SINK_TAKEN, ""},
        {200, OK_LINE "{\"key\":\"k\",\"code\":\"conflict\"}\n" OK_LINE, 1, SINK_KEY_TAKEN, ""},
        {200, "{\"key\":\"k\",\"code\":\"invalid\"}\n", 0, SINK_KEY_REFUSED, ""},
        {200, OK_LINE "{\"code\":\"noquorum\",\"error_msg\":\"1 of 2\"}\n", 1, SINK_FAILED,
         "1 of 2"},
        {200, OK_LINE OK_LINE, 2, SINK_FAILED, ""},
        {200, OK_LINE "{\"code\":\"ok\"", 1, SINK_FAILED, ""},
        {200, "<html>\n", 0, SINK_FAILED, "no AllData"},
        {401, "", 0, SINK_FAILED, "secret"},
        {405, "", 0, SINK_FAILED, "no AllData"},
        {503, "{\"error\":true,\"error_msg\":\"too much waits\"}", 0, SINK_FAILED, "too much"},
    };
    fill(3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int end = -1;
        char why[256] = "";
        ck_assert_uint_eq(judge(cases[i].status, cases[i].body, &end, why), cases[i].taken);
        ck_assert_msg(end == cases[i].end, "case %zu: %d", i, end);
        ck_assert_msg(end != SINK_FAILED || strstr(why, cases[i].why) != NULL, "case %zu: %s", i,
                      why);
    }
}
END_TEST

/* Addresses. */

START_TEST(addresses_are_checked) {
    static const char *const good[] = {
        "alldata://localhost:8080",
        "alldata://127.0.0.1:1,[::1]:65535",
        "alldata+https://a.example.org:443",
        "alldata+unix:/run/alldata.sock",
    };
    static const char *const bad[] = {
        "",
        "http://localhost:8080",
        "alldata://",
        "alldata://localhost",
        "alldata://localhost:0",
        "alldata://localhost:65536",
        "alldata://localhost:80/",
        "alldata://localhost:80,",
        "alldata://user@localhost:80",
        "alldata://a b:80",
        "alldata+unix:path",
    };
    const char *why = NULL;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(sink_http_check(good[i], &why), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!sink_http_check(bad[i], &why), "%s", bad[i]);
        ck_assert_ptr_nonnull(why);
    }
}
END_TEST

/* The cursor. */

static char folder[64], path[96];

static void make_folder(void) {
    snprintf(folder, sizeof(folder), "/tmp/check-sink-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/agent.db.sink", folder);
}

static void remove_folder(void) {
    unlink(path);
    rmdir(folder);
}

static void write_cursor(const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(a_cursor_comes_back) {
    struct sink_cursor cursor = {.number = 5, .time_ns = TIME_NS, .odd_number = 6, .odd_ns = -3}, back;
    ck_assert_int_eq(sink_cursor_load(path, &back), 0);
    ck_assert_int_eq(back.number, 0);
    ck_assert_int_eq(sink_cursor_save(path, &cursor), 0);
    cursor.number = 6;
    ck_assert_int_eq(sink_cursor_save(path, &cursor), 0);
    ck_assert_int_eq(sink_cursor_load(path, &back), 0);
    ck_assert_int_eq(back.number, 6);
    ck_assert_int_eq(back.time_ns, TIME_NS);
    ck_assert_int_eq(back.odd_number, 6);
    ck_assert_int_eq(back.odd_ns, -3);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_damaged_cursor_is_told) {
    static const char *const damaged[] = {"", "5", "1 2 3\n", "x 1 2 3\n", "-1 2 3 4\n"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct sink_cursor back = {.number = 9};
        write_cursor(damaged[i]);
        ck_assert_int_eq(sink_cursor_load(path, &back), -1);
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_int_eq(back.number, 0);
    }
}
END_TEST

START_TEST(a_cursor_that_cannot_be_written_is_told) {
    const struct sink_cursor cursor = {.number = 5};
    ck_assert_int_eq(sink_cursor_save("/nowhere/at/all.sink", &cursor), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("keys"), *batches = tcase_create("batches"),
          *cursors = tcase_create("cursors");
    tcase_add_test(tcase, a_key_is_made_of_the_event);
    tcase_add_test(tcase, keys_differ_where_events_do);
    tcase_add_test(tcase, a_time_before_1970_is_rounded_down);
    tcase_add_test(tcase, addresses_are_checked);
    tcase_add_checked_fixture(batches, NULL, empty);
    tcase_add_test(batches, a_batch_has_a_record_for_each_event);
    tcase_add_test(batches, answers_are_judged_line_by_line);
    tcase_add_checked_fixture(cursors, make_folder, remove_folder);
    tcase_add_test(cursors, a_cursor_comes_back);
    tcase_add_test(cursors, a_damaged_cursor_is_told);
    tcase_add_test(cursors, a_cursor_that_cannot_be_written_is_told);
    Suite *suite = suite_create("sink");
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, batches);
    suite_add_tcase(suite, cursors);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
