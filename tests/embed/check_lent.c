#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driven.h"

/* An agent whose host lends threads to the driver. */

enum { THREADS_MAX = 4 };

static driven it;
static repli_error error;
static pthread_t lent[THREADS_MAX];
static int lent_count;
static atomic_int returned; /* lent threads that were given back */
static _Atomic int32_t last_code;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    lent_count = 0;
    atomic_store(&returned, 0);
    driven_setup(&it, REPLI_RUN_LENT);
}

static void join_lent(void) {
    while (lent_count > 0)
        pthread_join(lent[--lent_count], NULL);
}

static void teardown(void) {
    driven_script(&it, "");
    if (it.agent != NULL)
        ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, NULL), REPLI_OK);
    join_lent();
    driven_teardown(&it);
}

static void *work(void *argument) {
    (void)argument;
    atomic_store(&last_code, repli_agent_work(it.agent, -1, NULL));
    atomic_fetch_add(&returned, 1);
    return NULL;
}

static void lend(int count) {
    while (count-- > 0)
        ck_assert_int_eq(pthread_create(&lent[lent_count++], NULL, work, NULL), 0);
}

/* Steps of the host's own kind of action. */

static atomic_int steps;
static atomic_int inside;
static atomic_int overlaps;
static atomic_int wrong_thread; /* it was the one that dispatches */
static pthread_t dispatcher;

static int32_t step_three_times(void *user_data, const repli_host *host, repli_op *op,
                                const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)op, (void)err;
    if (atomic_fetch_add(&inside, 1) != 0)
        atomic_fetch_add(&overlaps, 1);
    if (pthread_equal(pthread_self(), dispatcher))
        atomic_fetch_add(&wrong_thread, 1);
    atomic_fetch_add(&steps, 1);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = step->number < 2 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE;
    outcome.next_step_ms = 1;
    const int32_t code = host->emit_outcome(sink, &outcome);
    atomic_fetch_sub(&inside, 1);
    return code;
}

static atomic_int told;
static atomic_int told_elsewhere;

static void on_told(void) {
    if (!pthread_equal(pthread_self(), dispatcher))
        atomic_fetch_add(&told_elsewhere, 1);
    atomic_fetch_add(&told, 1);
}

static void on_observed(void *user_data, repli_snapshot *snapshot) {
    (void)user_data, (void)snapshot;
    on_told();
}

static void on_scheduled(void *user_data, int32_t code, const char *id, const repli_error *err) {
    (void)err;
    ck_assert_int_eq(code, REPLI_OK);
    if (user_data != NULL)
        memcpy(user_data, id, REPLI_UUID_SIZE);
    on_told();
}

static void schedule_async(char *ret_id) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/work";
    ck_assert_int_eq(repli_agent_schedule_async(it.agent, &request, on_scheduled, ret_id, &error),
                     REPLI_OK);
}

static void observe(void) {
    ck_assert_int_eq(repli_agent_observe(it.agent, 0, PATIENCE_MS, on_observed, NULL, &error),
                     REPLI_OK);
}

/* The end of an action is no business of dispatch's. */
static void await_done(const char *id) {
    for (int i = 0; driven_phase(&it, id) != REPLI_PHASE_DONE; i++) {
        ck_assert_int_lt(i, PATIENCE_MS);
        driven_settle(&it);
        usleep(1000);
    }
}

static void forget_steps(void) {
    atomic_int *const counts[] = {&steps,        &inside, &overlaps,
                                  &wrong_thread, &told,   &told_elsewhere};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        atomic_store(counts[i], 0);
    dispatcher = pthread_self();
}

static void live_with(int threads) {
    enum { ROUNDS = 10 };
    forget_steps();
    driven_add_work(&it, step_three_times, NULL);
    driven_make(&it);
    lend(threads);
    ck_assert_int_eq(repli_agent_start(it.agent, &error), REPLI_OK);
    for (int i = 1; i <= ROUNDS; i++) {
        char id[REPLI_UUID_SIZE] = "";
        char other[REPLI_UUID_SIZE];
        schedule_async(id);
        observe();
        /* Whoever commits this may commit that one, too. */
        driven_schedule(&it, "agent.replicante.io/test.success", NULL, other);
        while (atomic_load(&told) < 2 * i)
            driven_turn(&it);
        await_done(id);
    }
    ck_assert_int_eq(driven_status(&it), REPLI_STATUS_HEALTHY);
    ck_assert_int_eq(atomic_load(&steps), 3 * ROUNDS);
    ck_assert_int_eq(atomic_load(&overlaps), 0);
    ck_assert_int_eq(atomic_load(&wrong_thread), 0);
    ck_assert_int_eq(atomic_load(&told_elsewhere), 0);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
    join_lent();
    ck_assert_int_eq(atomic_load(&returned), threads);
    ck_assert_int_eq(atomic_load(&last_code), REPLI_OK);
}

START_TEST(one_thread_does_for_status_and_actions) {
    live_with(1);
}
END_TEST

START_TEST(several_threads_share_without_running_into_each_other) {
    live_with(THREADS_MAX);
}
END_TEST

START_TEST(a_driver_that_hangs_holds_up_its_thread_only) {
    driven_set(&it, "observe.timeout_ms", 50);
    driven_start(&it);
    lend(2);
    driven_turn_until_status(&it, REPLI_STATUS_HEALTHY);
    driven_script(&it, "\"hang\": true");
    observe();
    driven_turn_until_status(&it, REPLI_STATUS_UNAVAILABLE);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.loop", NULL, id);
    await_done(id);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(driven_status(&it), REPLI_STATUS_UNAVAILABLE);
    driven_script(&it, "");
    observe();
    driven_turn_until_status(&it, REPLI_STATUS_HEALTHY);
}
END_TEST

START_TEST(without_a_lent_thread_the_driver_is_not_called) {
    const int before = thread_count();
    driven_set(&it, "observe.timeout_ms", 50);
    driven_start(&it);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.success", NULL, id);
    driven_turn_until_status(&it, REPLI_STATUS_UNAVAILABLE);
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(thread_count(), before);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_OK);
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
}
END_TEST

START_TEST(the_only_thread_may_work_for_itself) {
    driven_start(&it);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.loop", NULL, id);
    for (int i = 0; driven_phase(&it, id) != REPLI_PHASE_DONE; i++) {
        ck_assert_int_lt(i, PATIENCE_MS);
        ck_assert_int_eq(repli_agent_run(it.agent, 0, NULL), REPLI_ETIMEOUT);
        ck_assert_int_eq(repli_agent_work(it.agent, 1, &error), REPLI_ETIMEOUT);
    }
    ck_assert_ptr_nonnull(strstr(error.message, "time is up"));
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_work(it.agent, -1, NULL), REPLI_OK);
}
END_TEST

/* The end. */

START_TEST(stop_cancels_a_step_and_waits_for_it) {
    driven_start(&it);
    lend(2);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "fake.test/slow", "{\"ms\": 3600000}", id);
    driven_turn_until_status(&it, REPLI_STATUS_HEALTHY);
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
    join_lent();
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
}
END_TEST

/* The thread that dispatches tells the one that is in the driver. */
START_TEST(a_deadline_ends_a_step_of_a_lent_thread) {
    driven_start(&it);
    lend(2);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char id[REPLI_UUID_SIZE];
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/slow";
    request.args_json = "{\"ms\": 3600000}";
    request.deadline_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + 300000000;
    ck_assert_int_eq(repli_agent_schedule(it.agent, &request, id, &error), REPLI_OK);
    for (int i = 0; driven_phase(&it, id) != REPLI_PHASE_FAILED; i++) {
        ck_assert_int_lt(i, PATIENCE_MS);
        ck_assert_int_eq(repli_agent_run(it.agent, 1, NULL), REPLI_ETIMEOUT);
    }
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(it.agent, id, &doc, &action, &error), REPLI_OK);
    ck_assert_int_eq(action->outcome, REPLI_ENDED_TIMED_OUT);
    repli_doc_free(doc);
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
    join_lent();
}
END_TEST

START_TEST(stop_may_be_called_again_for_a_driver_that_hangs) {
    driven_set(&it, "observe.timeout_ms", 50);
    driven_script(&it, "\"hang\": true");
    driven_start(&it);
    lend(1);
    driven_turn_until_status(&it, REPLI_STATUS_UNAVAILABLE);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_ETIMEOUT);
    ck_assert_ptr_nonnull(strstr(error.message, "did not return"));
    driven_dispatch(&it);
    driven_script(&it, "");
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
}
END_TEST

/* Can be found, so that no leak is seen where none was meant to be avoided. */
static repli_agent *volatile lost;

START_TEST(a_thread_that_comes_back_after_the_end_finds_what_it_uses) {
    driven_set(&it, "observe.timeout_ms", 50);
    driven_script(&it, "\"hang\": true");
    driven_start(&it);
    lend(2);
    driven_turn_until_status(&it, REPLI_STATUS_UNAVAILABLE);
    lost = it.agent;
    repli_agent_free(it.agent);
    ck_assert_int_eq(atomic_load(&returned), 1);
    driven_script(&it, "");
    join_lent();
    it.agent = NULL;
    /* The database is free for another agent. */
    driven_start(&it);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("lent");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_thread_does_for_status_and_actions);
    tcase_add_test(tcase, several_threads_share_without_running_into_each_other);
    tcase_add_test(tcase, a_driver_that_hangs_holds_up_its_thread_only);
    tcase_add_test(tcase, without_a_lent_thread_the_driver_is_not_called);
    tcase_add_test(tcase, the_only_thread_may_work_for_itself);
    tcase_add_test(tcase, stop_cancels_a_step_and_waits_for_it);
    tcase_add_test(tcase, a_deadline_ends_a_step_of_a_lent_thread);
    tcase_add_test(tcase, stop_may_be_called_again_for_a_driver_that_hangs);
    tcase_add_test(tcase, a_thread_that_comes_back_after_the_end_finds_what_it_uses);
    Suite *suite = suite_create("lent");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
