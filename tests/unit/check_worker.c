#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/worker.h"

/* A function that a thread runs, or whoever drives it. */

enum { PATIENCE_TURNS = 20000 };

static repli__worker worker;
static atomic_int runs;
static atomic_int rings;
static atomic_int inside;
static atomic_int held; /* runs last until it is 0 */
static _Atomic uint64_t next_ns;

static uint64_t work(void *user_data) {
    ck_assert_ptr_eq(user_data, &worker);
    ck_assert_int_eq(atomic_fetch_add(&inside, 1), 0);
    atomic_fetch_add(&runs, 1);
    while (atomic_load(&held))
        usleep(1000);
    atomic_fetch_sub(&inside, 1);
    return atomic_load(&next_ns);
}

static void ring(void *user_data) {
    ck_assert_ptr_eq(user_data, &rings);
    atomic_fetch_add(&rings, 1);
}

static void await(atomic_int *count, int least) {
    for (int i = 0; atomic_load(count) < least; i++) {
        ck_assert_int_lt(i, PATIENCE_TURNS);
        usleep(1000);
    }
}

static void setup(void) {
    atomic_int *const counts[] = {&runs, &rings, &inside, &held};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        atomic_store(counts[i], 0);
    atomic_store(&next_ns, UINT64_MAX);
    ck_assert_int_eq(repli__worker_init(&worker, "test", work, &worker, NULL), REPLI_OK);
}

static void setup_driven(void) {
    setup();
    repli__worker_drive(&worker, ring, &rings);
}

static void teardown(void) {
    repli__worker_dispose(&worker);
}

static void start(void) {
    ck_assert_int_eq(repli__worker_start(&worker, NULL), REPLI_OK);
}

static void end(void) {
    repli__worker_quit(&worker);
    ck_assert(repli__worker_join(&worker, UINT64_MAX));
}

START_TEST(a_thread_runs_at_once_when_told_and_at_the_end) {
    start();
    await(&runs, 1);
    repli__worker_tell(&worker);
    await(&runs, 2);
    end();
    ck_assert_int_eq(atomic_load(&runs), 3);
    ck_assert_int_eq(atomic_load(&rings), 0);
}
END_TEST

START_TEST(a_thread_runs_when_the_time_has_come) {
    atomic_store(&next_ns, 1);
    start();
    await(&runs, 5);
    atomic_store(&next_ns, UINT64_MAX);
    end();
}
END_TEST

START_TEST(a_thread_that_stays_in_a_run_is_not_joined_in_time) {
    atomic_store(&held, 1);
    start();
    await(&inside, 1);
    ck_assert_uint_gt(repli__worker_stuck_ns(&worker), 0);
    repli__worker_quit(&worker);
    ck_assert(!repli__worker_join(&worker, repli__deadline_ns(10)));
    atomic_store(&held, 0);
    ck_assert(repli__worker_join(&worker, UINT64_MAX));
    ck_assert(repli__worker_join(&worker, 0));
}
END_TEST

START_TEST(one_that_never_started_has_ended) {
    repli__worker_tell(&worker);
    ck_assert_uint_eq(repli__worker_due_ns(&worker), UINT64_MAX);
    ck_assert(!repli__worker_run(&worker));
    end();
    ck_assert_int_eq(atomic_load(&runs), 0);
}
END_TEST

START_TEST(one_that_is_driven_rings_and_says_when_it_is_due) {
    start();
    ck_assert_int_eq(atomic_load(&rings), 1);
    ck_assert_uint_le(repli__worker_due_ns(&worker), repli__mono_ns());
    const uint64_t later_ns = repli__deadline_ns(3600 * 1000);
    atomic_store(&next_ns, later_ns);
    ck_assert(repli__worker_run(&worker));
    ck_assert(!repli__worker_run(&worker));
    ck_assert_uint_eq(repli__worker_due_ns(&worker), later_ns);
    ck_assert_uint_eq(repli__worker_stuck_ns(&worker), 0);
    repli__worker_tell(&worker);
    repli__worker_tell(&worker);
    ck_assert_int_eq(atomic_load(&rings), 3);
    ck_assert_uint_eq(repli__worker_due_ns(&worker), 0);
    ck_assert_uint_gt(repli__worker_stuck_ns(&worker), 0);
    ck_assert(repli__worker_run(&worker));
    ck_assert(!repli__worker_run(&worker));
    ck_assert_int_eq(atomic_load(&runs), 2);
    end();
    ck_assert_int_eq(atomic_load(&runs), 3);
    repli__worker_tell(&worker);
    ck_assert(!repli__worker_run(&worker));
}
END_TEST

static void *run(void *argument) {
    (void)argument;
    ck_assert(repli__worker_run(&worker));
    return NULL;
}

START_TEST(one_that_is_driven_is_run_by_one_at_a_time) {
    atomic_store(&held, 1);
    start();
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
    await(&inside, 1);
    repli__worker_tell(&worker);
    ck_assert(!repli__worker_run(&worker));
    ck_assert_uint_eq(repli__worker_due_ns(&worker), UINT64_MAX);
    repli__worker_quit(&worker);
    ck_assert(!repli__worker_join(&worker, 0));
    atomic_store(&held, 0);
    /* The run in progress began before; another is the last. */
    ck_assert(repli__worker_join(&worker, UINT64_MAX));
    ck_assert_int_eq(atomic_load(&runs), 2);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

static uint64_t count_down(void *user_data) {
    (void)user_data;
    return atomic_fetch_add(&runs, 1) < 9 ? 0 : UINT64_MAX;
}

START_TEST(nothing_is_left_to_do_at_the_end) {
    worker.work = count_down;
    start();
    end();
    ck_assert_int_ge(atomic_load(&runs), 10);
}
END_TEST

int main(void) {
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 60);
    tcase_add_checked_fixture(threads, setup, teardown);
    tcase_add_test(threads, a_thread_runs_at_once_when_told_and_at_the_end);
    tcase_add_test(threads, a_thread_runs_when_the_time_has_come);
    tcase_add_test(threads, a_thread_that_stays_in_a_run_is_not_joined_in_time);
    tcase_add_test(threads, nothing_is_left_to_do_at_the_end);
    TCase *driven = tcase_create("driven");
    tcase_set_timeout(driven, 60);
    tcase_add_checked_fixture(driven, setup_driven, teardown);
    tcase_add_test(driven, one_that_never_started_has_ended);
    tcase_add_test(driven, one_that_is_driven_rings_and_says_when_it_is_due);
    tcase_add_test(driven, one_that_is_driven_is_run_by_one_at_a_time);
    tcase_add_test(driven, nothing_is_left_to_do_at_the_end);
    Suite *suite = suite_create("worker");
    suite_add_tcase(suite, threads);
    suite_add_tcase(suite, driven);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
