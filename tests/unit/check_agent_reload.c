#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "agent/config.h"
#include "agent_fixture.h"
#include "store_fixture.h"

/* Changing the configuration of a running agent. */

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

static int32_t no_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    return REPLI_OK;
}

static int32_t reload(void) {
    return repli_agent_reload(fixture.agent, fixture.config, &error);
}

START_TEST(what_can_change_is_changed) {
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    static test_log log;
    log = (test_log){0};
    ck_assert_int_eq(
        repli_config_set_log(fixture.config, REPLI_LOG_INFO, test_log_write, &log, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(fixture.config, "address.member", "m:1", NULL), REPLI_OK);
    agent_fixture_driver(&fixture, ", \"status\": \"unhealthy\", \"reason\": \"told to\"");
    agent_fixture_set(&fixture, "actions.queue_limit", 1);
    ck_assert_int_eq(reload(), REPLI_OK);
    repli_snapshot *snapshot = agent_fixture_await(&fixture, REPLI_STATUS_UNHEALTHY);
    ck_assert_uint_eq(repli_snapshot_node(snapshot)->address_count, 2);
    repli_snapshot_unref(snapshot);
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/slow", "{\"ms\": 60000}", id);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    char other[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli_agent_schedule(fixture.agent, &request, other, NULL), REPLI_EFULL);
    agent_fixture_stop(&fixture);
    ck_assert_ptr_nonnull(strstr(log.text, "HEALTHY -> UNHEALTHY"));
}
END_TEST

START_TEST(a_reload_does_not_disturb_an_action) {
    agent_fixture_start(&fixture);
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/slow", "{\"ms\": 300}", id);
    for (int i = 0; i < 10; i++) {
        agent_fixture_driver(&fixture, i % 2 == 0 ? ", \"offset\": 1" : ", \"offset\": 2");
        ck_assert_int_eq(reload(), REPLI_OK);
    }
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_DONE);
}
END_TEST

START_TEST(a_reload_without_memory_changes_nothing) {
    ck_assert_int_eq(repli_agent_new(fixture.config, &fixture.agent, NULL), REPLI_OK);
    agent_fixture_driver(&fixture, ", \"status\": \"unhealthy\"");
    size_t size = 0;
    const char *text = repli__config_driver_json(fixture.config, &size);
    failing memory;
    int32_t code = REPLI_ENOMEM;
    long i = 0;
    for (; code != REPLI_OK; i++) {
        repli_config *config = NULL;
        failing_init(&memory);
        ck_assert_int_eq(repli_config_new(&memory.allocator, &config, NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_str(config, "node_id", "node-1", NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_str(config, "store_path", fixture.store, NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_driver(config, repli_driver_fake_entry, NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_driver_config(config, text, size, NULL), REPLI_OK);
        failing_arm(&memory, (size_t)i + 1, 1);
        code = repli_agent_reload(fixture.agent, config, &error);
        failing_arm(&memory, 0, 0);
        ck_assert_msg(code == REPLI_OK || code == REPLI_ENOMEM, "%s", error.message);
        repli_config_free(config);
        if (code != REPLI_OK)
            ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
    ck_assert_int_gt(i, 5);
    /* What was reloaded is of that memory. */
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
}
END_TEST

static void assert_restart_needed(const char *name) {
    ck_assert_int_eq(reload(), REPLI_EINVALID);
    char quoted[64];
    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    assert_said(quoted);
}

START_TEST(what_cannot_change_is_named) {
    agent_fixture_start(&fixture);
    static const char *const keys[][3] = {{"node_id", "node-1", "node-2"},
                                          {"store_path", NULL, "/nonexistent/agent.db"},
                                          {"store_synchronous", "full", "normal"}};
    agent_fixture_driver(&fixture, ", \"status\": \"unhealthy\"");
    for (size_t i = 0; i < 3; i++) {
        const char *before = keys[i][1] != NULL ? keys[i][1] : fixture.store;
        ck_assert_int_eq(repli_config_set_str(fixture.config, keys[i][0], keys[i][2], NULL),
                         REPLI_OK);
        assert_restart_needed(keys[i][0]);
        ck_assert_int_eq(repli_config_set_str(fixture.config, keys[i][0], before, NULL), REPLI_OK);
    }
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/new";
    kind.summary = "Do it";
    ck_assert_int_eq(repli_config_add_action(fixture.config, &kind, NULL, no_step, NULL, NULL),
                     REPLI_OK);
    assert_restart_needed("actions");
    /* Nothing was changed by any of these. */
    pause_ms(100);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    repli_config *empty = NULL;
    ck_assert_int_eq(repli_config_new(NULL, &empty, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_reload(fixture.agent, empty, &error), REPLI_EINVALID);
    assert_said("\"node_id\"");
    repli_config_free(empty);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("agent_reload");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, what_can_change_is_changed);
    tcase_add_test(tcase, a_reload_does_not_disturb_an_action);
    tcase_add_test(tcase, a_reload_without_memory_changes_nothing);
    tcase_add_test(tcase, what_cannot_change_is_named);
    Suite *suite = suite_create("agent_reload");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
