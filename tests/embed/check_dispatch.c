#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "driven.h"

/* An agent in the loop of its host: what the descriptor and the deadline say, and what a call of
 * dispatch does. */

static driven it;
static repli_error error;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    driven_setup(&it, REPLI_RUN_DISPATCH);
}

static void teardown(void) {
    driven_teardown(&it);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

START_TEST(an_agent_with_threads_has_no_loop) {
    driven other;
    driven_setup(&other, REPLI_RUN_THREADS);
    ck_assert_int_eq(repli_config_set_run_mode(other.config, 3, NULL), REPLI_EINVALID);
    driven_start(&other);
    repli_source *source = NULL;
    ck_assert_int_eq(repli_agent_fd(other.agent), -1);
    ck_assert_uint_eq(repli_agent_deadline(other.agent), UINT64_MAX);
    ck_assert_int_eq(repli_agent_dispatch(other.agent, &error), REPLI_ESTATE);
    ck_assert_ptr_nonnull(strstr(error.message, "repli_config_set_run_mode"));
    ck_assert_int_eq(repli_agent_run(other.agent, 0, NULL), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_work(other.agent, 0, NULL), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_add_source(other.agent, 0, NULL, NULL, &source, NULL),
                     REPLI_ESTATE);
    repli_agent_wakeup(other.agent);
    repli_agent_remove_source(other.agent, NULL);
    driven_teardown(&other);
}
END_TEST

START_TEST(the_descriptor_stays_the_same_and_readable_while_there_is_something_to_do) {
    driven_make(&it);
    const int fd = repli_agent_fd(it.agent);
    ck_assert_int_ge(fd, 0);
    driven_settle(&it);
    ck_assert_uint_eq(repli_agent_deadline(it.agent), UINT64_MAX);
    ck_assert_int_eq(repli_agent_start(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_fd(it.agent), fd);
    ck_assert(driven_readable(&it));
    ck_assert(driven_readable(&it));
    ck_assert_uint_le(repli_agent_deadline(it.agent), now_ns());
    driven_turn_until_status(&it, REPLI_STATUS_HEALTHY);
    driven_settle(&it);
    ck_assert(!driven_readable(&it));
    ck_assert_uint_gt(repli_agent_deadline(it.agent), now_ns());
    ck_assert_uint_ne(repli_agent_deadline(it.agent), UINT64_MAX);

    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.success", NULL, id);
    ck_assert(driven_readable(&it));
    ck_assert_uint_le(repli_agent_deadline(it.agent), now_ns());
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(driven_turn_until_end(&it, id), REPLI_PHASE_DONE);
    driven_settle(&it);
    repli_agent_wakeup(it.agent);
    ck_assert(driven_readable(&it));
    driven_settle(&it);

    ck_assert_int_eq(repli_agent_stop(it.agent, 1000, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_fd(it.agent), fd);
    driven_settle(&it);
    ck_assert_uint_eq(repli_agent_deadline(it.agent), UINT64_MAX);
}
END_TEST

/* Actions and observations, as often as wait lets dispatch do its work. */
static void live_by(void (*wait)(void)) {
    driven_set(&it, "observe.interval_ms", 20);
    driven_start(&it);
    const int before = thread_count();
    char ids[3][REPLI_UUID_SIZE];
    for (int i = 0; i < 3; i++)
        driven_schedule(&it, "fake.test/steps", "{\"steps\": 3, \"pause_ms\": 2}", ids[i]);
    int64_t times[4] = {0};
    int seen = 0;
    while (seen < 4 || driven_phase(&it, ids[2]) != REPLI_PHASE_DONE) {
        wait();
        driven_dispatch(&it);
        repli_snapshot *snapshot = NULL;
        ck_assert_int_eq(repli_agent_snapshot(it.agent, &snapshot, NULL), REPLI_OK);
        const int64_t time = repli_snapshot_time_ns(snapshot);
        if (seen < 4 && (seen == 0 || time != times[seen - 1]))
            times[seen++] = time;
        repli_snapshot_unref(snapshot);
    }
    ck_assert_int_eq(driven_status(&it), REPLI_STATUS_HEALTHY);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(driven_phase(&it, ids[i]), REPLI_PHASE_DONE);
    ck_assert_int_eq(repli_agent_live(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_ready(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(thread_count(), before);
    ck_assert_int_eq(repli_agent_stop(it.agent, 1000, NULL), REPLI_OK);
    ck_assert_int_eq(thread_count(), before);
}

static void wait_for_descriptor(void) {
    struct pollfd fd = {.fd = repli_agent_fd(it.agent), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, PATIENCE_MS), 1);
}

static void wait_for_deadline(void) {
    const uint64_t deadline_ns = repli_agent_deadline(it.agent);
    ck_assert_uint_lt(deadline_ns, now_ns() + PATIENCE_MS * UINT64_C(1000000));
    const struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                   .tv_nsec = (long)(deadline_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int outer = -1;

static void wait_for_outer_set(void) {
    struct epoll_event event = {.events = EPOLLIN};
    if (outer < 0) {
        outer = epoll_create1(EPOLL_CLOEXEC);
        ck_assert_int_eq(epoll_ctl(outer, EPOLL_CTL_ADD, repli_agent_fd(it.agent), &event), 0);
    }
    ck_assert_int_eq(epoll_wait(outer, &event, 1, PATIENCE_MS), 1);
}

START_TEST(the_descriptor_alone_will_do) {
    live_by(wait_for_descriptor);
}
END_TEST

START_TEST(the_deadline_alone_will_do) {
    live_by(wait_for_deadline);
}
END_TEST

START_TEST(the_descriptor_works_within_another_set) {
    live_by(wait_for_outer_set);
    close(outer);
    outer = -1;
}
END_TEST

START_TEST(no_thread_is_made) {
    const int before = thread_count();
    driven_make(&it);
    ck_assert_int_eq(thread_count(), before);
    ck_assert_int_eq(repli_agent_start(it.agent, NULL), REPLI_OK);
    ck_assert_int_eq(thread_count(), before);
    driven_turn_until_status(&it, REPLI_STATUS_HEALTHY);
    ck_assert_int_eq(thread_count(), before);
}
END_TEST

/* Bounds. */

static int steps;

static int32_t step_once(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)op, (void)step, (void)err;
    steps++;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return host->emit_outcome(sink, &outcome);
}

START_TEST(a_dispatch_makes_one_step) {
    enum { ACTIONS = 20 };
    steps = 0;
    driven_add_work(&it, step_once, NULL);
    driven_start(&it);
    char id[REPLI_UUID_SIZE];
    for (int i = 0; i < ACTIONS; i++)
        driven_schedule(&it, "example.com/work", NULL, id);
    ck_assert_int_eq(steps, 0);
    int dispatches = 0;
    for (; steps < ACTIONS; dispatches++) {
        const int before = steps;
        driven_turn(&it);
        ck_assert_int_le(steps, before + 1);
    }
    ck_assert_int_ge(dispatches, ACTIONS);
    /* Meanwhile the node was observed. */
    ck_assert_int_eq(driven_status(&it), REPLI_STATUS_HEALTHY);
}
END_TEST

static int32_t step_for_ever(void *user_data, const repli_host *host, repli_op *op,
                             const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)op, (void)step, (void)err;
    steps++;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_RUNNING;
    outcome.next_step_ms = 0;
    return host->emit_outcome(sink, &outcome);
}

static int told;
static pthread_t told_by;

static void on_observed(void *user_data, repli_snapshot *snapshot) {
    (void)user_data, (void)snapshot;
    told_by = pthread_self();
    told++;
}

START_TEST(an_action_without_end_starves_nobody) {
    steps = 0;
    told = 0;
    driven_add_work(&it, step_for_ever, NULL);
    driven_start(&it);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "example.com/work", NULL, id);
    for (int i = 1; i <= 5; i++) {
        ck_assert_int_eq(repli_agent_observe(it.agent, 0, PATIENCE_MS, on_observed, NULL, NULL),
                         REPLI_OK);
        while (told < i)
            driven_turn(&it);
    }
    ck_assert_int_gt(steps, 5);
    ck_assert_int_eq(driven_phase(&it, id), REPLI_PHASE_RUNNING);
}
END_TEST

/* Two agents. */

START_TEST(two_agents_share_a_loop) {
    driven other;
    driven_setup(&other, REPLI_RUN_DISPATCH);
    driven_start(&it);
    driven_start(&other);
    char id[REPLI_UUID_SIZE];
    char other_id[REPLI_UUID_SIZE];
    driven_schedule(&it, "fake.test/steps", "{\"pause_ms\": 1}", id);
    driven_schedule(&other, "fake.test/steps", "{\"pause_ms\": 1}", other_id);
    while (driven_phase(&it, id) != REPLI_PHASE_DONE ||
           driven_phase(&other, other_id) != REPLI_PHASE_DONE) {
        struct pollfd fds[] = {{.fd = repli_agent_fd(it.agent), .events = POLLIN},
                               {.fd = repli_agent_fd(other.agent), .events = POLLIN}};
        ck_assert_int_ge(poll(fds, 2, PATIENCE_MS), 1);
        if (fds[0].revents != 0)
            driven_dispatch(&it);
        if (fds[1].revents != 0)
            driven_dispatch(&other);
    }
    driven_teardown(&other);
}
END_TEST

/* A command that takes its time. */

static void set_version_command(char *fifo, size_t size, const char *started) {
    snprintf(fifo, size, "%s/fifo", it.directory);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    char script[1000];
    snprintf(script, sizeof(script), "echo > '%s'; read line < '%s'; echo $line", started, fifo);
    const char *const command[] = {"sh", "-c", script};
    ck_assert_int_eq(repli_config_set_strs(it.config, "version.command", command, 3, &error),
                     REPLI_OK);
    driven_set(&it, "version.timeout_ms", 60000);
}

static int has_version(const char *number) {
    repli_snapshot *snapshot = NULL;
    ck_assert_int_eq(repli_agent_snapshot(it.agent, &snapshot, NULL), REPLI_OK);
    const char *known = repli_snapshot_node(snapshot)->store_version.number;
    const int same = known != NULL && strcmp(known, number) == 0;
    repli_snapshot_unref(snapshot);
    return same;
}

START_TEST(a_command_that_takes_its_time_holds_nothing_up) {
    char fifo[400];
    char started[400];
    snprintf(started, sizeof(started), "%s/started", it.directory);
    set_version_command(fifo, sizeof(fifo), started);
    driven_script(&it, "\"fail\": -1, \"version\": \"\"");
    driven_start(&it);
    while (access(started, F_OK) != 0)
        driven_turn(&it);
    char id[REPLI_UUID_SIZE];
    driven_schedule(&it, "agent.replicante.io/test.success", NULL, id);
    ck_assert_int_eq(driven_turn_until_end(&it, id), REPLI_PHASE_DONE);
    ck_assert(!has_version("4.5.6"));
    FILE *file = fopen(fifo, "w");
    ck_assert_ptr_nonnull(file);
    fputs("4.5.6\n", file);
    fclose(file);
    while (!has_version("4.5.6"))
        driven_turn(&it);
}
END_TEST

START_TEST(a_command_that_takes_its_time_does_not_outlive_the_agent) {
    char fifo[400];
    char started[400];
    snprintf(started, sizeof(started), "%s/started", it.directory);
    set_version_command(fifo, sizeof(fifo), started);
    driven_script(&it, "\"fail\": -1, \"version\": \"\"");
    driven_start(&it);
    while (access(started, F_OK) != 0)
        driven_turn(&it);
    ck_assert_int_eq(repli_agent_stop(it.agent, 1000, NULL), REPLI_OK);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("dispatch");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_agent_with_threads_has_no_loop);
    tcase_add_test(tcase,
                   the_descriptor_stays_the_same_and_readable_while_there_is_something_to_do);
    tcase_add_test(tcase, the_descriptor_alone_will_do);
    tcase_add_test(tcase, the_deadline_alone_will_do);
    tcase_add_test(tcase, the_descriptor_works_within_another_set);
    tcase_add_test(tcase, no_thread_is_made);
    tcase_add_test(tcase, a_dispatch_makes_one_step);
    tcase_add_test(tcase, an_action_without_end_starves_nobody);
    tcase_add_test(tcase, two_agents_share_a_loop);
    tcase_add_test(tcase, a_command_that_takes_its_time_holds_nothing_up);
    tcase_add_test(tcase, a_command_that_takes_its_time_does_not_outlive_the_agent);
    Suite *suite = suite_create("dispatch");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
