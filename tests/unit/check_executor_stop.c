#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "executor_fixture.h"
#include "store/internal.h"

/* Stopping, pausing, and going on while the database does not exec.work. */

/* Stopping. */

static int32_t step_until_cancelled(const repli_host *table, repli_op *op, const repli_step *step,
                                    repli_sink *sink, repli_error *err) {
    (void)step;
    while (!table->cancelled(op) && !atomic_load(&exec.work.flag))
        usleep(500);
    if (atomic_load(&exec.work.flag))
        return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
    executor_emit(table, sink, REPLI_PHASE_FAILED, NULL, -1);
    return table->error(table, err, REPLI_ETIMEOUT, NULL, "gave up", NULL);
}

static atomic_int cancels;

static void note_cancel(void *user_data, repli_op *op) {
    (void)user_data;
    (void)op;
    atomic_fetch_add(&cancels, 1);
}

START_TEST(a_cancelled_step_is_asked_for_again) {
    atomic_store(&cancels, 0);
    exec.work.step = step_until_cancelled;
    executor_schedule(1, "example.com/work", "null");
    executor_schedule(2, "example.com/work", "null");
    executor_start();
    repli__executor_on_cancel(exec.executor, note_cancel, NULL);
    executor_wait_for_count(&exec.work.inside, 1);
    char kind[64];
    repli__executor_running(exec.executor, kind, sizeof(kind));
    ck_assert_str_eq(kind, "example.com/work");
    ck_assert_int_eq(executor_stats().running, 1);
    ck_assert_uint_ne(executor_stats().step_since_ns, 0);
    executor_stop();
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(test_phase(exec.database.store, 2), REPLI_PHASE_NEW);
    store_fixture_close(&exec.database);
    store_fixture_open(&exec.database);
    atomic_store(&exec.work.flag, 1);
    executor_start();
    executor_wait_for_end(1);
    executor_wait_for_end(2);
    ck_assert_int_eq(atomic_load(&exec.work.steps), 3);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_DONE);
    repli__executor_running(exec.executor, kind, sizeof(kind));
}
END_TEST

static int32_t step_notes_interruption(const repli_host *table, repli_op *op,
                                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    if (step->number == 0)
        return executor_emit(table, sink, REPLI_PHASE_RUNNING, "\"first\"", 3600 * 1000);
    const int resumed = step->number == 1 && step->flags == REPLI_STEP_INTERRUPTED &&
                        strcmp(step->action->payload_json, "\"first\"") == 0;
    const int next = step->number == 2 && step->flags == 0;
    if (!resumed && !next)
        return REPLI_EINTERNAL;
    return executor_emit(table, sink, next ? REPLI_PHASE_DONE : REPLI_PHASE_RUNNING, NULL, -1);
}

START_TEST(an_interrupted_action_is_told_so_once) {
    exec.work.step = step_notes_interruption;
    executor_schedule(1, "example.com/work", "null");
    executor_start();
    executor_wait_for_count(&exec.work.steps, 1);
    const uint64_t since = repli__mono_ns();
    /* Between steps there is nothing to wait for, though the next one is an hour away. */
    executor_stop();
    ck_assert_uint_lt(repli__mono_ns() - since, (uint64_t)(10 * REPLI__NS_PER_S));
    store_fixture_close(&exec.database);
    store_fixture_open(&exec.database);
    executor_start();
    executor_wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, 1, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    repli_doc_free(doc);
}
END_TEST

static int32_t step_ignores_everybody(const repli_host *table, repli_op *op, const repli_step *step,
                                      repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    while (!atomic_load(&exec.work.flag))
        usleep(500);
    return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(a_step_that_does_not_return_is_given_up) {
    exec.work.step = step_ignores_everybody;
    executor_schedule(1, "example.com/work", "null");
    executor_start();
    executor_wait_for_count(&exec.work.inside, 1);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__executor_stop(exec.executor, 20, &error), REPLI_ETIMEOUT);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_RUNNING);
    /* What it says when it does return is recorded. */
    atomic_store(&exec.work.flag, 1);
    executor_stop();
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_DONE);
}
END_TEST

START_TEST(an_executor_that_never_started_stops) {
    ck_assert_int_eq(repli__executor_new(exec.database.store, exec.registry,
                                         repli__host_table(exec.host), &exec.options,
                                         &repli__mem_default, NULL, &exec.executor, NULL),
                     REPLI_OK);
    executor_stop();
    repli__executor_free(NULL);
}
END_TEST

START_TEST(nothing_is_claimed_for_an_executor_that_stopped) {
    executor_start();
    executor_schedule(1, "agent.replicante.io/test.success", "null");
    executor_wait_for_end(1);
    executor_stop();
    executor_schedule(2, "agent.replicante.io/test.success", "null");
    ck_assert_int_eq(test_phase(exec.database.store, 2), REPLI_PHASE_NEW);
}
END_TEST

/* Pausing. */

static int32_t step_shortly(const repli_host *table, repli_op *op, const repli_step *step,
                            repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    usleep(200);
    char payload[24];
    snprintf(payload, sizeof(payload), "%" PRIu64, step->number);
    return executor_emit(table, sink,
                         atomic_load(&exec.work.flag) ? REPLI_PHASE_DONE : REPLI_PHASE_RUNNING,
                         payload, -1);
}

START_TEST(no_step_is_in_progress_during_a_pause) {
    exec.work.step = step_shortly;
    executor_schedule(1, "example.com/work", "null");
    executor_start();
    for (int i = 0; i < 20; i++) {
        executor_wait_for_count(&exec.work.steps, atomic_load(&exec.work.steps) + 1);
        repli__executor_pause(exec.executor);
        repli__executor_pause(exec.executor);
        const int steps = atomic_load(&exec.work.steps);
        ck_assert_int_eq(atomic_load(&exec.work.inside), 0);
        repli__executor_resume(exec.executor);
        usleep(2000);
        ck_assert_int_eq(atomic_load(&exec.work.steps), steps);
        repli__executor_resume(exec.executor);
    }
    /* A pause does not keep it from stopping. */
    repli__executor_pause(exec.executor);
    executor_stop();
}
END_TEST

/* Trouble with the database. */

static int veto(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&cancels, 1);
    return 1;
}

static int32_t step_breaks_the_database(const repli_host *table, repli_op *op,
                                        const repli_step *step, repli_sink *sink,
                                        repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    if (atomic_load(&exec.work.flag) == 0)
        sqlite3_commit_hook(exec.database.store->writer.db, veto, NULL);
    atomic_store(&exec.work.flag, 1);
    return executor_emit(table, sink, REPLI_PHASE_DONE, "\"worked\"", -1);
}

START_TEST(an_outcome_is_recorded_sooner_or_later_and_the_step_not_repeated) {
    atomic_store(&cancels, 0);
    exec.work.step = step_breaks_the_database;
    executor_schedule(1, "example.com/work", "null");
    executor_schedule(2, "example.com/work", "null");
    executor_start();
    executor_wait_for_count(&cancels, 3);
    ck_assert_int_eq(atomic_load(&exec.work.steps), 1);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(test_phase(exec.database.store, 2), REPLI_PHASE_NEW);
    ck_assert_uint_ge(executor_stats().errors, 2);
    /* Only who leads may touch the connection: take its place. */
    repli__store_remember(exec.database.store, "x", "y", NULL);
    pthread_mutex_lock(&exec.database.store->mutex);
    while (exec.database.store->busy) {
        pthread_mutex_unlock(&exec.database.store->mutex);
        usleep(100);
        pthread_mutex_lock(&exec.database.store->mutex);
    }
    sqlite3_commit_hook(exec.database.store->writer.db, NULL, NULL);
    pthread_mutex_unlock(&exec.database.store->mutex);
    executor_wait_for_end(2);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_DONE);
    ck_assert_int_eq(atomic_load(&exec.work.steps), 2);
    repli_doc *doc;
    ck_assert_str_eq(test_look_up(exec.database.store, 1, &doc)->payload_json, "\"worked\"");
    repli_doc_free(doc);
}
END_TEST

START_TEST(stopping_does_not_wait_for_a_broken_database) {
    atomic_store(&cancels, 0);
    exec.work.step = step_breaks_the_database;
    executor_schedule(1, "example.com/work", "null");
    executor_start();
    executor_wait_for_count(&cancels, 2);
    executor_stop();
    store_fixture_close(&exec.database);
    store_fixture_open(&exec.database);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_RUNNING);
    executor_start();
    executor_wait_for_end(1);
    ck_assert_uint_eq(atomic_load(&exec.work.last_flags), REPLI_STEP_INTERRUPTED);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("executor stop");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, executor_setup, executor_teardown);
    tcase_add_test(tcase, a_cancelled_step_is_asked_for_again);
    tcase_add_test(tcase, an_interrupted_action_is_told_so_once);
    tcase_add_test(tcase, a_step_that_does_not_return_is_given_up);
    tcase_add_test(tcase, an_executor_that_never_started_stops);
    tcase_add_test(tcase, nothing_is_claimed_for_an_executor_that_stopped);
    tcase_add_test(tcase, no_step_is_in_progress_during_a_pause);
    tcase_add_test(tcase, an_outcome_is_recorded_sooner_or_later_and_the_step_not_repeated);
    tcase_add_test(tcase, stopping_does_not_wait_for_a_broken_database);
    Suite *suite = suite_create("executor stop");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
