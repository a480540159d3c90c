/* Coordinator of a node without peers: what is put, answered, refused. run.sh timeout: 300 */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "child.h"

#define KEY "20261121T015624640353920860"

enum { ANSWERS = 64 };

static box b;
static alldata_keygen *keygen;
static alldata_coordinator_options options;
static alldata_coordinator *coordinator;

/* What was told, of the first puts. */
static alldata_put_result told[ANSWERS];
static char messages[ANSWERS][REPLI_ERROR_MESSAGE_SIZE];
static atomic_size_t told_count, calls, calls_here;
static pthread_t main_thread;

static int64_t tell_time(void *user_data) {
    return atomic_load(&((box *)user_data)->now_ns);
}

static void setup(void) {
    alldata_keygen_options keys = ALLDATA_KEYGEN_OPTIONS_INIT;
    box_begin(&b);
    box_open(&b);
    keys.node = 17;
    keys.clock = tell_time;
    keys.clock_data = &b;
    ck_assert_int_eq(alldata_keygen_new(&keys, NULL, &keygen, NULL), REPLI_OK);
    options = (alldata_coordinator_options)ALLDATA_COORDINATOR_OPTIONS_INIT;
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.storage = b.storage;
    options.keygen = keygen;
    atomic_store(&told_count, 0);
    atomic_store(&calls, 0);
    atomic_store(&calls_here, 0);
    main_thread = pthread_self();
}

static void begin(void) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_coordinator_new(&options, NULL, &coordinator, &err) == REPLI_OK, "%s",
                  err.message);
}

static void teardown(void) {
    alldata_coordinator_free(coordinator);
    coordinator = NULL;
    alldata_keygen_free(keygen);
    box_end(&b);
}

static void take(void *user_data, const alldata_put_result *results, size_t count) {
    (void)user_data;
    for (size_t i = 0; i < count; i++) {
        const size_t at = atomic_fetch_add(&told_count, 1);
        if (at >= ANSWERS)
            continue;
        told[at] = results[i];
        messages[at][0] = '\0';
        if (results[i].error != NULL)
            snprintf(messages[at], sizeof(messages[at]), "%s", results[i].error->message);
    }
    if (pthread_equal(pthread_self(), main_thread))
        atomic_fetch_add(&calls_here, 1);
    atomic_fetch_add(&calls, 1);
}

static int32_t put(const char *key, const char *event, repli_error *err) {
    alldata_put one = ALLDATA_PUT_INIT;
    one.key = key;
    one.event = event;
    one.event_size = event != NULL ? strlen(event) : 0;
    return alldata_coordinator_put(coordinator, &one, 1, take, NULL, err);
}

/* Dispatch until so many calls were answered. */
static void await(size_t count) {
    while (atomic_load(&calls) < count) {
        struct pollfd fd = {.fd = alldata_coordinator_fd(coordinator), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, 60000), 1);
        ck_assert_int_eq(alldata_coordinator_dispatch(coordinator, NULL), REPLI_OK);
    }
}

static alldata_coordinator_counters counters(void) {
    alldata_coordinator_counters all = ALLDATA_COORDINATOR_COUNTERS_INIT;
    ck_assert_int_eq(alldata_coordinator_count(coordinator, &all, NULL), REPLI_OK);
    return all;
}

static void expect(const char *expected) {
    char *text = box_read(&b, NULL);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(an_event_is_stored_under_the_key_that_is_told) {
    char expected[128];
    begin();
    ck_assert_int_eq(put(NULL, "{ \"a\": 1e400 }", NULL), REPLI_OK);
    ck_assert_uint_eq(atomic_load(&calls), 0);
    await(1);
    ck_assert_int_eq(told[0].code, REPLI_OK);
    ck_assert_int_eq(told[0].replicas, 1);
    ck_assert_int_eq(told[0].needed, 1);
    ck_assert_ptr_null(told[0].error);
    snprintf(expected, sizeof(expected), "%s { \"a\": 1e400 }\n", told[0].key);
    expect(expected);
    ck_assert_uint_eq(counters().puts, 1);
    ck_assert_uint_eq(counters().waiting, 0);
    ck_assert_uint_eq(counters().waiting_bytes, 0);
}
END_TEST

START_TEST(a_put_that_is_tried_again_is_stored_once) {
    begin();
    for (size_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(put(KEY, i < 3 ? "1" : "2", NULL), REPLI_OK);
        await(i);
    }
    ck_assert_int_eq(told[0].code, REPLI_OK);
    ck_assert_int_eq(told[1].code, REPLI_OK);
    ck_assert_int_eq(told[2].code, REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(messages[2], KEY));
    ck_assert_str_eq(told[2].key, KEY);
    expect(KEY " 1\n");
}
END_TEST

START_TEST(what_cannot_be_stored_is_refused_at_once) {
    static const struct {
        const char *key, *event, *says;
    } cases[] = {
        {NULL, "", "event"},
        {NULL, NULL, "event"},
        {NULL, "null", "null"},
        {NULL, "{", "event"},
        {NULL, "\"\xff\"", "UTF-8"},
        {"", "1", "key"},
        {"2026", "1", "key"},
        {KEY "0", "1", "key"},
        {"20261121T004959999000000000", "1", "too old"},
        {"20261121T021000000000000000", "1", "future"},
    };
    const size_t count = sizeof(cases) / sizeof(cases[0]);
    begin();
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(put(cases[i].key, cases[i].event, NULL), REPLI_OK);
        ck_assert_uint_eq(atomic_load(&calls), i + 1);
        ck_assert_int_eq(told[i].code, REPLI_EINVALID);
        ck_assert_str_eq(told[i].key, "");
        ck_assert_msg(strstr(messages[i], cases[i].says) != NULL, "%zu: %s", i, messages[i]);
    }
    expect("");
    ck_assert_uint_eq(counters().failed, count);
    ck_assert_uint_eq(counters().waiting_bytes, 0);
}
END_TEST

START_TEST(bad_calls_are_refused) {
    alldata_put one = ALLDATA_PUT_INIT;
    repli_error err = REPLI_ERROR_INIT;
    begin();
    one.event = "1";
    one.event_size = 1;
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 0, take, NULL, &err),
                     REPLI_EINVALID);
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, NULL, NULL, &err),
                     REPLI_EINVALID);
    one.struct_size = 0;
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, take, NULL, &err),
                     REPLI_EINVALID);
    one.struct_size = sizeof(one);
    one.commit = 7;
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, take, NULL, &err), REPLI_OK);
    ck_assert_int_eq(told[0].code, REPLI_EINVALID);
    one.commit = ALLDATA_COMMIT_ALL;
    one.timeout_ms = 3600001;
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, take, NULL, &err), REPLI_OK);
    ck_assert_int_eq(told[1].code, REPLI_EINVALID);
    expect("");
}
END_TEST

START_TEST(results_of_many_come_in_their_order) {
    alldata_put puts[5];
    static const char *const events[] = {"1", "null", "2", "{", "3"};
    begin();
    for (size_t i = 0; i < 5; i++) {
        puts[i] = (alldata_put)ALLDATA_PUT_INIT;
        puts[i].event = events[i];
        puts[i].event_size = strlen(events[i]);
    }
    ck_assert_int_eq(alldata_coordinator_put(coordinator, puts, 5, take, NULL, NULL), REPLI_OK);
    await(1);
    ck_assert_uint_eq(atomic_load(&told_count), 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(told[i].code, i % 2 == 0 ? REPLI_OK : REPLI_EINVALID);
    ck_assert_str_lt(told[0].key, told[2].key);
    ck_assert_str_lt(told[2].key, told[4].key);
}
END_TEST

START_TEST(records_of_others_are_stored_here) {
    static const char *const keys[] = {KEY, "20261120T000000000000000001", "x", KEY};
    static const int32_t codes[][4] = {{REPLI_OK, REPLI_EINVALID, REPLI_EINVALID, REPLI_ECONFLICT},
                                       {REPLI_OK, REPLI_OK, REPLI_EINVALID, REPLI_ECONFLICT}};
    alldata_record records[4];
    begin();
    for (size_t i = 0; i < 4; i++) {
        records[i] = (alldata_record)ALLDATA_RECORD_INIT;
        records[i].key = keys[i];
        records[i].key_size = strlen(keys[i]);
        records[i].event = i < 3 ? "1" : "2";
        records[i].event_size = 1;
    }
    for (size_t late = 0; late < 2; late++) {
        ck_assert_int_eq(alldata_coordinator_store(coordinator, records, 4,
                                                   late ? ALLDATA_PUT_LATE : 0, take, NULL, NULL),
                         REPLI_OK);
        await(late + 1);
        for (size_t i = 0; i < 4; i++) {
            ck_assert_int_eq(told[4 * late + i].code, codes[late][i]);
            ck_assert((messages[4 * late + i][0] == '\0') == (codes[late][i] == REPLI_OK));
        }
    }
    ck_assert_uint_eq(counters().stored, 3);
    ck_assert_uint_eq(counters().puts, 0);
}
END_TEST

START_TEST(a_late_event_goes_where_its_key_belongs) {
    alldata_put one = ALLDATA_PUT_INIT;
    begin();
    one.key = "20261101T100000000000000001";
    one.event = "1";
    one.event_size = 1;
    for (size_t i = 0; i < 3; i++) {
        one.flags = i > 0 ? ALLDATA_PUT_LATE : 0;
        ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, take, NULL, NULL), REPLI_OK);
        await(i + 1);
        ck_assert_int_eq(told[i].code, i > 0 ? REPLI_OK : REPLI_EINVALID);
    }
    one.key = "20261121T021000000000000000";
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, take, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(told[3].code, REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(messages[3], "future"));
    one.key = KEY;
    one.flags = ALLDATA_PUT_SYNC;
    ck_assert_int_eq(alldata_coordinator_put(coordinator, &one, 1, take, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(told[4].code, REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(messages[4], "flags"));
    expect("20261101T100000000000000001 1\n");
}
END_TEST

/* Nor do those of now wait for all of them. */
START_TEST(late_events_let_those_of_now_pass) {
    enum { MANY = 40 };
    alldata_put puts[MANY];
    char keys[MANY][32];
    options.timeout_ms = 60000; /* a slow disk takes its time for so many */
    begin();
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof(keys[i]), "202001%02dT%02d0000000000000000", 1 + i / 24, i % 24);
        puts[i] = (alldata_put)ALLDATA_PUT_INIT;
        puts[i].key = keys[i];
        puts[i].flags = ALLDATA_PUT_LATE;
        puts[i].event = "1";
        puts[i].event_size = 1;
    }
    ck_assert_int_eq(alldata_coordinator_put(coordinator, puts, MANY, take, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(put(KEY, "2", NULL), REPLI_OK);
    await(1);
    ck_assert_str_eq(told[0].key, KEY);
    await(2);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(told[1 + i].code, REPLI_OK);
        ck_assert_str_eq(told[1 + i].key, keys[i]);
    }
}
END_TEST

/* Those of a host that was built before there were flags. */
START_TEST(puts_of_an_older_size_are_taken) {
    enum { SIZE = offsetof(alldata_put, flags), PUTS = 3 };
    _Alignas(alldata_put) char puts[PUTS * SIZE];
    static const char *const events[PUTS] = {"1", "2", "3"};
    begin();
    for (size_t i = 0; i < PUTS; i++) {
        alldata_put one = ALLDATA_PUT_INIT;
        one.struct_size = SIZE;
        one.event = events[i];
        one.event_size = 1;
        memcpy(puts + i * SIZE, &one, SIZE);
    }
    ck_assert_int_eq(alldata_coordinator_put(coordinator, (const alldata_put *)(const void *)puts,
                                             PUTS, take, NULL, NULL),
                     REPLI_OK);
    await(1);
    for (size_t i = 0; i < PUTS; i++)
        ck_assert_int_eq(told[i].code, REPLI_OK);
    ck_assert_uint_eq(counters().puts, PUTS);
}
END_TEST

START_TEST(what_waits_is_bounded) {
    enum { EACH = 4000 };
    char event[EACH + 1];
    repli_error err = REPLI_ERROR_INIT;
    size_t taken = 0;
    options.max_waiting_bytes = 100000;
    begin();
    memset(event, '1', EACH);
    event[0] = event[EACH - 1] = '"';
    event[EACH] = '\0';
    while (put(NULL, event, &err) == REPLI_OK)
        taken++;
    ck_assert_int_eq(err.code, REPLI_EFULL);
    ck_assert_uint_gt(taken, 20);
    ck_assert_uint_lt(taken, 25);
    ck_assert_uint_le(counters().waiting_bytes, 100000);
    ck_assert_uint_eq(counters().refused, 1);
    ck_assert_uint_eq(counters().waiting, taken);
    await(taken);
    ck_assert_uint_eq(counters().waiting_bytes, 0);
    ck_assert_int_eq(put(NULL, event, NULL), REPLI_OK);
    await(taken + 1);
}
END_TEST

/* Threads. */

enum { THREADS = 8, EACH = 500 };

static void *put_many(void *argument) {
    (void)argument;
    for (int i = 0; i < EACH; i++)
        ck_assert_int_eq(put(NULL, "{\"n\":1}", NULL), REPLI_OK);
    return NULL;
}

START_TEST(many_threads_share_commits_and_nothing_is_lost) {
    pthread_t threads[THREADS];
    alldata_storage_stats stats = {.struct_size = sizeof(stats)};
    options.run_mode = ALLDATA_RUN_THREADS;
    begin();
    ck_assert_int_eq(alldata_coordinator_fd(coordinator), -1);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* What waits is written before it is gone. */
    alldata_coordinator_free(coordinator);
    coordinator = NULL;
    ck_assert_uint_eq(atomic_load(&calls), THREADS * EACH);
    alldata_storage_stats_get(b.storage, &stats);
    ck_assert_uint_eq(stats.stored, THREADS * EACH);
    ck_assert_uint_le(stats.commits, stats.stored);
    for (size_t i = 0; i < ANSWERS; i++)
        ck_assert_int_eq(told[i].code, REPLI_OK);
}
END_TEST

START_TEST(puts_before_an_uncork_share_a_commit) {
    enum { PUTS = 20 };
    alldata_storage_stats before = {.struct_size = sizeof(before)};
    alldata_storage_stats after = before;
    options.run_mode = ALLDATA_RUN_THREADS;
    begin();
    ck_assert_int_eq(put(NULL, "0", NULL), REPLI_OK);
    while (atomic_load(&calls) < 1)
        usleep(1000);
    alldata_storage_stats_get(b.storage, &before);
    alldata_coordinator_cork(coordinator);
    alldata_coordinator_cork(coordinator);
    for (int i = 0; i < PUTS; i++)
        ck_assert_int_eq(put(NULL, "1", NULL), REPLI_OK);
    alldata_coordinator_uncork(coordinator);
    ck_assert_uint_eq(counters().waiting, PUTS);
    alldata_coordinator_uncork(coordinator);
    while (atomic_load(&calls) < 1 + PUTS)
        usleep(1000);
    alldata_storage_stats_get(b.storage, &after);
    ck_assert_uint_eq(after.commits, before.commits + 1);
}
END_TEST

/* Puts so many under one cork and takes it out, again and again. Returns how many were answered
 * within that. */
static size_t put_and_write(int puts, int rounds) {
    size_t all = atomic_load(&calls);
    for (int round = 0; round < rounds; round++) {
        alldata_coordinator_cork(coordinator);
        for (int i = 0; i < puts; i++)
            ck_assert_int_eq(put(NULL, "1", NULL), REPLI_OK);
        alldata_coordinator_uncork_and_write(coordinator);
        all += (size_t)puts;
        while (atomic_load(&calls) < all)
            usleep(100);
    }
    for (size_t i = 0; i < ANSWERS && i < all; i++)
        ck_assert_int_eq(told[i].code, REPLI_OK);
    return atomic_load(&calls_here);
}

/* The writer may be at it when one is just about to. */
START_TEST(who_brings_a_few_writes_them) {
    enum { PUTS = 20, ROUNDS = 50, SOME = 5 };
    alldata_storage_stats stats = {.struct_size = sizeof(stats)};
    options.run_mode = ALLDATA_RUN_THREADS;
    begin();
    ck_assert_uint_ge(put_and_write(PUTS, ROUNDS), PUTS * (ROUNDS - SOME));
    alldata_storage_stats_get(b.storage, &stats);
    ck_assert_uint_eq(stats.stored, PUTS * ROUNDS);
    ck_assert_uint_ge(stats.commits, ROUNDS);
    ck_assert_uint_le(stats.commits, ROUNDS + SOME);
    ck_assert_uint_eq(counters().waiting, 0);
}
END_TEST

START_TEST(many_are_left_to_the_writer) {
    options.run_mode = ALLDATA_RUN_THREADS;
    begin();
    ck_assert_uint_lt(put_and_write(1000, 3), 1000);
}
END_TEST

START_TEST(what_is_to_be_synced_is_left_to_the_writer) {
    options.run_mode = ALLDATA_RUN_THREADS;
    options.put_flags = ALLDATA_PUT_SYNC;
    begin();
    ck_assert_uint_eq(put_and_write(2, 10), 0);
}
END_TEST

START_TEST(who_drives_it_writes_when_it_dispatches) {
    begin();
    alldata_coordinator_cork(coordinator);
    ck_assert_int_eq(put(NULL, "1", NULL), REPLI_OK);
    alldata_coordinator_uncork_and_write(coordinator);
    ck_assert_uint_eq(atomic_load(&calls), 0);
    await(1);
}
END_TEST

static void *bring_many(void *user_data) {
    const int *const rounds = user_data;
    for (int i = 0; i < *rounds; i++) {
        const int corks = i % 3 != 0;
        if (corks)
            alldata_coordinator_cork(coordinator);
        ck_assert_int_eq(put(NULL, "1", NULL), REPLI_OK);
        if (corks)
            alldata_coordinator_uncork_and_write(coordinator);
    }
    return NULL;
}

START_TEST(several_may_bring_at_once) {
    enum { BRINGERS = 4 };
    int rounds = 500;
    pthread_t bringers[BRINGERS];
    options.run_mode = ALLDATA_RUN_THREADS;
    begin();
    for (int i = 0; i < BRINGERS; i++)
        ck_assert_int_eq(pthread_create(&bringers[i], NULL, bring_many, &rounds), 0);
    for (int i = 0; i < BRINGERS; i++)
        pthread_join(bringers[i], NULL);
    while (atomic_load(&calls) < (size_t)(BRINGERS * rounds))
        usleep(1000);
    ck_assert_uint_eq(counters().puts, (size_t)(BRINGERS * rounds));
}
END_TEST

START_TEST(what_waits_is_told_when_it_ends) {
    begin();
    ck_assert_int_eq(put(NULL, "1", NULL), REPLI_OK);
    alldata_coordinator_free(coordinator);
    coordinator = NULL;
    ck_assert_uint_eq(atomic_load(&calls), 1);
    ck_assert_int_eq(told[0].code, REPLI_OK);
}
END_TEST

START_TEST(a_child_of_fork_leaves_it_alone) {
    int status = -1;
    options.run_mode = ALLDATA_RUN_THREADS;
    begin();
    const pid_t child = fork();
    if (child == 0) {
        repli_error err = REPLI_ERROR_INIT;
        int good = put(NULL, "1", &err) == REPLI_EFORK && err.code == REPLI_EFORK;
        good = good && alldata_coordinator_dispatch(coordinator, NULL) == REPLI_EFORK;
        good = good && alldata_coordinator_fd(coordinator) == -1;
        alldata_coordinator_free(coordinator);
        test_end_child(good);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(put(NULL, "1", NULL), REPLI_OK);
    alldata_coordinator_free(coordinator);
    coordinator = NULL;
    ck_assert_int_eq(told[0].code, REPLI_OK);
}
END_TEST

START_TEST(bad_options_are_refused) {
    alldata_coordinator *const untouched = (alldata_coordinator *)(void *)&b;
    alldata_coordinator *made = untouched;
    const alldata_coordinator_options good = options;
    for (int i = 0; i < 8; i++) {
        repli_error err = REPLI_ERROR_INIT;
        options = good;
        if (i == 0)
            options.struct_size = 8;
        if (i == 1)
            options.storage = NULL;
        if (i == 2)
            options.keygen = NULL;
        if (i == 3)
            options.replication_factor = 16;
        if (i == 4)
            options.commit = 4;
        if (i == 5)
            options.run_mode = 2;
        if (i == 6)
            options.put_flags = ALLDATA_PUT_LATE;
        if (i == 7)
            options.timeout_ms = 3600001;
        ck_assert_int_eq(alldata_coordinator_new(&options, NULL, &made, &err), REPLI_EINVALID);
        ck_assert_ptr_eq(made, untouched);
        ck_assert_str_ne(err.message, "");
    }
    options = good;
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("coordinator");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_event_is_stored_under_the_key_that_is_told);
    tcase_add_test(tcase, a_put_that_is_tried_again_is_stored_once);
    tcase_add_test(tcase, what_cannot_be_stored_is_refused_at_once);
    tcase_add_test(tcase, bad_calls_are_refused);
    tcase_add_test(tcase, results_of_many_come_in_their_order);
    tcase_add_test(tcase, records_of_others_are_stored_here);
    tcase_add_test(tcase, a_late_event_goes_where_its_key_belongs);
    tcase_add_test(tcase, late_events_let_those_of_now_pass);
    tcase_add_test(tcase, puts_of_an_older_size_are_taken);
    tcase_add_test(tcase, what_waits_is_bounded);
    tcase_add_test(tcase, many_threads_share_commits_and_nothing_is_lost);
    tcase_add_test(tcase, puts_before_an_uncork_share_a_commit);
    tcase_add_test(tcase, who_brings_a_few_writes_them);
    tcase_add_test(tcase, many_are_left_to_the_writer);
    tcase_add_test(tcase, what_is_to_be_synced_is_left_to_the_writer);
    tcase_add_test(tcase, who_drives_it_writes_when_it_dispatches);
    tcase_add_test(tcase, several_may_bring_at_once);
    tcase_add_test(tcase, what_waits_is_told_when_it_ends);
    tcase_add_test(tcase, a_child_of_fork_leaves_it_alone);
    tcase_add_test(tcase, bad_options_are_refused);
    Suite *suite = suite_create("alldata: coordinator");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
