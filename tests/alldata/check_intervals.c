/* Intervals: which keys they accept, and when they are closed. run.sh timeout: 300 */
#include <check.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "box.h"

#define KEY "20261121T015624640353920860"

static box b;

static void setup(void) {
    box_begin(&b);
}

static void teardown(void) {
    box_end(&b);
}

static alldata_storage_stats stats(void) {
    alldata_storage_stats all = {.struct_size = sizeof(all)};
    alldata_storage_stats_get(b.storage, &all);
    return all;
}

static void expect(const char *expected) {
    char *text = box_read(&b, NULL);
    ck_assert_str_eq(text, expected);
    free(text);
}

/* The window. */

static void expect_refused(const char *key, const char *why) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(box_put(&b, key, "1", 0, &err) == REPLI_EINVALID, "%s", key);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s: %s", key, err.message);
}

START_TEST(three_intervals_accept_keys) {
    char names[256];
    box_open(&b);
    ck_assert_str_eq(box_names(b.location, names, sizeof(names)),
                     "20261121T015000 20261121T015500");
    expect_refused("20261121T014959999999999999", "begins with 20261121T015000");
    box_store(&b, "20261121T015000000000000000", "1");
    box_store(&b, "20261121T015459999999999999", "2");
    box_store(&b, "20261121T015500000000000000", "3");
    ck_assert_str_eq(box_names(b.location, names, sizeof(names)),
                     "20261121T015000 20261121T015500");
    box_store(&b, "20261121T020000000000000000", "4");
    box_store(&b, "20261121T020459999999999999", "5");
    expect_refused("20261121T020500000000000000", "before 20261121T020500");
    expect_refused("20261122T000000000000000000", "too far in the future");
    ck_assert_str_eq(box_names(b.location, names, sizeof(names)),
                     "20261121T015000 20261121T015500 20261121T020000");
    ck_assert_uint_eq(stats().refused, 3);
    alldata_scan_options only = ALLDATA_SCAN_OPTIONS_INIT;
    only.interval = "20261121T015500";
    char *text = box_read(&b, &only);
    ck_assert_str_eq(text, "20261121T015500000000000000 3\n");
    free(text);
}
END_TEST

START_TEST(keys_are_checked) {
    static const char *const bad[] = {"20261121T", "20261121Txyz /", "20261121T015000",
                                      "20261121T0156246403539208601",
                                      "20261121T01562464035392086x"};
    box_open(&b);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_refused(bad[i], "is not a key");
    ck_assert_int_eq(box_put(&b, NULL, "1", 0, NULL), REPLI_EINVALID);
    ck_assert_int_eq(box_put(&b, KEY, NULL, 0, NULL), REPLI_EINVALID);
    ck_assert_int_eq(box_put(&b, KEY, "", 0, NULL), REPLI_EINVALID);
    ck_assert_int_eq(alldata_storage_put(b.storage, NULL, 1, 0, NULL), REPLI_EINVALID);
    ck_assert_int_eq(alldata_storage_put(b.storage, NULL, 0, 0, NULL), REPLI_OK);
    expect("");
}
END_TEST

START_TEST(every_length_of_interval_has_its_names) {
    static const char *const lengths[] = {"P1D", "PT3H", "PT1H", "PT15M", "PT5M"};
    static const char *const names[] = {
        "20261120T000000 20261121T000000", "20261120T210000 20261121T000000",
        "20261121T000000 20261121T010000", "20261121T013000 20261121T014500",
        "20261121T015000 20261121T015500"};
    for (size_t i = 0; i < 5; i++) {
        char found[256];
        snprintf(b.location, sizeof(b.location), "%s/%s", b.directory, lengths[i]);
        b.options.interval = lengths[i];
        box_open(&b);
        ck_assert_str_eq(box_names(b.location, found, sizeof(found)), names[i]);
        box_close(&b);
    }
    b.options.interval = "P2D";
    ck_assert_int_eq(box_open_badly(&b, NULL), REPLI_EINVALID);
}
END_TEST

START_TEST(time_zones_do_not_matter) {
    char names[256];
    ck_assert_int_eq(setenv("TZ", "America/New_York", 1), 0);
    tzset();
    b.options.interval = "PT3H";
    box_open(&b);
    ck_assert_str_eq(box_names(b.location, names, sizeof(names)),
                     "20261120T210000 20261121T000000");
    box_store(&b, KEY, "1");
}
END_TEST

/* Closing. */

static void expect_closed(size_t count, const char *last) {
    ck_assert_uint_eq(atomic_load(&b.closed_count), count);
    if (count > 0)
        ck_assert_str_eq(b.closed[count - 1], last);
}

START_TEST(intervals_are_closed_when_their_time_is_over) {
    repli_error err = REPLI_ERROR_INIT;
    box_open(&b);
    box_store(&b, "20261121T015000000000000000", "1");
    box_dispatch(&b);
    expect_closed(0, NULL);
    atomic_store(&b.now_ns, BOX_THEN + 179 * BOX_SECOND);
    box_dispatch(&b);
    expect_closed(0, NULL);
    box_store(&b, "20261121T015000000000000001", "2");
    atomic_store(&b.now_ns, BOX_THEN + 180 * BOX_SECOND);
    ck_assert_uint_eq(alldata_storage_deadline(b.storage), 0);
    box_dispatch(&b);
    expect_closed(1, "20261121T015000");
    expect_refused("20261121T015000000000000002", "too old");
    box_store(&b, "20261121T020500000000000000", "3");
    /* Some are skipped, as after a sleep: all that were open are closed. */
    atomic_store(&b.now_ns, BOX_THEN + 3600 * BOX_SECOND);
    box_dispatch(&b);
    ck_assert_uint_eq(atomic_load(&b.closed_count), 4);
    ck_assert_str_eq(b.closed[1], "20261121T015500");
    ck_assert_str_eq(b.closed[2], "20261121T020000");
    ck_assert_str_eq(b.closed[3], "20261121T020500");
    box_store(&b, "20261121T025000000000000000", "4");
    expect("20261121T015000000000000000 1\n20261121T015000000000000001 2\n"
           "20261121T020500000000000000 3\n20261121T025000000000000000 4\n");
    ck_assert_int_eq(alldata_storage_dispatch(b.storage, &err), REPLI_OK);
}
END_TEST

/* A put sees for itself what time it is. */
START_TEST(the_window_does_not_wait_for_dispatch) {
    box_open(&b);
    box_store(&b, "20261121T015000000000000000", "1");
    atomic_store(&b.now_ns, BOX_THEN + 180 * BOX_SECOND);
    expect_refused("20261121T015000000000000001", "too old");
    box_store(&b, "20261121T020900000000000000", "2");
    expect_closed(0, NULL);
    box_dispatch(&b);
    expect_closed(1, "20261121T015000");
}
END_TEST

START_TEST(late_events_open_a_closed_interval) {
    box_open(&b);
    box_store(&b, "20261121T015000000000000000", "1");
    atomic_store(&b.now_ns, BOX_THEN + 180 * BOX_SECOND);
    box_dispatch(&b);
    expect_closed(1, "20261121T015000");
    const char *const late = "20261121T015000000000000005";
    ck_assert_int_eq(box_put(&b, late, "5", ALLDATA_PUT_LATE, NULL), REPLI_OK);
    ck_assert_int_eq(box_put(&b, late, "5", ALLDATA_PUT_LATE, NULL), REPLI_OK);
    ck_assert_int_eq(box_put(&b, late, "6", ALLDATA_PUT_LATE, NULL), REPLI_ECONFLICT);
    ck_assert_int_eq(box_put(&b, "20201121T015000000000000000", "0", ALLDATA_PUT_LATE, NULL),
                     REPLI_OK);
    ck_assert_int_eq(box_put(&b, "20271121T015000000000000000", "0", ALLDATA_PUT_LATE, NULL),
                     REPLI_EINVALID);
    expect("20201121T015000000000000000 0\n20261121T015000000000000000 1\n"
           "20261121T015000000000000005 5\n");
    while (atomic_load(&b.closed_count) < 3)
        box_dispatch(&b);
    const int swapped = strcmp(b.closed[1], "20201121T015000") == 0;
    ck_assert_str_eq(b.closed[1 + !swapped], "20201121T015000");
    ck_assert_str_eq(b.closed[1 + swapped], "20261121T015000");
    box_close(&b);
    box_open(&b);
    expect("20201121T015000000000000000 0\n20261121T015000000000000000 1\n"
           "20261121T015000000000000005 5\n");
}
END_TEST

static size_t open_files(void) {
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* Whoever puts them chooses how many intervals they are of. */
START_TEST(late_events_keep_few_intervals_open) {
    enum { FEW = 16, MANY = 50 };
    char key[32], expected[MANY * 32] = "";
    size_t files = 0, used = 0;
    box_open(&b);
    for (int i = 0; i < MANY; i++) {
        files = i == FEW ? open_files() : files;
        snprintf(key, sizeof(key), "202001%02dT%02d0000000000000000", 1 + i / 24, i % 24);
        ck_assert_int_eq(box_put(&b, key, "1", ALLDATA_PUT_LATE, NULL), REPLI_OK);
        used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s 1\n", key);
    }
    ck_assert_uint_lt(open_files(), files + files / FEW);
    /* One that was let go of takes more, and knows what it has. */
    ck_assert_int_eq(box_put(&b, "20200101T000000000000000000", "1", ALLDATA_PUT_LATE, NULL),
                     REPLI_OK);
    ck_assert_int_eq(box_put(&b, "20200101T000000000000000000", "2", ALLDATA_PUT_LATE, NULL),
                     REPLI_ECONFLICT);
    expect(expected);
    while (atomic_load(&b.closed_count) < MANY)
        box_dispatch(&b);
    expect(expected);
}
END_TEST

START_TEST(a_clock_that_is_set_back_a_little_opens_nothing) {
    box_open(&b);
    atomic_store(&b.now_ns, BOX_THEN + 180 * BOX_SECOND);
    box_dispatch(&b);
    expect_closed(1, "20261121T015000");
    atomic_store(&b.now_ns, BOX_THEN);
    expect_refused("20261121T015000000000000001", "too old");
    box_store(&b, "20261121T015500000000000001", "1");
    box_dispatch(&b);
    expect_closed(1, "20261121T015000");
}
END_TEST

START_TEST(a_clock_that_was_far_ahead_comes_back) {
    box_open(&b);
    box_store(&b, "20261121T015500000000000001", "1");
    atomic_store(&b.now_ns, BOX_THEN + 365 * 86400 * BOX_SECOND);
    expect_refused("20261121T015500000000000002", "too old");
    atomic_store(&b.now_ns, BOX_THEN);
    box_store(&b, "20261121T015500000000000002", "2");
    ck_assert_ptr_nonnull(strstr(b.last_log, "clock was set back"));
    expect("20261121T015500000000000001 1\n20261121T015500000000000002 2\n");
}
END_TEST

START_TEST(a_thread_closes_them_as_well) {
    b.options.run_mode = ALLDATA_RUN_THREADS;
    atomic_store(&b.now_ns, BOX_THEN + 180 * BOX_SECOND - 1);
    box_open(&b);
    ck_assert_uint_eq(alldata_storage_deadline(b.storage), UINT64_MAX);
    ck_assert_int_eq(alldata_storage_dispatch(b.storage, NULL), REPLI_ESTATE);
    atomic_store(&b.now_ns, BOX_THEN + 180 * BOX_SECOND);
    box_store(&b, "20261121T020100000000000000", "1");
    for (int i = 0; i < 20000 && atomic_load(&b.closed_count) == 0; i++)
        usleep(1000);
    expect_closed(1, "20261121T015000");
}
END_TEST

typedef struct listed {
    char text[256];
    int stop;
} listed;

static int32_t take_interval(void *user_data, const char *name, int32_t state) {
    listed *all = user_data;
    const size_t used = strlen(all->text);
    snprintf(all->text + used, sizeof(all->text) - used, "%s%s ", name,
             state == ALLDATA_INTERVAL_OPEN ? "*" : "");
    return all->stop;
}

START_TEST(intervals_are_listed) {
    char path[160];
    box_open(&b);
    atomic_fetch_add(&b.now_ns, 300 * BOX_SECOND);
    box_store(&b, "20261121T020500000000000000", "1");
    snprintf(path, sizeof(path), "%s/lost+found", b.location);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    listed all = {.stop = 0};
    ck_assert_int_eq(alldata_storage_intervals(b.storage, take_interval, &all, NULL), REPLI_OK);
    ck_assert_str_eq(all.text,
                     "20261121T015000 20261121T015500* 20261121T020000* 20261121T020500* ");
    listed one = {.stop = 1};
    ck_assert_int_eq(alldata_storage_intervals(b.storage, take_interval, &one, NULL), REPLI_OK);
    ck_assert_str_eq(one.text, "20261121T015000 ");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("intervals");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, three_intervals_accept_keys);
    tcase_add_test(tcase, keys_are_checked);
    tcase_add_test(tcase, every_length_of_interval_has_its_names);
    tcase_add_test(tcase, time_zones_do_not_matter);
    tcase_add_test(tcase, intervals_are_closed_when_their_time_is_over);
    tcase_add_test(tcase, the_window_does_not_wait_for_dispatch);
    tcase_add_test(tcase, late_events_open_a_closed_interval);
    tcase_add_test(tcase, late_events_keep_few_intervals_open);
    tcase_add_test(tcase, a_clock_that_is_set_back_a_little_opens_nothing);
    tcase_add_test(tcase, a_clock_that_was_far_ahead_comes_back);
    tcase_add_test(tcase, a_thread_closes_them_as_well);
    tcase_add_test(tcase, intervals_are_listed);
    Suite *suite = suite_create("alldata: intervals");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
