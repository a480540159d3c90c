#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "executor_fixture.h"

/* How actions end before they end by themselves: deadlines, requests, and kinds that know about
 * them or do not. */

static uint32_t flags_of_kind;

/* The fixture's handler, of a kind with these flags. */
static void offer(uint32_t flags) {
    flags_of_kind = flags;
    const repli__handler *given = repli__registry_find(exec.registry, "example.com/work");
    repli__handler handler = *given;
    handler.kind.kind = "example.com/ends";
    handler.kind.flags = flags;
    ck_assert_int_eq(repli__registry_add(exec.registry, REPLI__OWNER_HOST, &handler, NULL),
                     REPLI_OK);
}

static int may_ask(const void *user_data, const char *kind) {
    (void)user_data;
    (void)kind;
    return (flags_of_kind & (REPLI_KIND_CANCEL_BETWEEN_STEPS | REPLI_KIND_CANCEL_BY_STEP)) != 0;
}

/* A deadline that a slow machine, too, has begun the first step before. */
enum { SOON_MS = 1000 };

static void schedule(uint64_t number, int64_t deadline_ms) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(number, id);
    request.kind = "example.com/ends";
    if (deadline_ms != 0)
        request.deadline_ns = repli__wall_ns() + deadline_ms * REPLI__NS_PER_MS;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_insert(exec.database.store, &request, &error) == REPLI_OK, "%s",
                  error.message);
}

static void ask(uint64_t number) {
    char id[REPLI_UUID_SIZE];
    repli_error error = REPLI_ERROR_INIT;
    test_id(number, id);
    ck_assert_msg(repli__store_cancel(exec.database.store, id, "{\"error_msg\":\"x\"}", may_ask,
                                      NULL, &error) == REPLI_OK,
                  "%s", error.message);
}

static void expect_end(uint64_t number, int32_t outcome, const char *message) {
    executor_wait_for_end(number);
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, number, &doc);
    ck_assert_msg(action->outcome == outcome, "outcome %s: %s", repli_ended_name(action->outcome),
                  action->error_json);
    if (message != NULL)
        ck_assert_msg(strstr(action->error_json, message) != NULL, "%s", action->error_json);
    repli_doc_free(doc);
}

/* Steps. */

static int32_t step_waits_long(const repli_host *table, repli_op *op, const repli_step *step,
                               repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)err;
    return executor_emit(table, sink, REPLI_PHASE_RUNNING, NULL, 3600 * 1000);
}

/* Until it is cancelled or late, which is then its error. */
static int32_t step_blocks(const repli_host *table, repli_op *op, const repli_step *step,
                           repli_sink *sink, repli_error *err) {
    (void)step;
    (void)sink;
    while (!table->cancelled(op))
        usleep(500);
    return table->error(table, err, REPLI_ETIMEOUT, NULL, "no answer", NULL);
}

/* What it does when it is to end, which is up to each test. */
static int32_t (*at_the_end)(const repli_host *table, repli_sink *sink, repli_error *err);

static int32_t step_heeds(const repli_host *table, repli_op *op, const repli_step *step,
                          repli_sink *sink, repli_error *err) {
    if ((step->flags & REPLI_STEP_CANCELLED) != 0)
        return at_the_end(table, sink, err);
    return step_waits_long(table, op, step, sink, err);
}

static int32_t step_blocks_but_heeds(const repli_host *table, repli_op *op, const repli_step *step,
                                     repli_sink *sink, repli_error *err) {
    if ((step->flags & REPLI_STEP_CANCELLED) == 0)
        return step_blocks(table, op, step, sink, err);
    ck_assert_uint_eq(step->flags,
                      REPLI_STEP_CANCELLED | REPLI_STEP_DEADLINE | REPLI_STEP_INTERRUPTED);
    ck_assert(!table->cancelled(op));
    return at_the_end(table, sink, err);
}

static int32_t says_failed(const repli_host *table, repli_sink *sink, repli_error *err) {
    (void)err;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_FAILED;
    outcome.error = "it is as before";
    return table->emit_outcome(sink, &outcome);
}

static int32_t says_cancelled(const repli_host *table, repli_sink *sink, repli_error *err) {
    (void)sink;
    return table->error(table, err, REPLI_ECANCELLED, NULL, "it is undone", NULL);
}

static int32_t says_error(const repli_host *table, repli_sink *sink, repli_error *err) {
    (void)sink;
    return table->error(table, err, REPLI_EREFUSED, NULL, "nobody is there", NULL);
}

static int32_t says_done(const repli_host *table, repli_sink *sink, repli_error *err) {
    (void)err;
    return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

static int32_t says_nothing(const repli_host *table, repli_sink *sink, repli_error *err) {
    (void)table;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static const struct {
    int32_t (*end)(const repli_host *table, repli_sink *sink, repli_error *err);
    int32_t asked;    /* outcome when it was asked to end; 0: goes on */
    int32_t deadline; /* and at its deadline */
    const char *words;
    const char *words_deadline;
} ways[] = {
    {says_failed, REPLI_ENDED_CANCELLED, REPLI_ENDED_TIMED_OUT, "as before", "as before"},
    {says_cancelled, REPLI_ENDED_CANCELLED, REPLI_ENDED_TIMED_OUT, "undone", "undone"},
    {says_error, REPLI_ENDED_FAILED, REPLI_ENDED_TIMED_OUT, "nobody", "effect is unknown"},
    {says_done, REPLI_ENDED_DONE, REPLI_ENDED_DONE, NULL, NULL},
    {says_nothing, 0, REPLI_ENDED_TIMED_OUT, NULL, "effect is unknown"},
};

/* Requests. */

START_TEST(between_two_steps_the_library_ends_it) {
    offer(REPLI_KIND_CANCEL_BETWEEN_STEPS);
    exec.work.step = step_waits_long;
    executor_start();
    schedule(1, 0);
    executor_wait_for_count(&exec.work.steps, 1);
    ask(1);
    expect_end(1, REPLI_ENDED_CANCELLED, "cancelled between two steps");
    ck_assert_int_eq(atomic_load(&exec.work.steps), 1);
}
END_TEST

START_TEST(the_kind_says_how_it_ends) {
    offer(REPLI_KIND_CANCEL_BY_STEP | REPLI_KIND_CANCEL_BETWEEN_STEPS);
    exec.work.step = step_heeds;
    executor_start();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (ways[i].asked == 0)
            continue;
        at_the_end = ways[i].end;
        atomic_store(&exec.work.steps, 0);
        schedule(i + 1, 0);
        executor_wait_for_count(&exec.work.steps, 1);
        ask(i + 1);
        expect_end(i + 1, ways[i].asked, ways[i].words);
        ck_assert_uint_eq(atomic_load(&exec.work.last_flags), REPLI_STEP_CANCELLED);
    }
}
END_TEST

static int32_t goes_on_three_times(const repli_host *table, repli_sink *sink, repli_error *err) {
    (void)err;
    const int done = atomic_fetch_add(&exec.work.flag, 1) == 3;
    return executor_emit(table, sink, done ? REPLI_PHASE_DONE : REPLI_PHASE_RUNNING, NULL, 1);
}

START_TEST(a_kind_may_carry_on) {
    offer(REPLI_KIND_CANCEL_BY_STEP);
    at_the_end = goes_on_three_times;
    exec.work.step = step_heeds;
    executor_start();
    schedule(1, 0);
    executor_wait_for_count(&exec.work.steps, 1);
    ask(1);
    expect_end(1, REPLI_ENDED_DONE, NULL);
    ck_assert_int_eq(atomic_load(&exec.work.steps), 5);
}
END_TEST

/* The request is on disk, so the next executor knows; first the step that may have been cut short
 * is done again. */
START_TEST(a_request_survives_a_restart) {
    offer(REPLI_KIND_CANCEL_BETWEEN_STEPS);
    exec.work.step = step_waits_long;
    executor_start();
    schedule(1, 0);
    executor_wait_for_count(&exec.work.steps, 1);
    executor_stop();
    ask(1);
    store_fixture_close(&exec.database);
    store_fixture_open(&exec.database);
    executor_start();
    expect_end(1, REPLI_ENDED_CANCELLED, "between two steps");
    ck_assert_int_eq(atomic_load(&exec.work.steps), 2);
    ck_assert_uint_eq(atomic_load(&exec.work.last_flags), REPLI_STEP_INTERRUPTED);
}
END_TEST

/* Deadlines. */

START_TEST(a_deadline_comes_in_a_pause) {
    offer(REPLI_KIND_CANCEL_BY_STEP);
    exec.work.step = step_heeds;
    executor_start();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        at_the_end = ways[i].end;
        schedule(i + 1, SOON_MS);
        expect_end(i + 1, ways[i].deadline, ways[i].words_deadline);
        ck_assert_uint_eq(atomic_load(&exec.work.last_flags),
                          REPLI_STEP_CANCELLED | REPLI_STEP_DEADLINE);
    }
}
END_TEST

START_TEST(a_deadline_cuts_a_step_short) {
    offer(REPLI_KIND_CANCEL_BY_STEP);
    exec.work.step = step_blocks_but_heeds;
    executor_start();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        at_the_end = ways[i].end;
        schedule(i + 1, SOON_MS);
        expect_end(i + 1, ways[i].deadline, ways[i].words_deadline);
    }
}
END_TEST

static int32_t step_waits_once_more(const repli_host *table, repli_op *op, const repli_step *step,
                                    repli_sink *sink, repli_error *err) {
    ck_assert_uint_eq(step->flags, 0);
    return step->number == 0 ? executor_emit(table, sink, REPLI_PHASE_RUNNING, NULL, 0)
                             : step_blocks(table, op, step, sink, err);
}

/* A driver of old does not know what it would be asked. */
START_TEST(a_kind_that_knows_nothing_is_given_up) {
    offer(0);
    exec.work.step = step_waits_once_more;
    executor_start();
    schedule(1, SOON_MS);
    expect_end(1, REPLI_ENDED_TIMED_OUT, "effect is unknown");
    ck_assert_int_eq(atomic_load(&exec.work.steps), 2);
}
END_TEST

START_TEST(between_two_steps_the_deadline_leaves_nothing_unknown) {
    offer(REPLI_KIND_CANCEL_BETWEEN_STEPS);
    exec.work.step = step_waits_long;
    executor_start();
    schedule(1, SOON_MS);
    expect_end(1, REPLI_ENDED_TIMED_OUT, "ended between two steps");
}
END_TEST

static int32_t step_is_done_late(const repli_host *table, repli_op *op, const repli_step *step,
                                 repli_sink *sink, repli_error *err) {
    (void)step;
    (void)err;
    while (!table->cancelled(op))
        usleep(500);
    return executor_emit(table, sink, REPLI_PHASE_DONE, NULL, -1);
}

START_TEST(what_was_done_late_is_done) {
    offer(0);
    exec.work.step = step_is_done_late;
    executor_start();
    schedule(1, SOON_MS);
    expect_end(1, REPLI_ENDED_DONE, NULL);
}
END_TEST

/* Watching over a step. */

static atomic_int cancels;
static atomic_int watches;

static void note_cancel(void *user_data, repli_op *op) {
    (void)user_data;
    ck_assert(atomic_load(&op->cancelled));
    atomic_fetch_add(&cancels, 1);
}

static void note_watch(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&watches, 1);
}

/* Hangs until the test lets it go, whatever it is told. */
static int32_t step_hangs(const repli_host *table, repli_op *op, const repli_step *step,
                          repli_sink *sink, repli_error *err) {
    (void)op;
    (void)step;
    (void)sink;
    while (!atomic_load(&exec.work.flag))
        usleep(500);
    return table->error(table, err, REPLI_ELOST, NULL, "it went away", NULL);
}

START_TEST(a_step_that_hangs_is_seen) {
    offer(0);
    atomic_store(&cancels, 0);
    atomic_store(&watches, 0);
    exec.work.step = step_hangs;
    executor_start();
    repli__executor_on_cancel(exec.executor, note_cancel, NULL);
    repli__executor_on_watch(exec.executor, note_watch, NULL);
    schedule(1, SOON_MS);
    executor_schedule(2, "agent.replicante.io/test.success", "null");
    executor_wait_for_count(&watches, 1);
    /* Whoever was told calls until there is nothing more to come. */
    uint64_t next_ns;
    while ((next_ns = repli__executor_watch(exec.executor)) != UINT64_MAX) {
        const uint64_t now_ns = repli__mono_ns();
        ck_assert_uint_lt(next_ns, repli__deadline_ns(PATIENCE_MS));
        if (next_ns > now_ns)
            usleep((useconds_t)((next_ns - now_ns) / 1000 + 1));
    }
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_int_eq(executor_stats().stuck, 1);
    /* Nothing else runs meanwhile. */
    ck_assert_int_eq(test_phase(exec.database.store, 1), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(test_phase(exec.database.store, 2), REPLI_PHASE_NEW);
    atomic_store(&exec.work.flag, 1);
    expect_end(1, REPLI_ENDED_TIMED_OUT, "effect is unknown");
    expect_end(2, REPLI_ENDED_DONE, NULL);
    ck_assert_int_eq(executor_stats().stuck, 0);
    ck_assert_uint_eq(repli__executor_watch(exec.executor), UINT64_MAX);
}
END_TEST

/* What an action waits for. */

static int32_t wait_for(const repli_host *table, repli_sink *sink, const char *waiting_for,
                        const char *payload) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.payload_json = payload;
    outcome.waiting_for = waiting_for;
    outcome.next_step_ms = 0;
    return table->emit_outcome(sink, &outcome);
}

static int32_t step_waits_for_much(const repli_host *table, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    switch (step->number) {
    case 0: return wait_for(table, sink, "the \"door\"", NULL);
    case 1: return wait_for(table, sink, "the \"door\"", "{\"a\": [1], \"since\": 7, \"b\":2}");
    case 2: return wait_for(table, sink, "the \"door\"", NULL);
    case 3: return wait_for(table, sink, "a \t key", NULL);
    case 4: return wait_for(table, sink, NULL, NULL);
    case 5: return wait_for(table, sink, "the end", NULL);
    default: return says_failed(table, sink, err);
    }
}

/* The time that a payload gives, which is taken out of it. */
static void cut_since(char *payload, char ret_since[32]) {
    char *at = strstr(payload, "\"since\":\"");
    ret_since[0] = '\0';
    if (at == NULL)
        return;
    at += strlen("\"since\":\"");
    const size_t size = strcspn(at, "\"");
    ck_assert_uint_lt(size, 32);
    memcpy(ret_since, at, size);
    ret_since[size] = '\0';
    memmove(at, at + size, strlen(at + size) + 1);
}

START_TEST(the_payload_says_what_is_waited_for) {
    static const char *const expected[] = {
        "{\"a\":[1],\"b\":2,\"waiting_for\":\"the end\",\"since\":\"\"}",
        "{\"a\":[1],\"b\":2,\"waiting_for\":\"the end\",\"since\":\"\"}",
        "{\"a\":[1],\"b\":2}",
        "{\"a\":[1],\"b\":2,\"waiting_for\":\"a   key\",\"since\":\"\"}",
        "{\"a\":[1],\"b\":2,\"waiting_for\":\"the \\\"door\\\"\",\"since\":\"\"}",
        "{\"waiting_for\":\"the \\\"door\\\"\",\"since\":\"\"}",
    };
    enum { COUNT = sizeof(expected) / sizeof(expected[0]) };
    char since[COUNT][32];
    offer(0);
    exec.work.step = step_waits_for_much;
    executor_start();
    schedule(1, 0);
    executor_wait_for_end(1);
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, 1, &doc);
    ck_assert_uint_eq(action->history_count, COUNT + 2);
    for (size_t i = 0; i < COUNT; i++) {
        char payload[256];
        repli_buf compact = REPLI_BUF_INIT;
        repli__json_out out;
        repli__json_begin(&out, &compact);
        repli__json_verbatim(&out, action->history[i].payload_json);
        snprintf(payload, sizeof(payload), "%s", compact.data);
        repli_buf_dispose(&compact);
        cut_since(payload, since[i]);
        ck_assert_str_eq(payload, expected[i]);
        int64_t time_ns;
        if (strstr(expected[i], "since") != NULL)
            ck_assert_int_eq(repli_time_parse(since[i], &time_ns, NULL), REPLI_OK);
    }
    ck_assert_str_eq(since[4], since[5]);
    repli_doc_free(doc);
}
END_TEST

static int32_t step_waits_still(const repli_host *table, repli_op *op, const repli_step *step,
                                repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    (void)step;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.waiting_for = "the rain to stop";
    outcome.next_step_ms = 3600 * 1000;
    return table->emit_outcome(sink, &outcome);
}

/* Since when is told as long as it waits for the same, whatever becomes of the agent. */
START_TEST(since_when_survives_a_restart) {
    offer(0);
    exec.work.step = step_waits_still;
    executor_start();
    schedule(1, 0);
    executor_wait_for_count(&exec.work.steps, 1);
    executor_stop();
    store_fixture_close(&exec.database);
    store_fixture_sql(&exec.database, "UPDATE actions SET payload = replace(payload, '20', '19')");
    store_fixture_open(&exec.database);
    executor_start();
    executor_wait_for_count(&exec.work.steps, 2);
    executor_stop();
    repli_doc *doc;
    const repli_action *action = test_look_up(exec.database.store, 1, &doc);
    ck_assert_ptr_nonnull(strstr(action->payload_json, "\"since\":\"19"));
    repli_doc_free(doc);
    executor_start();
}
END_TEST

/* Interruption. */

static int32_t step_until_stopped(const repli_host *table, repli_op *op, const repli_step *step,
                                  repli_sink *sink, repli_error *err) {
    return step_blocks(table, op, step, sink, err);
}

START_TEST(a_kind_that_cannot_resume_ends_as_interrupted) {
    offer(REPLI_KIND_NO_RESUME);
    exec.work.step = step_until_stopped;
    executor_start();
    schedule(1, 0);
    schedule(2, 0);
    executor_wait_for_count(&exec.work.steps, 1);
    executor_stop();
    exec.work.step = step_waits_long;
    executor_start();
    expect_end(1, REPLI_ENDED_INTERRUPTED, "effect is unknown");
    executor_wait_for_count(&exec.work.steps, 2);
    ck_assert_int_eq(test_phase(exec.database.store, 2), REPLI_PHASE_RUNNING);
}
END_TEST

START_TEST(a_kind_that_is_gone_ends_as_interrupted_or_failed) {
    offer(0);
    exec.work.step = step_until_stopped;
    executor_start();
    schedule(1, 0);
    schedule(2, 0);
    executor_wait_for_count(&exec.work.steps, 1);
    executor_stop();
    repli__registry_free(exec.registry);
    ck_assert_int_eq(repli__registry_new(&repli__mem_default, &exec.registry, NULL), REPLI_OK);
    executor_start();
    expect_end(1, REPLI_ENDED_INTERRUPTED, "it did when the action began");
    expect_end(2, REPLI_ENDED_FAILED, "it did when the action was scheduled");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("executor end");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, executor_setup, executor_teardown);
    tcase_add_test(tcase, between_two_steps_the_library_ends_it);
    tcase_add_test(tcase, the_kind_says_how_it_ends);
    tcase_add_test(tcase, a_kind_may_carry_on);
    tcase_add_test(tcase, a_request_survives_a_restart);
    tcase_add_test(tcase, a_deadline_comes_in_a_pause);
    tcase_add_test(tcase, a_deadline_cuts_a_step_short);
    tcase_add_test(tcase, a_kind_that_knows_nothing_is_given_up);
    tcase_add_test(tcase, between_two_steps_the_deadline_leaves_nothing_unknown);
    tcase_add_test(tcase, what_was_done_late_is_done);
    tcase_add_test(tcase, a_step_that_hangs_is_seen);
    tcase_add_test(tcase, the_payload_says_what_is_waited_for);
    tcase_add_test(tcase, since_when_survives_a_restart);
    tcase_add_test(tcase, a_kind_that_cannot_resume_ends_as_interrupted);
    tcase_add_test(tcase, a_kind_that_is_gone_ends_as_interrupted_or_failed);
    Suite *suite = suite_create("executor end");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
