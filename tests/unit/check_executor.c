#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "executor_fixture.h"
#include "failing.h"

/* Steps and what becomes of them. */

static void expect_failure(uint64_t number, const char *error_json) {
    executor_wait_for_end(number);
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, number, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_FAILED);
    ck_assert_ptr_nonnull(action->error_json);
    ck_assert_msg(strstr(action->error_json, error_json) != NULL, "%s", action->error_json);
    repli_doc_free(doc);
}

/* The actions for tests. */

START_TEST(success_is_done_in_one_step) {
    executor_start();
    executor_schedule(1, "agent.replicante.io/test.success", "null");
    executor_wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, 1, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
    ck_assert_ptr_null(action->error_json);
    ck_assert_uint_eq(action->history_count, 3);
    repli_doc_free(doc);
    ck_assert_uint_eq(executor_stats().steps, 1);
    ck_assert_uint_eq(executor_stats().done, 1);
}
END_TEST

START_TEST(failure_says_why) {
    executor_start();
    executor_schedule(1, "agent.replicante.io/test.fail", "null");
    expect_failure(1, "{\"error_msg\":\"this action always fails");
    ck_assert_uint_eq(executor_stats().failed, 1);
}
END_TEST

START_TEST(the_loop_counts) {
    executor_start();
    executor_schedule(1, "agent.replicante.io/test.loop", "null");
    executor_schedule(2, "agent.replicante.io/test.loop", "{\"target\":3}");
    executor_schedule(3, "agent.replicante.io/test.loop", "{\"target\":0}");
    executor_wait_for_end(3);
    static const struct {
        const char *payload;
        size_t history;
    } expected[] = {{"{\"count\":10}", 12}, {"{\"count\":3}", 5}, {"{\"count\":0}", 3}};
    for (uint64_t number = 1; number <= 3; number++) {
        repli_doc *doc;
        const repli_action *action = test_look_up(exec.database.store, number, &doc);
        ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
        ck_assert_str_eq(action->payload_json, expected[number - 1].payload);
        ck_assert_uint_eq(action->history_count, expected[number - 1].history);
        repli_doc_free(doc);
    }
    ck_assert_uint_eq(executor_stats().steps, 14);
}
END_TEST

/* Order. */

static atomic_ullong order_next;

static int32_t step_in_order(const repli_host *table, repli_op *op, const repli_step *step,
                             repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    char expected[REPLI_UUID_SIZE];
    test_id(atomic_load(&order_next), expected);
    if (strcmp(expected, step->action->id) != 0)
        atomic_store(&exec.work.flag, 1);
    if (step->number < 2)
        return executor_emit(table, sink, REPLI_PHASE_RUNNING, step->number == 0 ? "0" : "1", -1);
    atomic_fetch_add(&order_next, 1);
    return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(one_at_a_time_in_order) {
    exec.work.step = step_in_order;
    atomic_store(&order_next, 1);
    for (uint64_t number = 1; number <= 20; number++)
        executor_schedule(number, "example.com/work", "null");
    executor_start();
    for (uint64_t number = 21; number <= 60; number++)
        executor_schedule(number, "example.com/work", "null");
    executor_wait_for_end(60);
    ck_assert_int_eq(atomic_load(&exec.work.flag), 0);
    ck_assert_int_eq(atomic_load(&exec.work.overlaps), 0);
    ck_assert_int_eq(atomic_load(&exec.work.steps), 180);
}
END_TEST

/* What a step is told. */

static int32_t step_checks_itself(const repli_host *table, repli_op *op, const repli_step *step,
                                  repli_sink *sink, repli_error *err) {
    const repli_action *action = step->action;
    int good = step->struct_size == sizeof(*step) && step->flags == 0 &&
               action->struct_size == sizeof(*action) && action->phase == REPLI_PHASE_RUNNING &&
               strcmp(action->kind, "example.com/work") == 0 &&
               strcmp(action->args_json, "{\"x\":[1]}") == 0 && action->history_count == 0 &&
               action->finished_ns == REPLI_TIME_NONE && err->code == REPLI_OK &&
               strcmp(table->running_action(op), "example.com/work") == 0 &&
               table->deadline_ns(op) > table->now_ns(table) && !table->cancelled(op);
    static const char *const payloads[] = {NULL, "{\"p\":1}", "{\"p\":1}", "{\"p\":2}"};
    const char *payload = payloads[step->number];
    good = good && (payload == NULL) == (action->payload_json == NULL) &&
           (payload == NULL || strcmp(payload, action->payload_json) == 0);
    if (!good)
        return table->error(table, err, REPLI_EINTERNAL, NULL, "the step is wrong", NULL);
    switch (step->number) {
    case 0: return executor_emit(table, sink, REPLI_PHASE_RUNNING, "{\"p\":1}", -1);
    case 1: return REPLI_OK; /* no outcome */
    case 2: return executor_emit(table, sink, REPLI_PHASE_RUNNING, "{\"p\":2}", 0);
    default: return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
    }
}

START_TEST(a_step_sees_what_was_recorded) {
    exec.work.step = step_checks_itself;
    executor_start();
    executor_schedule(1, "example.com/work", "{\"x\":[1]}");
    executor_wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, 1, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    ck_assert_str_eq(action->payload_json, "{\"p\":2}");
    repli_doc_free(doc);
}
END_TEST

/* Ways to fail. */

static int32_t step_returns_error(const repli_host *table, repli_op *op, const repli_step *step,
                                  repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    executor_emit(table, sink, REPLI_PHASE_DONE, "1", -1);
    return table->error(table, err, REPLI_EREFUSED, NULL, "cannot reach it", "no route");
}

static int32_t step_says_nothing(const repli_host *table, repli_op *op, const repli_step *step,
                                 repli_sink *sink, repli_error *err) {
    (void)table;
    (void)op;
    (void)step;
    (void)sink;
    (void)err;
    return REPLI_ENOQUORUM;
}

static int32_t step_emits_no_json(const repli_host *table, repli_op *op, const repli_step *step,
                                  repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    executor_emit(table, sink, REPLI_PHASE_DONE, "{\"a\":", -1);
    return REPLI_OK; /* and does not care */
}

static int32_t step_emits_too_much(const repli_host *table, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    const size_t size = (2 << 20) + 3;
    char *payload = malloc(size);
    memset(payload, 'x', size);
    payload[0] = payload[size - 2] = '"';
    payload[size - 1] = '\0';
    executor_emit(table, sink, REPLI_PHASE_DONE, payload, -1);
    free(payload);
    return REPLI_OK;
}

static int32_t step_emits_failure(const repli_host *table, repli_op *op, const repli_step *step,
                                  repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    repli_outcome failed = REPLI_OUTCOME_INIT;
    failed.phase = REPLI_PHASE_FAILED;
    failed.payload_json = "{\"kept\":true}";
    failed.error = "it \"broke\"";
    failed.error_cause = "rust";
    return table->emit_outcome(sink, &failed);
}

START_TEST(failures_are_recorded_in_words) {
    static const struct {
        int32_t (*step)(const repli_host *, repli_op *, const repli_step *, repli_sink *,
                        repli_error *);
        const char *error;
    } cases[] = {
        {step_returns_error, "{\"error_msg\":\"cannot reach it\",\"error_cause\":\"no route\"}"},
        {step_says_nothing, "no_quorum"},
        {step_emits_no_json, "payload"},
        {step_emits_too_much, "payload"},
        {step_emits_failure, "{\"error_msg\":\"it \\\"broke\\\"\",\"error_cause\":\"rust\"}"},
    };
    executor_start();
    for (uint64_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        exec.work.step = cases[i].step;
        executor_schedule(i + 1, "example.com/work", "null");
        expect_failure(i + 1, cases[i].error);
    }
    repli_doc *doc;
    ck_assert_str_eq(test_look_up(exec.database.store, 5, &doc)->payload_json, "{\"kept\":true}");
    repli_doc_free(doc);
    ck_assert_ptr_null(test_look_up(exec.database.store, 1, &doc)->payload_json);
    repli_doc_free(doc);
}
END_TEST

START_TEST(a_kind_that_is_gone_fails_and_holds_up_nobody) {
    executor_schedule(1, "example.com/gone", "null");
    executor_schedule(2, "agent.replicante.io/test.success", "null");
    executor_start();
    expect_failure(1, "does not offer actions of kind example.com/gone any more");
    executor_wait_for_end(2);
    ck_assert_int_eq(test_phase(exec.database.store, 2), REPLI_PHASE_DONE);
}
END_TEST

/* Pace. */

static int32_t step_makes_progress(const repli_host *table, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    char payload[24];
    snprintf(payload, sizeof(payload), "%" PRIu64, step->number);
    return executor_emit(table, sink, step->number < 99 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE,
                         payload, -1);
}

static int32_t step_stands_still(const repli_host *table, repli_op *op, const repli_step *step,
                                 repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return executor_emit(table, sink, step->number < 5 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE,
                         "1", -1);
}

static int32_t step_asks_for_a_pause(const repli_host *table, repli_op *op, const repli_step *step,
                                     repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return executor_emit(table, sink, step->number < 3 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE,
                         NULL, 20);
}

static int64_t time_action(uint64_t number) {
    const uint64_t since = repli__mono_ns();
    executor_schedule(number, "example.com/work", "null");
    executor_wait_for_end(number);
    return (int64_t)(repli__mono_ns() - since) / REPLI__NS_PER_MS;
}

START_TEST(pauses_grow_while_nothing_changes) {
    executor_start();
    exec.work.step = step_makes_progress;
    /* A hundred steps without a pause; with the shortest one it would be a second at least. */
    const uint64_t since = repli__mono_ns();
    executor_schedule(1, "example.com/work", "null");
    executor_wait_for_end(1);
    ck_assert_uint_lt(executor_stats().busy_ns, repli__mono_ns() - since);
    ck_assert_uint_eq(executor_stats().steps, 100);
    /* The first sets the payload, then 10, 20, 40 and 80. */
    exec.work.step = step_stands_still;
    ck_assert_int_ge(time_action(2), 150);
    exec.options.max_interval_ms = 10;
    repli__executor_set_options(exec.executor, &exec.options);
    ck_assert_int_ge(time_action(3), 40);
    exec.work.step = step_asks_for_a_pause;
    ck_assert_int_ge(time_action(4), 60);
}
END_TEST

static int32_t step_takes_too_long(const repli_host *table, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    (void)step;
    (void)err;
    while (table->now_ns(table) <= table->deadline_ns(op))
        usleep(1000);
    return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(overruns_are_counted) {
    exec.options.step_timeout_ms = 5;
    exec.work.step = step_takes_too_long;
    executor_start();
    executor_schedule(1, "example.com/work", "null");
    executor_wait_for_end(1);
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_DONE);
    ck_assert_uint_eq(executor_stats().overruns, 1);
}
END_TEST

START_TEST(want_of_memory_is_reported) {
    failing memory;
    failing_init(&memory);
    failing_arm(&memory, 1, 1);
    repli__executor *limited = NULL;
    ck_assert_int_eq(repli__executor_new(exec.database.store, exec.registry,
                                         repli__host_table(exec.host), &exec.options,
                                         &memory.allocator, NULL, &limited, NULL),
                     REPLI_ENOMEM);
    ck_assert_ptr_null(limited);
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("executor");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, executor_setup, executor_teardown);
    tcase_add_test(tcase, success_is_done_in_one_step);
    tcase_add_test(tcase, failure_says_why);
    tcase_add_test(tcase, the_loop_counts);
    tcase_add_test(tcase, one_at_a_time_in_order);
    tcase_add_test(tcase, a_step_sees_what_was_recorded);
    tcase_add_test(tcase, failures_are_recorded_in_words);
    tcase_add_test(tcase, a_kind_that_is_gone_fails_and_holds_up_nobody);
    tcase_add_test(tcase, pauses_grow_while_nothing_changes);
    tcase_add_test(tcase, overruns_are_counted);
    tcase_add_test(tcase, want_of_memory_is_reported);
    Suite *suite = suite_create("executor");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
