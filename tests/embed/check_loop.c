#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driven.h"

/* An agent in the loop of its host: what wakes it, what ends it, and what else lives in it. */

static driven it;
static repli_error error;
static pthread_t loop; /* the thread that dispatches */
static int loop_id;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    loop = pthread_self();
    loop_id = thread_id();
    driven_setup(&it, REPLI_RUN_DISPATCH);
}

static void teardown(void) {
    driven_teardown(&it);
}

static void start_and_settle(void) {
    driven_start(&it);
    driven_turn_until_status(&it, REPLI_STATUS_HEALTHY);
    driven_settle(&it);
}

/* Other threads. */

static atomic_int told;
static atomic_int told_elsewhere;

static void on_told(void) {
    atomic_fetch_add(&told_elsewhere, !pthread_equal(pthread_self(), loop));
    atomic_fetch_add(&told, 1);
}

static void on_scheduled(void *user_data, int32_t code, const char *id, const repli_error *err) {
    (void)user_data, (void)id, (void)err;
    ck_assert_int_eq(code, REPLI_OK);
    on_told();
}

static void on_observed(void *user_data, repli_snapshot *snapshot) {
    (void)user_data, (void)snapshot;
    on_told();
}

static uint64_t on_ready(void *user_data) {
    (void)user_data;
    on_told();
    return UINT64_MAX;
}

static repli_source *source;

static int32_t schedule(void) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.success";
    return repli_agent_schedule_async(it.agent, &request, on_scheduled, NULL, NULL);
}

static int32_t observe(void) {
    return repli_agent_observe(it.agent, 0, PATIENCE_MS, on_observed, NULL, NULL);
}

static int32_t add_source(void) {
    return repli_agent_add_source(it.agent, -1, on_ready, NULL, &source, NULL);
}

static int32_t (*const requests[])(void) = {schedule, observe, add_source};

static void *ask_a_sleeper(void *argument) {
    await_sleep(loop_id);
    ck_assert_int_eq((*(int32_t(*const *)(void))argument)(), REPLI_OK);
    return NULL;
}

START_TEST(what_other_threads_ask_for_wakes_a_host_that_sleeps) {
    start_and_settle();
    atomic_store(&told, 0);
    atomic_store(&told_elsewhere, 0);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_a_sleeper, (void *)&requests[_i]), 0);
    while (atomic_load(&told) == 0)
        driven_turn(&it);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(atomic_load(&told_elsewhere), 0);
}
END_TEST

/* Run. */

static repli_agent *volatile signalled;

static void on_signal(int number) {
    (void)number;
    repli_agent_wakeup(signalled);
}

static void *signal_a_sleeper(void *argument) {
    (void)argument;
    await_sleep(loop_id);
    ck_assert_int_eq(pthread_kill(loop, SIGUSR1), 0);
    return NULL;
}

START_TEST(a_signal_handler_ends_run) {
    const struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    driven_start(&it);
    driven_settle(&it);
    signalled = it.agent;
    ck_assert_int_eq(sigaction(SIGUSR1, &action, &before), 0);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, signal_a_sleeper, NULL), 0);
    ck_assert_int_eq(repli_agent_run(it.agent, PATIENCE_MS, &error), REPLI_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, &before, NULL), 0);
}
END_TEST

START_TEST(run_ends_for_a_wakeup_and_for_nothing_else_that_happens) {
    driven_set(&it, "observe.interval_ms", 1);
    driven_start(&it);
    repli_agent_wakeup(it.agent);
    ck_assert_int_eq(repli_agent_run(it.agent, PATIENCE_MS, &error), REPLI_OK);
    ck_assert_int_eq(driven_status(&it), REPLI_STATUS_UNKNOWN);
    ck_assert_int_eq(repli_agent_run(it.agent, 50, &error), REPLI_ETIMEOUT);
    ck_assert_int_eq(driven_status(&it), REPLI_STATUS_HEALTHY);
    /* Who dispatches took notice. */
    repli_agent_wakeup(it.agent);
    driven_dispatch(&it);
    ck_assert_int_eq(repli_agent_run(it.agent, 0, &error), REPLI_ETIMEOUT);
}
END_TEST

static _Atomic int32_t run_code;

static void *run_for_ever(void *id) {
    atomic_store((atomic_int *)id, thread_id());
    atomic_store(&run_code, repli_agent_run(it.agent, -1, NULL));
    return NULL;
}

START_TEST(stop_ends_run_in_another_thread) {
    driven_start(&it);
    atomic_int id;
    atomic_init(&id, 0);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_for_ever, &id), 0);
    char action[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.success", NULL, action);
    await(&id, 1);
    while (driven_phase(&it, action) != REPLI_PHASE_DONE)
        usleep(1000);
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(atomic_load(&run_code), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_run(it.agent, -1, &error), REPLI_ESTATE);
    ck_assert_ptr_nonnull(strstr(error.message, "stopped"));
}
END_TEST

/* Stop. */

START_TEST(stop_in_its_own_thread_needs_nobody) {
    driven_start(&it);
    atomic_store(&told, 0);
    ck_assert_int_eq(observe(), REPLI_OK);
    ck_assert_int_eq(schedule(), REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_OK);
    ck_assert_int_eq(atomic_load(&told), 2);
    driven_dispatch(&it);
    ck_assert_int_eq(observe(), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_OK);
}
END_TEST

START_TEST(free_in_its_own_thread_needs_nobody) {
    driven_start(&it);
    atomic_store(&told, 0);
    ck_assert_int_eq(observe(), REPLI_OK);
    driven_dispatch(&it);
    repli_agent_free(it.agent);
    it.agent = NULL;
    ck_assert_int_eq(atomic_load(&told), 1);
}
END_TEST

START_TEST(an_agent_that_never_started_stops) {
    driven_make(&it);
    driven_dispatch(&it);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_OK);
    driven_dispatch(&it);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_ESTATE);
}
END_TEST

START_TEST(an_action_is_resumed_by_the_next_agent) {
    driven_start(&it);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "fake.test/steps", "{\"steps\": 5, \"pause_ms\": 3600000}", id);
    driven_settle(&it);
    repli_agent_free(it.agent);
    driven_make(&it);
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
    repli_agent_free(it.agent);
    driven_start(&it);
    driven_schedule(&it, "fake.test/echo", "1", id);
    driven_settle(&it);
    /* It waits for the pause of the one before it. */
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_NEW);
    repli_doc *doc = NULL;
    const repli_action_summary *queue = NULL;
    size_t count = 0;
    ck_assert_int_eq(repli_agent_queue(it.agent, &doc, &queue, &count, NULL), REPLI_OK);
    ck_assert_uint_eq(count, 2);
    const repli_action *action = NULL;
    repli_doc *action_doc = NULL;
    ck_assert_int_eq(repli_agent_action(it.agent, queue[0].id, &action_doc, &action, NULL),
                     REPLI_OK);
    ck_assert_str_eq(action->payload_json, "{\"step\":2,\"steps\":5}");
    repli_doc_free(action_doc);
    repli_doc_free(doc);
}
END_TEST

static int32_t callback_code[3];

static void stop_within(void *user_data, repli_snapshot *snapshot) {
    (void)user_data, (void)snapshot;
    callback_code[0] = repli_agent_stop(it.agent, -1, &error);
    callback_code[1] = repli_agent_dispatch(it.agent, NULL);
    callback_code[2] = repli_agent_run(it.agent, -1, NULL);
    repli_agent_free(it.agent);
    atomic_fetch_add(&told, 1);
}

START_TEST(a_callback_ends_nothing) {
    driven_start(&it);
    atomic_store(&told, 0);
    ck_assert_int_eq(repli_agent_observe(it.agent, 0, PATIENCE_MS, stop_within, NULL, NULL),
                     REPLI_OK);
    while (atomic_load(&told) == 0)
        driven_turn(&it);
    ck_assert_int_eq(callback_code[0], REPLI_ESTATE);
    ck_assert_ptr_nonnull(strstr(error.message, "repli_agent_wakeup"));
    ck_assert_int_eq(callback_code[1], REPLI_EBUSY);
    ck_assert_int_eq(callback_code[2], REPLI_EBUSY);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_OK);
}
END_TEST

static void *dispatch_once(void *argument) {
    (void)argument;
    atomic_store(&run_code, repli_agent_dispatch(it.agent, NULL));
    return NULL;
}

static atomic_int stepping;
static atomic_int released;

static int32_t step_until_cancelled(void *user_data, const repli_host *host, repli_op *op,
                                    const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)step, (void)sink;
    atomic_store(&stepping, 1);
    while (!host->cancelled(op))
        usleep(1000);
    return host->error(host, err, REPLI_ECANCELLED, NULL, "cancelled", NULL);
}

static int32_t step_until_released(void *user_data, const repli_host *host, repli_op *op,
                                   const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)op, (void)step, (void)err;
    atomic_store(&stepping, 1);
    while (!atomic_load(&released))
        usleep(1000);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return host->emit_outcome(sink, &outcome);
}

START_TEST(stop_cancels_the_call_that_another_thread_dispatches) {
    atomic_store(&stepping, 0);
    driven_add_work(&it, step_until_cancelled, NULL);
    start_and_settle();
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "example.com/work", NULL, id);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, dispatch_once, NULL), 0);
    await(&stepping, 1);
    ck_assert_int_eq(repli_agent_dispatch(it.agent, NULL), REPLI_EBUSY);
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(atomic_load(&run_code), REPLI_OK);
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
}
END_TEST

static int64_t in_ms(int64_t ms) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + ms * 1000000;
}

static void schedule_within(const char *kind, int64_t not_before_ns, int64_t deadline_ns,
                            char ret_id[REPLI_UUID_SIZE]) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind;
    request.not_before_ns = not_before_ns;
    request.deadline_ns = deadline_ns;
    ck_assert_int_eq(repli_agent_schedule(it.agent, &request, ret_id, &error), REPLI_OK);
}

static void expect_outcome(const char *id, int32_t outcome) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(it.agent, id, &doc, &action, &error), REPLI_OK);
    ck_assert_msg(action->outcome == outcome, "%s", action->error_json);
    repli_doc_free(doc);
}

START_TEST(the_loop_wakes_when_an_action_may_begin) {
    driven_set(&it, "observe.interval_ms", 3600000);
    start_and_settle();
    const int64_t then = in_ms(300);
    char id[REPLI_UUID_SIZE];
    schedule_within("agent.replicante.io/test.success", then, REPLI_TIME_NONE, id);
    driven_settle(&it);
    ck_assert_int_ne(repli_agent_deadline(it.agent), UINT64_MAX);
    ck_assert_int_eq(driven_turn_until_end(&it, id), REPLI_PHASE_DONE);
    ck_assert_int_ge(in_ms(0), then);
}
END_TEST

/* Nobody but the step can look at it, which asks whether it is cancelled. */
START_TEST(a_deadline_ends_a_step_that_dispatch_is_in) {
    driven_add_work(&it, step_until_cancelled, NULL);
    start_and_settle();
    char id[REPLI_UUID_SIZE];
    schedule_within("example.com/work", REPLI_TIME_NONE, in_ms(300), id);
    ck_assert_int_eq(driven_turn_until_end(&it, id), REPLI_PHASE_FAILED);
    expect_outcome(id, REPLI_ENDED_TIMED_OUT);
}
END_TEST

START_TEST(stop_does_not_wait_for_ever_for_dispatch) {
    atomic_store(&stepping, 0);
    atomic_store(&released, 0);
    driven_add_work(&it, step_until_released, NULL);
    driven_start(&it);
    char action[REPLI_UUID_SIZE];
    driven_schedule(&it, "example.com/work", NULL, action);
    atomic_int id;
    pthread_t thread;
    atomic_init(&id, 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_for_ever, &id), 0);
    await(&stepping, 1);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_ETIMEOUT);
    atomic_store(&released, 1);
    ck_assert_int_eq(repli_agent_stop(it.agent, PATIENCE_MS, &error), REPLI_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(atomic_load(&run_code), REPLI_ESTATE);
    ck_assert_int_eq(driven_phase(&it, action), REPLI_PHASE_DONE);
}
END_TEST

/* Sources. */

typedef struct counter {
    int calls;
    int fd; /* read from, unless -1 */
    uint64_t next_ns;
    repli_source *source;
    int removes_itself;
} counter;

static uint64_t count_call(void *user_data) {
    counter *mine = user_data;
    mine->calls++;
    char byte;
    if (mine->fd >= 0 && mine->calls > 1)
        ck_assert_int_eq(read(mine->fd, &byte, 1), 1);
    if (mine->removes_itself)
        repli_agent_remove_source(it.agent, mine->source);
    return mine->next_ns;
}

static void add(counter *mine) {
    ck_assert_int_eq(
        repli_agent_add_source(it.agent, mine->fd, count_call, mine, &mine->source, &error),
        REPLI_OK);
}

START_TEST(a_source_is_called_when_it_can_be_read) {
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    driven_make(&it);
    counter mine = {.fd = ends[0], .next_ns = UINT64_MAX};
    add(&mine);
    driven_turn(&it);
    ck_assert_int_eq(mine.calls, 1);
    ck_assert(!driven_readable(&it));
    ck_assert_int_eq(write(ends[1], "ab", 2), 2);
    driven_turn(&it);
    ck_assert_int_eq(mine.calls, 2);
    ck_assert(driven_readable(&it));
    driven_turn(&it);
    ck_assert_int_eq(mine.calls, 3);
    ck_assert(!driven_readable(&it));
    ck_assert_int_eq(write(ends[1], "a", 1), 1);
    repli_agent_remove_source(it.agent, mine.source);
    ck_assert(!driven_readable(&it));
    driven_dispatch(&it);
    ck_assert_int_eq(mine.calls, 3);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_source_is_called_when_its_time_has_come) {
    driven_make(&it);
    counter at_once = {.fd = -1};
    counter never = {.fd = -1, .next_ns = UINT64_MAX};
    add(&at_once);
    add(&never);
    for (int i = 1; i <= 5; i++) {
        driven_turn(&it);
        ck_assert_int_eq(at_once.calls, i);
        ck_assert_uint_eq(repli_agent_deadline(it.agent), 0);
    }
    ck_assert_int_eq(never.calls, 1);
    at_once.removes_itself = 1;
    driven_turn(&it);
    driven_settle(&it);
    ck_assert_int_eq(at_once.calls, 6);
    ck_assert_uint_eq(repli_agent_deadline(it.agent), UINT64_MAX);
}
END_TEST

START_TEST(a_source_needs_a_function_and_a_descriptor_of_its_own) {
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    driven_make(&it);
    counter mine = {.fd = ends[0], .next_ns = UINT64_MAX};
    repli_source *other = NULL;
    add(&mine);
    ck_assert_int_eq(repli_agent_add_source(it.agent, -1, NULL, NULL, &other, &error),
                     REPLI_EINVALID);
    ck_assert_int_eq(repli_agent_add_source(it.agent, ends[0], count_call, &mine, &other, &error),
                     REPLI_ECONFLICT);
    ck_assert_int_eq(repli_agent_add_source(it.agent, 1 << 20, count_call, &mine, &other, &error),
                     REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "1048576"));
    ck_assert_ptr_null(other);
    repli_agent_free(it.agent);
    it.agent = NULL;
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static atomic_int source_calls;
static atomic_int source_leaves;

static uint64_t stay(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&source_calls, 1);
    while (!atomic_load(&source_leaves))
        usleep(1000);
    atomic_fetch_add(&source_calls, 1);
    return 0;
}

static void *remove_source(void *id) {
    atomic_store((atomic_int *)id, thread_id());
    repli_agent_remove_source(it.agent, source);
    ck_assert_int_eq(atomic_load(&source_calls), 2);
    return NULL;
}

START_TEST(a_source_that_was_removed_is_not_being_called) {
    atomic_int id;
    pthread_t threads[2];
    atomic_init(&id, 0);
    driven_make(&it);
    ck_assert_int_eq(repli_agent_add_source(it.agent, -1, stay, NULL, &source, NULL), REPLI_OK);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, dispatch_once, NULL), 0);
    await(&source_calls, 1);
    /* A stop with no patience does not wait for it either. */
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_ETIMEOUT);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, remove_source, &id), 0);
    await(&id, 1);
    await_sleep(atomic_load(&id));
    atomic_store(&source_leaves, 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(repli_agent_stop(it.agent, 0, &error), REPLI_OK);
    driven_dispatch(&it);
    ck_assert_int_eq(atomic_load(&source_calls), 2);
}
END_TEST

/* A forked child. */

/* Nothing of check's may run there, so what was found is the exit code. */
static int in_child(void) {
    repli_agent *agent = it.agent;
    repli_source *other = NULL;
    const int32_t codes[] = {
        repli_agent_dispatch(agent, NULL),
        repli_agent_run(agent, -1, NULL),
        repli_agent_work(agent, -1, NULL),
        repli_agent_add_source(agent, -1, count_call, NULL, &other, NULL),
        repli_agent_stop(agent, -1, NULL),
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i] != REPLI_EFORK)
            return (int)i + 1;
    if (repli_agent_fd(agent) != -1 || repli_agent_deadline(agent) != UINT64_MAX)
        return 100;
    repli_agent_remove_source(agent, source);
    repli_agent_wakeup(agent);
    repli_agent_free(agent);
    return 0;
}

START_TEST(a_forked_child_leaves_the_loop_alone) {
    atomic_store(&told, 0);
    start_and_settle();
    ck_assert_int_eq(add_source(), REPLI_OK);
    driven_settle(&it);
    ck_assert_int_eq(atomic_load(&told), 1);
    const pid_t child = fork();
    ck_assert_int_ne(child, -1);
    if (child == 0)
        _exit(in_child());
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(!driven_readable(&it));
    ck_assert_int_eq(repli_agent_run(it.agent, 0, NULL), REPLI_ETIMEOUT);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "fake.test/echo", NULL, id);
    ck_assert_int_eq(driven_turn_until_end(&it, id), REPLI_PHASE_DONE);
}
END_TEST

START_TEST(an_agent_that_nobody_dispatches_is_not_live) {
    driven_start(&it);
    driven_settle(&it);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_OK);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.success", NULL, id);
    for (int i = 0; repli_agent_live(it.agent, &error) == REPLI_OK; i++) {
        ck_assert_int_lt(i, 600);
        usleep(100000);
    }
    ck_assert_ptr_nonnull(strstr(error.message, "repli_agent_dispatch"));
    driven_settle(&it);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_DONE);
}
END_TEST

START_TEST(the_run_mode_needs_a_restart) {
    driven_start(&it);
    ck_assert_int_eq(repli_agent_reload(it.agent, it.config, &error), REPLI_OK);
    ck_assert_int_eq(repli_config_set_run_mode(it.config, REPLI_RUN_LENT, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_reload(it.agent, it.config, &error), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "run mode"));
}
END_TEST

static TCase *tests_of_life(void) {
    TCase *tcase = tcase_create("life");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_other_threads_ask_for_wakes_a_host_that_sleeps, 0, 3);
    tcase_add_test(tcase, a_signal_handler_ends_run);
    tcase_add_test(tcase, run_ends_for_a_wakeup_and_for_nothing_else_that_happens);
    tcase_add_test(tcase, stop_ends_run_in_another_thread);
    tcase_add_test(tcase, stop_in_its_own_thread_needs_nobody);
    tcase_add_test(tcase, free_in_its_own_thread_needs_nobody);
    tcase_add_test(tcase, an_agent_that_never_started_stops);
    tcase_add_test(tcase, an_action_is_resumed_by_the_next_agent);
    tcase_add_test(tcase, a_callback_ends_nothing);
    tcase_add_test(tcase, stop_cancels_the_call_that_another_thread_dispatches);
    tcase_add_test(tcase, the_loop_wakes_when_an_action_may_begin);
    tcase_add_test(tcase, a_deadline_ends_a_step_that_dispatch_is_in);
    tcase_add_test(tcase, stop_does_not_wait_for_ever_for_dispatch);
    tcase_add_test(tcase, a_forked_child_leaves_the_loop_alone);
    tcase_add_test(tcase, an_agent_that_nobody_dispatches_is_not_live);
    tcase_add_test(tcase, the_run_mode_needs_a_restart);
    return tcase;
}

static TCase *tests_of_sources(void) {
    TCase *tcase = tcase_create("sources");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_source_is_called_when_it_can_be_read);
    tcase_add_test(tcase, a_source_is_called_when_its_time_has_come);
    tcase_add_test(tcase, a_source_needs_a_function_and_a_descriptor_of_its_own);
    tcase_add_test(tcase, a_source_that_was_removed_is_not_being_called);
    return tcase;
}

int main(void) {
    Suite *suite = suite_create("loop");
    suite_add_tcase(suite, tests_of_life());
    suite_add_tcase(suite, tests_of_sources());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
