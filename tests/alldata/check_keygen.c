/* Keys: their format, and their order under threads and clocks that misbehave. run.sh timeout: 600
 */
#include <check.h>
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <alldata/alldata.h>

#include "failing.h"

#define SECOND INT64_C(1000000000)
/* 2026-11-21T00:58:24.640Z */
#define THEN INT64_C(1795222704640000000)

/* A clock that is set by the test. */
static _Atomic int64_t now_ns;

static int64_t tell(void *user_data) {
    (void)user_data;
    return atomic_load(&now_ns);
}

static alldata_keygen *make(int32_t node, const char *after) {
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    alldata_keygen *keygen = NULL;
    repli_error err = REPLI_ERROR_INIT;
    options.node = node;
    options.after = after;
    options.clock = tell;
    ck_assert_msg(alldata_keygen_new(&options, NULL, &keygen, &err) == REPLI_OK, "%s", err.message);
    return keygen;
}

static void next(alldata_keygen *keygen, char ret_key[ALLDATA_KEY_SIZE]) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_keygen_next(keygen, ret_key, &err) == REPLI_OK, "%s", err.message);
}

START_TEST(keys_are_those_of_the_reference) {
    regex_t form;
    char key[ALLDATA_KEY_SIZE];
    atomic_store(&now_ns, THEN);
    alldata_keygen *keygen = make(4711, NULL);
    next(keygen, key);
    ck_assert_str_eq(key, "20261121T005824640000004711");
    next(keygen, key);
    ck_assert_str_eq(key, "20261121T005824640000104711");
    ck_assert_int_eq(regcomp(&form, "^[0-9]{8}T[0-9]{18}$", REG_EXTENDED | REG_NOSUB), 0);
    for (int i = 0; i < 100000; i++) {
        next(keygen, key);
        ck_assert_int_eq(regexec(&form, key, 0, NULL, 0), 0);
        ck_assert_int_eq(alldata_key_validate(key, strlen(key), NULL), REPLI_OK);
    }
    regfree(&form);
    alldata_keygen_free(keygen);
}
END_TEST

/* Against the C library, for days of many years. */
START_TEST(dates_are_those_of_the_calendar) {
    char key[ALLDATA_KEY_SIZE];
    char expected[ALLDATA_KEY_SIZE];
    for (int64_t second = 0; second < INT64_C(9200000000); second += 86399) {
        const time_t at = (time_t)second;
        struct tm tm;
        ck_assert_ptr_nonnull(gmtime_r(&at, &tm));
        ck_assert_int_ne(strftime(expected, sizeof(expected), "%Y%m%dT%H%M%S", &tm), 0);
        atomic_store(&now_ns, second * SECOND + 1000);
        alldata_keygen *keygen = make(0, NULL);
        next(keygen, key);
        ck_assert_int_eq(strncmp(key, expected, 15), 0);
        ck_assert_int_eq(alldata_key_validate(key, strlen(key), NULL), REPLI_OK);
        alldata_keygen_free(keygen);
    }
}
END_TEST

START_TEST(what_is_no_key_is_refused) {
    static const char *const bad[] = {"",
                                      "20261121T",
                                      "20261121T00582464035392086",
                                      "20261121T0058246403539208600",
                                      "20261121t005824640353920860",
                                      "20261121T00582464035392086x",
                                      "20261121T005824x40353920860",
                                      "20261321T005824640353920860",
                                      "20260021T005824640353920860",
                                      "20261131T005824640353920860",
                                      "20261100T005824640353920860",
                                      "20270229T005824640353920860",
                                      "21000229T005824640353920860",
                                      "20261121T245824640353920860",
                                      "20261121T006024640353920860",
                                      "20261121T005860640353920860",
                                      "+0261121T005824640353920860",
                                      "                           "};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        repli_error err = REPLI_ERROR_INIT;
        ck_assert_msg(alldata_key_validate(bad[i], strlen(bad[i]), &err) == REPLI_EINVALID, "%s",
                      bad[i]);
        ck_assert_ptr_nonnull(strstr(err.message, "is not a key"));
    }
    ck_assert_int_eq(alldata_key_validate(NULL, 27, NULL), REPLI_EINVALID);
    ck_assert_int_eq(alldata_key_validate("20261121T005824640353920\0860", 27, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(alldata_key_validate("20240229T235959999999999999", 27, NULL), REPLI_OK);
}
END_TEST

/* Clocks. */

START_TEST(a_clock_that_steps_does_not_reorder_keys) {
    static const int64_t steps[] = {
        0,           -1,           SECOND,    -SECOND,       100,
        -99,         3 * SECOND,   -SECOND,   SECOND,        -100 * SECOND,
        99 * SECOND, -60 * SECOND, 1,         3600 * SECOND, -250 * SECOND,
        0,           -SECOND,      2 * SECOND};
    char before[ALLDATA_KEY_SIZE] = "";
    char key[ALLDATA_KEY_SIZE];
    atomic_store(&now_ns, THEN);
    alldata_keygen *keygen = make(1, NULL);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        atomic_fetch_add(&now_ns, steps[i]);
        for (int j = 0; j < 1000; j++) {
            next(keygen, key);
            ck_assert_msg(strcmp(key, before) > 0, "%s after %s", key, before);
            memcpy(before, key, sizeof(key));
        }
    }
    alldata_keygen_free(keygen);
}
END_TEST

START_TEST(keys_do_not_run_ahead_for_ever) {
    char key[ALLDATA_KEY_SIZE];
    char last[ALLDATA_KEY_SIZE];
    atomic_store(&now_ns, THEN);
    alldata_keygen *keygen = make(1, NULL);
    next(keygen, last);
    atomic_fetch_sub(&now_ns, 299 * SECOND);
    next(keygen, key);
    ck_assert_int_gt(strcmp(key, last), 0);
    atomic_fetch_sub(&now_ns, 2 * SECOND);
    repli_error err = REPLI_ERROR_INIT;
    strcpy(key, "as it was");
    ck_assert_int_eq(alldata_keygen_next(keygen, key, &err), REPLI_ENOTREADY);
    ck_assert_str_eq(key, "as it was");
    ck_assert_ptr_nonnull(strstr(err.message, "20261121T005323640"));
    ck_assert_ptr_nonnull(strstr(err.message, "20261121T005824640"));
    ck_assert_ptr_nonnull(strstr(err.message, "300 s"));
    atomic_fetch_add(&now_ns, 2 * SECOND);
    next(keygen, key);
    ck_assert_int_gt(strcmp(key, last), 0);
    alldata_keygen_free(keygen);
}
END_TEST

START_TEST(a_restart_goes_on_after_the_last_key) {
    char last[ALLDATA_KEY_SIZE];
    char key[ALLDATA_KEY_SIZE];
    atomic_store(&now_ns, THEN);
    alldata_keygen *keygen = make(7, NULL);
    for (int i = 0; i < 100; i++)
        next(keygen, last);
    alldata_keygen_free(keygen);
    atomic_fetch_sub(&now_ns, 60 * SECOND);
    keygen = make(7, last);
    next(keygen, key);
    ck_assert_int_gt(strcmp(key, last), 0);
    alldata_keygen_free(keygen);
    /* That of a node of another make, whose digits are others. */
    keygen = make(7, "20261121T005824640999999999");
    next(keygen, key);
    ck_assert_str_gt(key, "20261121T005824640999999999");
    alldata_keygen_free(keygen);
}
END_TEST

/* Threads. */

enum { THREADS = 8, KEYS = 1000000 };

typedef struct worker {
    pthread_t thread;
    alldata_keygen *keygen;
    char (*keys)[ALLDATA_KEY_SIZE];
    int misordered;
} worker;

static atomic_int ended;

static void *make_keys(void *argument) {
    worker *self = argument;
    for (size_t i = 0; i < KEYS; i++)
        if (alldata_keygen_next(self->keygen, self->keys[i], NULL) != REPLI_OK ||
            (i > 0 && strcmp(self->keys[i], self->keys[i - 1]) <= 0))
            self->misordered++;
    atomic_fetch_add(&ended, 1);
    return NULL;
}

/* Each thread's keys ascend, so all of them are distinct if those of any two are: they are merged.
 */
static size_t count_distinct(worker *workers) {
    size_t at[THREADS] = {0};
    size_t count = 0;
    const char *before = "";
    for (;;) {
        int least = -1;
        for (int i = 0; i < THREADS; i++)
            if (at[i] < KEYS &&
                (least < 0 || memcmp(workers[i].keys[at[i]], workers[least].keys[at[least]],
                                     ALLDATA_KEY_LENGTH) < 0))
                least = i;
        if (least < 0)
            return count;
        const char *key = workers[least].keys[at[least]++];
        count += strcmp(key, before) != 0;
        before = key;
    }
}

static void run_threads(alldata_keygen *keygen, int steps_clock) {
    worker workers[THREADS];
    atomic_store(&ended, 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.keygen = keygen, .keys = malloc((size_t)KEYS * ALLDATA_KEY_SIZE)};
        ck_assert_ptr_nonnull(workers[i].keys);
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, make_keys, &workers[i]), 0);
    }
    for (uint32_t i = 0; steps_clock && atomic_load(&ended) < THREADS; i++)
        atomic_store(&now_ns, THEN + (int64_t)(i * 7919 % 200) * SECOND / 2);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_int_eq(workers[i].misordered, 0);
    }
    ck_assert_uint_eq(count_distinct(workers), (size_t)THREADS * KEYS);
    for (int i = 0; i < THREADS; i++)
        free(workers[i].keys);
}

START_TEST(threads_get_distinct_keys_in_order) {
    alldata_keygen *keygen = NULL;
    ck_assert_int_eq(alldata_keygen_new(NULL, NULL, &keygen, NULL), REPLI_OK);
    run_threads(keygen, 0);
    alldata_keygen_free(keygen);
}
END_TEST

START_TEST(threads_get_them_while_the_clock_jumps) {
    atomic_store(&now_ns, THEN);
    alldata_keygen *keygen = make(99999, NULL);
    run_threads(keygen, 1);
    alldata_keygen_free(keygen);
}
END_TEST

/* Nodes. */

START_TEST(nodes_with_different_numbers_never_make_the_same_key) {
    char a[ALLDATA_KEY_SIZE];
    char b[ALLDATA_KEY_SIZE];
    atomic_store(&now_ns, THEN);
    alldata_keygen *first = make(12345, NULL);
    alldata_keygen *second = make(54321, NULL);
    for (int i = 0; i < 1000; i++) {
        next(first, a);
        next(second, b);
        ck_assert_int_eq(strncmp(a, b, 22), 0);
        ck_assert_str_eq(a + 22, "12345");
        ck_assert_str_eq(b + 22, "54321");
    }
    ck_assert_int_eq(alldata_keygen_set_node(first, 3, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_keygen_node(first), 3);
    memcpy(b, a, sizeof(a));
    next(first, a);
    ck_assert_int_gt(strcmp(a, b), 0);
    ck_assert_str_eq(a + 22, "00003");
    alldata_keygen_free(first);
    alldata_keygen_free(second);
}
END_TEST

START_TEST(numbers_are_drawn_where_none_is_given) {
    int differ = 0;
    int32_t before = -1;
    for (int i = 0; i < 20; i++) {
        alldata_keygen *keygen = make(-1, NULL);
        const int32_t node = alldata_keygen_node(keygen);
        ck_assert(node >= 0 && node < ALLDATA_KEYGEN_NODES);
        differ += node != before;
        before = node;
        alldata_keygen_free(keygen);
    }
    ck_assert_int_gt(differ, 10);
}
END_TEST

START_TEST(bad_options_are_refused) {
    alldata_keygen *const untouched = (alldata_keygen *)(void *)&ended;
    alldata_keygen *keygen = untouched;
    repli_error err = REPLI_ERROR_INIT;
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.node = ALLDATA_KEYGEN_NODES;
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "100000"));
    options.node = -2;
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, NULL), REPLI_EINVALID);
    options.node = 1;
    options.after = "yesterday";
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, NULL), REPLI_EINVALID);
    options.after = NULL;
    options.struct_size = 8;
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, NULL), REPLI_EINVALID);
    failing memory;
    failing_init(&memory);
    failing_arm(&memory, 1, 0);
    ck_assert_int_eq(alldata_keygen_new(NULL, &memory.allocator, &keygen, NULL), REPLI_ENOMEM);
    ck_assert_ptr_eq(keygen, untouched);
    ck_assert_int_eq(alldata_keygen_new(NULL, &memory.allocator, &keygen, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_keygen_set_node(keygen, -1, NULL), REPLI_EINVALID);
    alldata_keygen_free(keygen);
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
    alldata_keygen_free(NULL);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("keygen");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, keys_are_those_of_the_reference);
    tcase_add_test(tcase, dates_are_those_of_the_calendar);
    tcase_add_test(tcase, what_is_no_key_is_refused);
    tcase_add_test(tcase, a_clock_that_steps_does_not_reorder_keys);
    tcase_add_test(tcase, keys_do_not_run_ahead_for_ever);
    tcase_add_test(tcase, a_restart_goes_on_after_the_last_key);
    tcase_add_test(tcase, threads_get_distinct_keys_in_order);
    tcase_add_test(tcase, threads_get_them_while_the_clock_jumps);
    tcase_add_test(tcase, nodes_with_different_numbers_never_make_the_same_key);
    tcase_add_test(tcase, numbers_are_drawn_where_none_is_given);
    tcase_add_test(tcase, bad_options_are_refused);
    Suite *suite = suite_create("alldata: keygen");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
