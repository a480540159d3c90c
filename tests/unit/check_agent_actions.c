#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_fixture.h"
#include "store_fixture.h"

/* Actions, through the agent. */

static agent_fixture fixture;
static repli_error error;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    agent_fixture_setup_quick(&fixture);
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

static void assert_said(const char *text) {
    ck_assert_msg(strstr(error.message, text) != NULL, "\"%s\" is not in: %s", text, error.message);
}

static int32_t make(void) {
    return repli_agent_new(fixture.config, &fixture.agent, &error);
}

static int32_t schedule(const repli_request *request) {
    char id[REPLI_UUID_SIZE] = "untouched";
    const int32_t code = repli_agent_schedule(fixture.agent, request, id, &error);
    if (code != REPLI_OK)
        ck_assert_str_eq(id, "untouched");
    return code;
}

START_TEST(bad_requests_are_refused) {
    agent_fixture_start(&fixture);
    const char *known = "fake.test/echo";
    repli_request request = REPLI_REQUEST_INIT;
    ck_assert_int_eq(schedule(&request), REPLI_ENOTFOUND);
    request.kind = "fake.test/unknown";
    ck_assert_int_eq(schedule(&request), REPLI_ENOTFOUND);
    assert_said("unknown kind of action \"fake.test/unknown\"");
    assert_said("agent.replicante.io/test.fail, ");
    assert_said("fake.test/steps");
    request = (repli_request)REPLI_REQUEST_INIT;
    request.kind = known;
    request.args_json = "{";
    ck_assert_int_eq(schedule(&request), REPLI_EINVALID);
    request = (repli_request)REPLI_REQUEST_INIT;
    request.kind = known;
    request.id = "not-a-uuid";
    ck_assert_int_eq(schedule(&request), REPLI_EINVALID);
    request = (repli_request)REPLI_REQUEST_INIT;
    request.kind = "fake.test/append";
    request.args_json = "{\"file\": 1}";
    ck_assert_int_eq(schedule(&request), REPLI_EINVALID);
    request = (repli_request)REPLI_REQUEST_INIT;
    request.kind = known;
    request.requester = "";
    ck_assert_int_eq(schedule(&request), REPLI_EINVALID);
    request = (repli_request)REPLI_REQUEST_INIT;
    request.kind = known;
    request.struct_size = 8;
    ck_assert_int_eq(schedule(&request), REPLI_EINVALID);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, "no", &doc, &action, &error),
                     REPLI_ENOTFOUND);
    ck_assert_int_eq(repli_agent_action(fixture.agent, NULL, &doc, &action, NULL), REPLI_ENOTFOUND);
    ck_assert_int_eq(repli_agent_cancel(fixture.agent, "no", &error), REPLI_ENOTFOUND);
}
END_TEST

START_TEST(an_id_in_capitals_is_the_same) {
    agent_fixture_start(&fixture);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    request.args_json = "{\"a\": 1}";
    request.id = "5F0C3A52-6D0E-4B0B-9A36-0D9F3F7F2C11";
    char id[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli_agent_schedule(fixture.agent, &request, id, NULL), REPLI_OK);
    ck_assert_str_eq(id, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11");
    ck_assert_int_eq(repli_agent_schedule(fixture.agent, &request, id, &error), REPLI_ECONFLICT);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, request.id), REPLI_PHASE_DONE);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, request.id, &doc, &action, NULL), REPLI_OK);
    ck_assert_str_eq(action->requester, "AGENT_API");
    ck_assert_str_eq(action->args_json, "{\"a\": 1}");
    ck_assert_str_eq(action->payload_json, "{\"a\": 1}");
    repli_doc_free(doc);
}
END_TEST

typedef struct reply {
    atomic_int count;
    int32_t code;
    char id[REPLI_UUID_SIZE];
} reply;

static void on_scheduled(void *user_data, int32_t code, const char *id,
                         const repli_error *failure) {
    reply *told = user_data;
    told->code = code;
    if (id != NULL)
        snprintf(told->id, sizeof(told->id), "%s", id);
    else if (failure == NULL)
        told->code = REPLI_EINTERNAL;
    atomic_fetch_add(&told->count, 1);
}

START_TEST(who_scheduled_what_is_logged) {
    static test_log log;
    static reply told;
    atomic_init(&told.count, 0);
    ck_assert_int_eq(
        repli_config_set_log(fixture.config, REPLI_LOG_INFO, test_log_write, &log, NULL), REPLI_OK);
    agent_fixture_start(&fixture);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    request.requester = "CN=alice";
    char id[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli_agent_schedule(fixture.agent, &request, id, NULL), REPLI_OK);
    request.requester = "CN=bob";
    ck_assert_int_eq(repli_agent_schedule_async(fixture.agent, &request, on_scheduled, &told, NULL),
                     REPLI_OK);
    await_count(&told.count, 1);
    agent_fixture_stop(&fixture);
    char line[200];
    snprintf(line, sizeof(line), "action %s (fake.test/echo) was scheduled by CN=alice\n", id);
    ck_assert_ptr_nonnull(strstr(log.text, line));
    snprintf(line, sizeof(line), "action %s (fake.test/echo) was scheduled by CN=bob\n", told.id);
    ck_assert_ptr_nonnull(strstr(log.text, line));
}
END_TEST

START_TEST(scheduling_can_be_left_to_the_agent) {
    static reply told;
    atomic_init(&told.count, 0);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    ck_assert_int_eq(make(), REPLI_OK);
    ck_assert_int_eq(
        repli_agent_schedule_async(fixture.agent, &request, on_scheduled, &told, &error),
        REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_start(fixture.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_schedule_async(fixture.agent, &request, on_scheduled, &told, NULL),
                     REPLI_OK);
    await_count(&told.count, 1);
    ck_assert_int_eq(told.code, REPLI_OK);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, told.id), REPLI_PHASE_DONE);

    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", told.id);
    request.id = id;
    ck_assert_int_eq(repli_agent_schedule_async(fixture.agent, &request, on_scheduled, &told, NULL),
                     REPLI_OK);
    await_count(&told.count, 2);
    ck_assert_int_eq(told.code, REPLI_ECONFLICT);
    request.kind = "fake.test/unknown";
    ck_assert_int_eq(repli_agent_schedule_async(fixture.agent, &request, on_scheduled, &told, NULL),
                     REPLI_ENOTFOUND);
    ck_assert_int_eq(repli_agent_schedule_async(fixture.agent, &request, NULL, NULL, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(atomic_load(&told.count), 2);
}
END_TEST

START_TEST(what_waits_can_be_cancelled) {
    agent_fixture_start(&fixture);
    char running[REPLI_UUID_SIZE];
    char waiting[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/slow", "{\"ms\": 60000}", running);
    agent_fixture_schedule(&fixture, "fake.test/echo", NULL, waiting);
    ck_assert_int_eq(repli_agent_cancel(fixture.agent, running, &error), REPLI_ECONFLICT);
    ck_assert_int_eq(repli_agent_cancel(fixture.agent, waiting, NULL), REPLI_OK);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, waiting, &doc, &action, NULL), REPLI_OK);
    ck_assert_int_eq(action->phase, REPLI_PHASE_FAILED);
    ck_assert_ptr_nonnull(strstr(action->error_json, "cancelled"));
    repli_doc_free(doc);
    ck_assert_int_eq(repli_agent_cancel(fixture.agent, waiting, NULL), REPLI_ECONFLICT);

    const repli_action_summary *summaries = NULL;
    size_t count = 0;
    ck_assert_int_eq(repli_agent_queue(fixture.agent, &doc, &summaries, &count, NULL), REPLI_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(summaries[0].id, running);
    repli_doc_free(doc);
    ck_assert_int_eq(repli_agent_finished(fixture.agent, 0, NULL, &doc, &summaries, &count, NULL),
                     REPLI_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(summaries[0].id, waiting);
    repli_doc_free(doc);
    ck_assert_int_eq(repli_agent_finished(fixture.agent, 0, "no", &doc, &summaries, &count, &error),
                     REPLI_ENOTFOUND);
    /* The running one is cancelled by the stop, and stays to be resumed. */
    agent_fixture_stop(&fixture);
}
END_TEST

START_TEST(what_ran_is_resumed_first) {
    agent_fixture_start(&fixture);
    char file[128];
    char args[256];
    char first[REPLI_UUID_SIZE];
    char second[REPLI_UUID_SIZE];
    snprintf(file, sizeof(file), "%s/lines", fixture.directory);
    snprintf(args, sizeof(args),
             "{\"file\": \"%s\", \"id\": \"first\", \"steps\": 3, \"pause_ms\": 400}", file);
    agent_fixture_schedule(&fixture, "fake.test/append", args, first);
    snprintf(args, sizeof(args), "{\"file\": \"%s\", \"id\": \"second\"}", file);
    agent_fixture_schedule(&fixture, "fake.test/append", args, second);
    while (access(file, F_OK) != 0)
        pause_ms(1);
    agent_fixture_stop(&fixture);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, second), REPLI_PHASE_DONE);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, first), REPLI_PHASE_DONE);
    size_t size = 0;
    char *lines = test_read_file(file, &size);
    ck_assert_msg(size == strlen("first 1\nfirst 2\nfirst 3\nsecond 1\n") &&
                      memcmp(lines, "first 1\nfirst 2\nfirst 3\nsecond 1\n", size) == 0,
                  "%.*s", (int)size, lines);
    free(lines);
}
END_TEST

static int32_t visit(void *user_data, const repli_action_kind *kind) {
    char *text = user_data;
    strcat(strcat(text, kind->kind), " ");
    return strcmp(kind->kind, "fake.test/fail") == 0 ? 7 : 0;
}

/* An action of the host's own: counts its steps in the payload, twice. */
static int32_t host_step(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)op, (void)err;
    atomic_fetch_add((atomic_int *)user_data, 1);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = step->number == 0 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE;
    outcome.payload_json = step->number == 0 ? "1" : "2";
    return host->emit_outcome(sink, &outcome);
}

static int32_t host_validate(void *user_data, const char *kind, const char *args_json,
                             size_t args_size, repli_error *err) {
    (void)user_data, (void)kind, (void)args_size, (void)err;
    return strcmp(args_json, "null") == 0 ? REPLI_OK : REPLI_ENOTFOUND;
}

START_TEST(hosts_offer_actions_too) {
    static atomic_int steps;
    atomic_init(&steps, 0);
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/twice";
    kind.summary = "Do it twice";
    ck_assert_int_eq(
        repli_config_add_action(fixture.config, &kind, host_validate, host_step, &steps, NULL),
        REPLI_OK);
    agent_fixture_start(&fixture);
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "example.com/twice", NULL, id);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_DONE);
    ck_assert_int_eq(atomic_load(&steps), 2);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/twice";
    request.args_json = "1";
    ck_assert_int_eq(schedule(&request), REPLI_EINVALID);

    char kinds[1024] = "";
    ck_assert_int_eq(repli_agent_action_kinds(fixture.agent, visit, kinds, NULL), 7);
    ck_assert_str_eq(kinds, "agent.replicante.io/test.fail agent.replicante.io/test.loop "
                            "agent.replicante.io/test.success example.com/twice fake.test/append "
                            "fake.test/echo fake.test/fail ");
}
END_TEST

START_TEST(the_node_is_looked_at_after_an_action) {
    agent_fixture_set(&fixture, "observe.interval_ms", 3600000);
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_script(&fixture, "\"status\": \"unhealthy\", \"reason\": \"told to\"");
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/echo", NULL, id);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_UNHEALTHY));
}
END_TEST

START_TEST(old_actions_are_forgotten) {
    agent_fixture_set(&fixture, "actions.clean_age", 1);
    agent_fixture_start(&fixture);
    static char ids[300][REPLI_UUID_SIZE];
    for (int i = 0; i < 300; i++)
        agent_fixture_schedule(&fixture, "fake.test/echo", NULL, ids[i]);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, ids[299]), REPLI_PHASE_DONE);
    agent_fixture_stop(&fixture);
    store_fixture closed;
    memset(&closed, 0, sizeof(closed));
    snprintf(closed.path, sizeof(closed.path), "%s", fixture.store);
    store_fixture_sql(&closed, "UPDATE actions SET finished_ns = finished_ns - 86401000000000 "
                               "WHERE seq < (SELECT max(seq) FROM actions)");
    agent_fixture_start(&fixture);
    const repli_action_summary *summaries = NULL;
    size_t count = 0;
    for (int64_t end = now_ms() + 10000; now_ms() < end && count != 1; pause_ms(5)) {
        repli_doc *doc = NULL;
        ck_assert_int_eq(
            repli_agent_finished(fixture.agent, 1000, NULL, &doc, &summaries, &count, NULL),
            REPLI_OK);
        if (count == 1)
            ck_assert_str_eq(summaries[0].id, ids[299]);
        repli_doc_free(doc);
    }
    ck_assert_uint_eq(count, 1);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("agent_actions");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, bad_requests_are_refused);
    tcase_add_test(tcase, an_id_in_capitals_is_the_same);
    tcase_add_test(tcase, who_scheduled_what_is_logged);
    tcase_add_test(tcase, scheduling_can_be_left_to_the_agent);
    tcase_add_test(tcase, what_waits_can_be_cancelled);
    tcase_add_test(tcase, what_ran_is_resumed_first);
    tcase_add_test(tcase, hosts_offer_actions_too);
    tcase_add_test(tcase, the_node_is_looked_at_after_an_action);
    tcase_add_test(tcase, old_actions_are_forgotten);
    Suite *suite = suite_create("agent_actions");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
