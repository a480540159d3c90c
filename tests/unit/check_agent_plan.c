#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_fixture.h"

/* What actions would do, told in advance. */

static agent_fixture fixture;
static repli_error error;

static void setup(void) {
    agent_fixture_setup_quick(&fixture);
    error = (repli_error)REPLI_ERROR_INIT;
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

typedef struct answer {
    atomic_int count;
    int32_t code;
    size_t steps;
    char json[2000];
    char message[REPLI_ERROR_MESSAGE_SIZE];
} answer;

static void on_planned(void *user_data, int32_t code, const repli_plan *plan,
                       const repli_error *failure) {
    answer *got = user_data;
    got->code = code;
    if (plan != NULL) {
        got->steps = plan->step_count;
        snprintf(got->json, sizeof(got->json), "%s", plan->json);
        if (strlen(plan->json) != plan->json_size)
            got->code = REPLI_EINTERNAL;
    } else {
        snprintf(got->message, sizeof(got->message), "%s", failure->message);
    }
    atomic_fetch_add(&got->count, 1);
}

static int32_t ask(const char *kind, const char *args, answer *got) {
    *got = (answer){.code = 77};
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind;
    request.args_json = args;
    return repli_agent_plan(fixture.agent, &request, on_planned, got, &error);
}

static void expect(const char *kind, const char *args, int32_t code, const char *words) {
    answer got;
    ck_assert_int_eq(ask(kind, args, &got), REPLI_OK);
    await_count(&got.count, 1);
    ck_assert_int_eq(got.code, code);
    const char *said = code == REPLI_OK ? got.json : got.message;
    ck_assert_msg(strstr(said, words) != NULL, "%s: %s", kind, said);
}

START_TEST(commands_are_told) {
    const char *const work[] = {"make-backup", "--to", "a b", NULL};
    const char *const check[] = {"check-backup", NULL};
    repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
    external.name = "backup";
    external.action = work;
    external.check = check;
    ck_assert_int_eq(repli_config_add_external_action(fixture.config, &external, &error), REPLI_OK);
    agent_fixture_start(&fixture);
    expect("external.agent.replicante.io/backup", "null", REPLI_OK,
           "\"steps\":[{\"summary\":\"run the action command\",\"command\":"
           "\"make-backup --to 'a b'\",\"waits_for\":\"its end\",\"destructive\":false},"
           "{\"summary\":\"ask the check command what became of it\",\"command\":"
           "\"check-backup\",");
}
END_TEST

/* With a process of ours as the service. */
static void serve(int runs) {
    char number[32];
    snprintf(number, sizeof(number), "%ld", (long)getpid());
    const char *const pid[] = {runs ? "echo" : "false", number};
    const char *const start[] = {"start-it"};
    const char *const stop[] = {"stop-it"};
    repli_config_set_strs(fixture.config, "service.pid", pid, 2, NULL);
    repli_config_set_strs(fixture.config, "service.start", start, 1, NULL);
    repli_config_set_strs(fixture.config, "service.stop", stop, 1, NULL);
    agent_fixture_start(&fixture);
}

START_TEST(what_a_running_service_needs_is_told) {
    serve(1);
    expect("agent.replicante.io/service.start", "null", REPLI_OK, "\"steps\":[]");
    expect("agent.replicante.io/service.stop", "null", REPLI_OK,
           "\"steps\":[{\"summary\":\"stop the service\",\"command\":\"stop-it\",");
    expect("agent.replicante.io/service.restart", "null", REPLI_OK,
           "\"command\":\"stop-it\",\"waits_for\":\"the service to stop\",\"destructive\":false},"
           "{\"summary\":\"start the service\",\"command\":\"start-it\",");
}
END_TEST

START_TEST(what_a_stopped_service_needs_is_told) {
    serve(0);
    expect("agent.replicante.io/service.stop", "null", REPLI_OK, "\"steps\":[]");
    expect("agent.replicante.io/service.restart", "null", REPLI_OK,
           "\"steps\":[{\"summary\":\"start the service\",\"command\":\"start-it\",");
}
END_TEST

START_TEST(the_driver_tells) {
    agent_fixture_start(&fixture);
    expect("fake.test/append", "{\"file\": \"/x\", \"id\": \"y\"}", REPLI_OK,
           "{\"kind\":\"fake.test/append\",\"steps\":["
           "{\"summary\":\"append a line to a file\",\"command\":\"echo ID STEP >> /x\","
           "\"waits_for\":null,\"destructive\":false},"
           "{\"summary\":\"forget about it\",\"command\":null,"
           "\"waits_for\":\"the next one\",\"destructive\":true}]}");
    expect("fake.test/fail", "null", REPLI_ECONFLICT, "the fake action would fail");
    expect("fake.test/echo", "null", REPLI_ENOTSUP, "nobody knows what that does");
    repli_doc *doc = NULL;
    const repli_action_summary *summaries = NULL;
    size_t count = 77;
    ck_assert_int_eq(repli_agent_queue(fixture.agent, &doc, &summaries, &count, NULL), REPLI_OK);
    ck_assert_uint_eq(count, 0);
    repli_doc_free(doc);
    ck_assert_int_eq(repli_agent_finished(fixture.agent, 0, NULL, &doc, &summaries, &count, NULL),
                     REPLI_OK);
    ck_assert_uint_eq(count, 0);
    repli_doc_free(doc);
}
END_TEST

START_TEST(the_library_tells_about_its_own) {
    agent_fixture_start(&fixture);
    expect("agent.replicante.io/test.success", "null", REPLI_OK, "\"summary\":\"succeed\"");
    expect("agent.replicante.io/test.fail", "null", REPLI_OK, "\"summary\":\"fail\"");
    expect("agent.replicante.io/test.loop", "{\"target\": 7}", REPLI_OK,
           "\"summary\":\"count to 7, a step at a time\"");
}
END_TEST

START_TEST(what_would_be_refused_is_refused) {
    answer got;
    agent_fixture_start(&fixture);
    ck_assert_int_eq(ask("example.com/no", "null", &got), REPLI_ENOTFOUND);
    ck_assert_int_eq(ask("fake.test/append", "{}", &got), REPLI_EINVALID);
    ck_assert_int_eq(ask("fake.test/append", "{", &got), REPLI_EINVALID);
    ck_assert_int_eq(atomic_load(&got.count), 0);
}
END_TEST

static int32_t own_step(void *user_data, const repli_host *host, repli_op *op,
                        const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)host;
    (void)op;
    (void)step;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

START_TEST(a_host_cannot_tell) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "host.test/own";
    kind.summary = "Its own";
    ck_assert_int_eq(repli_config_add_action(fixture.config, &kind, NULL, own_step, NULL, NULL),
                     REPLI_OK);
    agent_fixture_start(&fixture);
    answer got;
    ck_assert_int_eq(ask("host.test/own", "null", &got), REPLI_ENOTSUP);
    ck_assert_ptr_nonnull(strstr(error.message, "host.test/own"));
}
END_TEST

/* An older driver has no such method. */
static const repli_driver *old_entry(uint32_t host_abi) {
    static repli_driver old;
    old = *repli_driver_fake_entry(host_abi);
    old.struct_size = REPLI_DRIVER_V1_SIZE;
    return &old;
}

START_TEST(an_older_driver_cannot_tell) {
    ck_assert_int_eq(repli_config_set_driver(fixture.config, old_entry, NULL), REPLI_OK);
    agent_fixture_driver(&fixture, "");
    agent_fixture_start(&fixture);
    expect("fake.test/append", "{\"file\": \"/x\", \"id\": \"y\"}", REPLI_ENOTSUP,
           "this driver cannot tell the steps of fake.test/append in advance");
}
END_TEST

static int has_stepped(const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
    const int stepped = action->payload_json != NULL;
    repli_doc_free(doc);
    return stepped;
}

/* One that pauses between its steps does not hold up the answer. */
START_TEST(it_comes_between_two_steps) {
    agent_fixture_start(&fixture);
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/steps", "{\"steps\": 2, \"pause_ms\": 3600000}",
                           id);
    const int64_t start = now_ms();
    while (!has_stepped(id)) {
        ck_assert_int_lt(now_ms() - start, 10000);
        pause_ms(5);
    }
    expect("fake.test/append", "{\"file\": \"/x\", \"id\": \"y\"}", REPLI_OK, "append a line");
}
END_TEST

START_TEST(a_stop_ends_it) {
    answer slow;
    answer behind;
    agent_fixture_start(&fixture);
    ck_assert_int_eq(ask("fake.test/slow", "{\"ms\": 3600000}", &slow), REPLI_OK);
    ck_assert_int_eq(ask("agent.replicante.io/test.success", "null", &behind), REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, NULL), REPLI_OK);
    ck_assert_int_eq(atomic_load(&slow.count), 1);
    ck_assert_int_eq(slow.code, REPLI_ECANCELLED);
    ck_assert_int_eq(atomic_load(&behind.count), 1);
    ck_assert_int_eq(behind.code, REPLI_ECANCELLED);
    ck_assert_int_eq(ask("agent.replicante.io/test.success", "null", &slow), REPLI_ESTATE);
}
END_TEST

START_TEST(the_host_may_drive_it) {
    ck_assert_int_eq(repli_config_set_run_mode(fixture.config, REPLI_RUN_DISPATCH, NULL), REPLI_OK);
    agent_fixture_start(&fixture);
    answer got;
    ck_assert_int_eq(ask("fake.test/append", "{\"file\": \"/x\", \"id\": \"y\"}", &got), REPLI_OK);
    ck_assert_int_eq(atomic_load(&got.count), 0);
    const int64_t start = now_ms();
    while (atomic_load(&got.count) == 0) {
        ck_assert_int_lt(now_ms() - start, 10000);
        ck_assert_int_eq(repli_agent_dispatch(fixture.agent, NULL), REPLI_OK);
    }
    ck_assert_int_eq(got.code, REPLI_OK);
    ck_assert_uint_eq(got.steps, 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agent_plan");
    TCase *tcase = tcase_create("plan");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, commands_are_told);
    tcase_add_test(tcase, what_a_running_service_needs_is_told);
    tcase_add_test(tcase, what_a_stopped_service_needs_is_told);
    tcase_add_test(tcase, the_driver_tells);
    tcase_add_test(tcase, the_library_tells_about_its_own);
    tcase_add_test(tcase, what_would_be_refused_is_refused);
    tcase_add_test(tcase, a_host_cannot_tell);
    tcase_add_test(tcase, an_older_driver_cannot_tell);
    tcase_add_test(tcase, it_comes_between_two_steps);
    tcase_add_test(tcase, a_stop_ends_it);
    tcase_add_test(tcase, the_host_may_drive_it);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
