#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "action/executor.h"
#include "base/clock.h"
#include "base/thread.h"
#include "driver/instance.h"
#include "store/internal.h"
#include "store_fixture.h"

enum { PATIENCE_MS = 20000 };

static store_fixture fixture;
static repli__registry *registry;
static repli__host *host;
static repli__executor *executor;
static repli__executor_options options;
static repli__log quiet;

/* What the handler of example.com/work does, and what it saw. */
typedef struct script {
    int32_t (*step)(const repli_host *host, repli_op *op, const repli_step *step, repli_sink *sink,
                    repli_error *err);
    atomic_int steps;
    atomic_int inside; /* steps in progress */
    atomic_int overlaps;
    atomic_int flag; /* for the tests' own use */
    atomic_uint last_flags;
    atomic_ullong last_number;
} script;

static script work;

static int32_t run_script(void *user_data, const repli_host *table, repli_op *op,
                          const repli_step *step, repli_sink *sink, repli_error *err) {
    script *mine = user_data;
    if (atomic_fetch_add(&mine->inside, 1) != 0)
        atomic_fetch_add(&mine->overlaps, 1);
    atomic_store(&mine->last_flags, step->flags);
    atomic_store(&mine->last_number, step->number);
    atomic_fetch_add(&mine->steps, 1);
    const int32_t code = mine->step(table, op, step, sink, err);
    atomic_fetch_sub(&mine->inside, 1);
    return code;
}

static int32_t outcome(const repli_host *table, repli_sink *sink, int32_t phase,
                       const char *payload, int64_t next_ms) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    outcome.payload_json = payload;
    outcome.next_step_ms = next_ms;
    return table->emit_outcome(sink, &outcome);
}

static void start(void) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__executor_new(fixture.store, registry, repli__host_table(host), &options,
                                      &repli__mem_default, &quiet, &executor, &error) == REPLI_OK,
                  "%s", error.message);
    ck_assert_int_eq(repli__executor_start(executor, &error), REPLI_OK);
}

static void stop(void) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__executor_stop(executor, PATIENCE_MS, &error) == REPLI_OK, "%s",
                  error.message);
    repli__executor_free(executor);
    executor = NULL;
}

static void setup(void) {
    repli__log_init(&quiet);
    store_fixture_setup(&fixture);
    ck_assert_int_eq(repli__registry_new(&repli__mem_default, &registry, NULL), REPLI_OK);
    ck_assert_int_eq(repli__registry_add_tests(registry, NULL), REPLI_OK);
    memset(&work, 0, sizeof(work));
    repli__handler handler = {
        .kind = REPLI_ACTION_KIND_INIT, .step = run_script, .user_data = &work};
    handler.kind.kind = "example.com/work";
    ck_assert_int_eq(repli__registry_add(registry, REPLI__OWNER_HOST, &handler, NULL), REPLI_OK);
    ck_assert_int_eq(repli__host_new("agent", &repli__mem_default, &quiet, &host, NULL), REPLI_OK);
    options = (repli__executor_options){.step_timeout_ms = PATIENCE_MS, .max_interval_ms = 1000};
}

static void teardown(void) {
    if (executor != NULL)
        stop();
    repli__host_free(host);
    repli__registry_free(registry);
    store_fixture_teardown(&fixture);
    repli__log_dispose(&quiet);
}

static void schedule(uint64_t number, const char *kind, const char *args) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(number, id);
    request.kind = kind;
    request.args_json = args;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_insert(fixture.store, &request, &error) == REPLI_OK, "%s",
                  error.message);
}

static const repli_action *look_up(uint64_t number, repli_doc **ret_doc) {
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    const repli_action *action;
    ck_assert_int_eq(repli__store_action(fixture.store, id, ret_doc, &action, NULL), REPLI_OK);
    return action;
}

static int32_t phase_of(uint64_t number) {
    repli_doc *doc;
    const int32_t phase = look_up(number, &doc)->phase;
    repli_doc_free(doc);
    return phase;
}

static void wait_for_end(uint64_t number) {
    const uint64_t until = repli__deadline_ns(PATIENCE_MS);
    int32_t phase;
    while ((phase = phase_of(number)) != REPLI_PHASE_DONE && phase != REPLI_PHASE_FAILED) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(500);
    }
}

static void wait_for_count(const atomic_int *count, int least) {
    const uint64_t until = repli__deadline_ns(PATIENCE_MS);
    while (atomic_load(count) < least) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(500);
    }
}

static void expect_failure(uint64_t number, const char *error_json) {
    wait_for_end(number);
    repli_doc *doc;
    const repli_action *action = look_up(number, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_FAILED);
    ck_assert_ptr_nonnull(action->error_json);
    ck_assert_msg(strstr(action->error_json, error_json) != NULL, "%s", action->error_json);
    repli_doc_free(doc);
}

static repli__executor_stats stats(void) {
    repli__executor_stats now;
    repli__executor_stats_get(executor, &now);
    return now;
}

/* The actions for tests. */

START_TEST(success_is_done_in_one_step) {
    start();
    schedule(1, "agent.replicante.io/test.success", "null");
    wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = look_up(1, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
    ck_assert_ptr_null(action->error_json);
    ck_assert_uint_eq(action->history_count, 3);
    repli_doc_free(doc);
    ck_assert_uint_eq(stats().steps, 1);
    ck_assert_uint_eq(stats().done, 1);
}
END_TEST

START_TEST(failure_says_why) {
    start();
    schedule(1, "agent.replicante.io/test.fail", "null");
    expect_failure(1, "{\"error_msg\":\"this action always fails");
    ck_assert_uint_eq(stats().failed, 1);
}
END_TEST

START_TEST(the_loop_counts) {
    start();
    schedule(1, "agent.replicante.io/test.loop", "null");
    schedule(2, "agent.replicante.io/test.loop", "{\"target\":3}");
    schedule(3, "agent.replicante.io/test.loop", "{\"target\":0}");
    wait_for_end(3);
    static const struct {
        const char *payload;
        size_t history;
    } expected[] = {{"{\"count\":10}", 12}, {"{\"count\":3}", 5}, {"{\"count\":0}", 3}};
    for (uint64_t number = 1; number <= 3; number++) {
        repli_doc *doc;
        const repli_action *action = look_up(number, &doc);
        ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
        ck_assert_str_eq(action->payload_json, expected[number - 1].payload);
        ck_assert_uint_eq(action->history_count, expected[number - 1].history);
        repli_doc_free(doc);
    }
    ck_assert_uint_eq(stats().steps, 14);
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
        atomic_store(&work.flag, 1);
    if (step->number < 2)
        return outcome(table, sink, REPLI_PHASE_RUNNING, step->number == 0 ? "0" : "1", -1);
    atomic_fetch_add(&order_next, 1);
    return outcome(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(one_at_a_time_in_order) {
    work.step = step_in_order;
    atomic_store(&order_next, 1);
    for (uint64_t number = 1; number <= 20; number++)
        schedule(number, "example.com/work", "null");
    start();
    for (uint64_t number = 21; number <= 60; number++)
        schedule(number, "example.com/work", "null");
    wait_for_end(60);
    ck_assert_int_eq(atomic_load(&work.flag), 0);
    ck_assert_int_eq(atomic_load(&work.overlaps), 0);
    ck_assert_int_eq(atomic_load(&work.steps), 180);
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
    case 0: return outcome(table, sink, REPLI_PHASE_RUNNING, "{\"p\":1}", -1);
    case 1: return REPLI_OK; /* no outcome */
    case 2: return outcome(table, sink, REPLI_PHASE_RUNNING, "{\"p\":2}", 0);
    default: return outcome(table, sink, REPLI_PHASE_DONE, NULL, -1);
    }
}

START_TEST(a_step_sees_what_was_recorded) {
    work.step = step_checks_itself;
    start();
    schedule(1, "example.com/work", "{\"x\":[1]}");
    wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = look_up(1, &doc);
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
    outcome(table, sink, REPLI_PHASE_DONE, "1", -1);
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
    outcome(table, sink, REPLI_PHASE_DONE, "{\"a\":", -1);
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
    outcome(table, sink, REPLI_PHASE_DONE, payload, -1);
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
    start();
    for (uint64_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        work.step = cases[i].step;
        schedule(i + 1, "example.com/work", "null");
        expect_failure(i + 1, cases[i].error);
    }
    repli_doc *doc;
    ck_assert_str_eq(look_up(5, &doc)->payload_json, "{\"kept\":true}");
    repli_doc_free(doc);
    ck_assert_ptr_null(look_up(1, &doc)->payload_json);
    repli_doc_free(doc);
}
END_TEST

START_TEST(a_kind_that_is_gone_fails_and_holds_up_nobody) {
    schedule(1, "example.com/gone", "null");
    schedule(2, "agent.replicante.io/test.success", "null");
    start();
    expect_failure(1, "does not offer actions of kind example.com/gone any more");
    wait_for_end(2);
    ck_assert_int_eq(phase_of(2), REPLI_PHASE_DONE);
}
END_TEST

/* Pace. */

static int32_t step_makes_progress(const repli_host *table, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    char payload[24];
    snprintf(payload, sizeof(payload), "%" PRIu64, step->number);
    return outcome(table, sink, step->number < 99 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE, payload,
                   -1);
}

static int32_t step_stands_still(const repli_host *table, repli_op *op, const repli_step *step,
                                 repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return outcome(table, sink, step->number < 5 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE, "1", -1);
}

static int32_t step_asks_for_a_pause(const repli_host *table, repli_op *op, const repli_step *step,
                                     repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return outcome(table, sink, step->number < 3 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE, NULL,
                   20);
}

static int64_t time_action(uint64_t number) {
    const uint64_t since = repli__mono_ns();
    schedule(number, "example.com/work", "null");
    wait_for_end(number);
    return (int64_t)(repli__mono_ns() - since) / REPLI__NS_PER_MS;
}

START_TEST(pauses_grow_while_nothing_changes) {
    start();
    work.step = step_makes_progress;
    /* A hundred steps without a pause; with the shortest one it would be a second at least. */
    const uint64_t since = repli__mono_ns();
    schedule(1, "example.com/work", "null");
    wait_for_end(1);
    ck_assert_uint_lt(stats().busy_ns, repli__mono_ns() - since);
    ck_assert_uint_eq(stats().steps, 100);
    /* The first sets the payload, then 10, 20, 40 and 80. */
    work.step = step_stands_still;
    ck_assert_int_ge(time_action(2), 150);
    options.max_interval_ms = 10;
    repli__executor_set_options(executor, &options);
    ck_assert_int_ge(time_action(3), 40);
    work.step = step_asks_for_a_pause;
    ck_assert_int_ge(time_action(4), 60);
}
END_TEST

static int32_t step_takes_too_long(const repli_host *table, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    (void)step;
    (void)err;
    while (table->now_ns(table) <= table->deadline_ns(op))
        usleep(1000);
    return outcome(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(overruns_are_counted) {
    options.step_timeout_ms = 5;
    work.step = step_takes_too_long;
    start();
    schedule(1, "example.com/work", "null");
    wait_for_end(1);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_DONE);
    ck_assert_uint_eq(stats().overruns, 1);
}
END_TEST

/* Stopping. */

static int32_t step_until_cancelled(const repli_host *table, repli_op *op, const repli_step *step,
                                    repli_sink *sink, repli_error *err) {
    (void)step;
    while (!table->cancelled(op) && !atomic_load(&work.flag))
        usleep(500);
    if (atomic_load(&work.flag))
        return outcome(table, sink, REPLI_PHASE_DONE, NULL, -1);
    outcome(table, sink, REPLI_PHASE_FAILED, NULL, -1);
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
    work.step = step_until_cancelled;
    schedule(1, "example.com/work", "null");
    schedule(2, "example.com/work", "null");
    start();
    repli__executor_on_cancel(executor, note_cancel, NULL);
    wait_for_count(&work.inside, 1);
    char kind[64];
    repli__executor_running(executor, kind, sizeof(kind));
    ck_assert_str_eq(kind, "example.com/work");
    ck_assert_int_eq(stats().running, 1);
    ck_assert_uint_ne(stats().step_since_ns, 0);
    stop();
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(phase_of(2), REPLI_PHASE_NEW);
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    atomic_store(&work.flag, 1);
    start();
    wait_for_end(1);
    wait_for_end(2);
    ck_assert_int_eq(atomic_load(&work.steps), 3);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_DONE);
    repli__executor_running(executor, kind, sizeof(kind));
}
END_TEST

static int32_t step_notes_interruption(const repli_host *table, repli_op *op,
                                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    if (step->number == 0)
        return outcome(table, sink, REPLI_PHASE_RUNNING, "\"first\"", 3600 * 1000);
    const int resumed = step->number == 1 && step->flags == REPLI_STEP_INTERRUPTED &&
                        strcmp(step->action->payload_json, "\"first\"") == 0;
    const int next = step->number == 2 && step->flags == 0;
    if (!resumed && !next)
        return REPLI_EINTERNAL;
    return outcome(table, sink, next ? REPLI_PHASE_DONE : REPLI_PHASE_RUNNING, NULL, -1);
}

START_TEST(an_interrupted_action_is_told_so_once) {
    work.step = step_notes_interruption;
    schedule(1, "example.com/work", "null");
    start();
    wait_for_count(&work.steps, 1);
    const uint64_t since = repli__mono_ns();
    /* Between steps there is nothing to wait for, though the next one is an hour away. */
    stop();
    ck_assert_uint_lt(repli__mono_ns() - since, (uint64_t)(10 * REPLI__NS_PER_S));
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    start();
    wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = look_up(1, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    repli_doc_free(doc);
}
END_TEST

static int32_t step_ignores_everybody(const repli_host *table, repli_op *op, const repli_step *step,
                                      repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    while (!atomic_load(&work.flag))
        usleep(500);
    return outcome(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(a_step_that_does_not_return_is_given_up) {
    work.step = step_ignores_everybody;
    schedule(1, "example.com/work", "null");
    start();
    wait_for_count(&work.inside, 1);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__executor_stop(executor, 20, &error), REPLI_ETIMEOUT);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_RUNNING);
    /* What it says when it does return is recorded. */
    atomic_store(&work.flag, 1);
    stop();
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_DONE);
}
END_TEST

START_TEST(an_executor_that_never_started_stops) {
    ck_assert_int_eq(repli__executor_new(fixture.store, registry, repli__host_table(host), &options,
                                         &repli__mem_default, NULL, &executor, NULL),
                     REPLI_OK);
    stop();
    repli__executor_free(NULL);
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
    return outcome(table, sink, atomic_load(&work.flag) ? REPLI_PHASE_DONE : REPLI_PHASE_RUNNING,
                   payload, -1);
}

START_TEST(no_step_is_in_progress_during_a_pause) {
    work.step = step_shortly;
    schedule(1, "example.com/work", "null");
    start();
    for (int i = 0; i < 20; i++) {
        wait_for_count(&work.steps, atomic_load(&work.steps) + 1);
        repli__executor_pause(executor);
        repli__executor_pause(executor);
        const int steps = atomic_load(&work.steps);
        ck_assert_int_eq(atomic_load(&work.inside), 0);
        repli__executor_resume(executor);
        usleep(2000);
        ck_assert_int_eq(atomic_load(&work.steps), steps);
        repli__executor_resume(executor);
    }
    /* A pause does not keep it from stopping. */
    repli__executor_pause(executor);
    stop();
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
    if (atomic_load(&work.flag) == 0)
        sqlite3_commit_hook(fixture.store->writer.db, veto, NULL);
    atomic_store(&work.flag, 1);
    return outcome(table, sink, REPLI_PHASE_DONE, "\"worked\"", -1);
}

START_TEST(an_outcome_is_recorded_sooner_or_later_and_the_step_not_repeated) {
    atomic_store(&cancels, 0);
    work.step = step_breaks_the_database;
    schedule(1, "example.com/work", "null");
    schedule(2, "example.com/work", "null");
    start();
    wait_for_count(&cancels, 3);
    ck_assert_int_eq(atomic_load(&work.steps), 1);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(phase_of(2), REPLI_PHASE_NEW);
    ck_assert_uint_ge(stats().errors, 2);
    /* Only who leads may touch the connection: take its place. */
    repli__store_remember(fixture.store, "x", "y", NULL);
    pthread_mutex_lock(&fixture.store->mutex);
    while (fixture.store->busy) {
        pthread_mutex_unlock(&fixture.store->mutex);
        usleep(100);
        pthread_mutex_lock(&fixture.store->mutex);
    }
    sqlite3_commit_hook(fixture.store->writer.db, NULL, NULL);
    pthread_mutex_unlock(&fixture.store->mutex);
    wait_for_end(2);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_DONE);
    ck_assert_int_eq(atomic_load(&work.steps), 2);
    repli_doc *doc;
    ck_assert_str_eq(look_up(1, &doc)->payload_json, "\"worked\"");
    repli_doc_free(doc);
}
END_TEST

START_TEST(stopping_does_not_wait_for_a_broken_database) {
    atomic_store(&cancels, 0);
    work.step = step_breaks_the_database;
    schedule(1, "example.com/work", "null");
    start();
    wait_for_count(&cancels, 2);
    stop();
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    ck_assert_int_eq(phase_of(1), REPLI_PHASE_RUNNING);
    start();
    wait_for_end(1);
    ck_assert_uint_eq(atomic_load(&work.last_flags), REPLI_STEP_INTERRUPTED);
}
END_TEST

START_TEST(want_of_memory_is_reported) {
    failing_memory memory;
    failing_memory_init(&memory);
    memory.fail_at = 0;
    repli__executor *limited = NULL;
    ck_assert_int_eq(repli__executor_new(fixture.store, registry, repli__host_table(host), &options,
                                         &memory.mem, NULL, &limited, NULL),
                     REPLI_ENOMEM);
    ck_assert_ptr_null(limited);
    ck_assert_int_eq(memory.live, 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("executor");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, success_is_done_in_one_step);
    tcase_add_test(tcase, failure_says_why);
    tcase_add_test(tcase, the_loop_counts);
    tcase_add_test(tcase, one_at_a_time_in_order);
    tcase_add_test(tcase, a_step_sees_what_was_recorded);
    tcase_add_test(tcase, failures_are_recorded_in_words);
    tcase_add_test(tcase, a_kind_that_is_gone_fails_and_holds_up_nobody);
    tcase_add_test(tcase, pauses_grow_while_nothing_changes);
    tcase_add_test(tcase, overruns_are_counted);
    tcase_add_test(tcase, a_cancelled_step_is_asked_for_again);
    tcase_add_test(tcase, an_interrupted_action_is_told_so_once);
    tcase_add_test(tcase, a_step_that_does_not_return_is_given_up);
    tcase_add_test(tcase, an_executor_that_never_started_stops);
    tcase_add_test(tcase, no_step_is_in_progress_during_a_pause);
    tcase_add_test(tcase, an_outcome_is_recorded_sooner_or_later_and_the_step_not_repeated);
    tcase_add_test(tcase, stopping_does_not_wait_for_a_broken_database);
    tcase_add_test(tcase, want_of_memory_is_reported);
    Suite *suite = suite_create("executor");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
