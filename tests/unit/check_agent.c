#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing.h"
#include "agent_fixture.h"
#include "store_fixture.h"

/* The life of an agent, from its making to threads that it never gets back. */

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

START_TEST(an_agent_needs_a_name_and_a_driver) {
    repli_config *config = NULL;
    ck_assert_int_eq(repli_config_new(NULL, &config, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_new(config, &fixture.agent, &error), REPLI_EINVALID);
    assert_said("node_id");
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "n", NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_new(config, &fixture.agent, &error), REPLI_EINVALID);
    assert_said("driver");
    ck_assert_ptr_null(fixture.agent);
    repli_config_free(config);
}
END_TEST

START_TEST(a_database_has_one_owner) {
    ck_assert_int_eq(make(), REPLI_OK);
    repli_agent *other = NULL;
    ck_assert_int_eq(repli_agent_new(fixture.config, &other, &error), REPLI_EBUSY);
    ck_assert_ptr_null(other);
}
END_TEST

static const repli_driver *actionless_entry(uint32_t host_abi) {
    static repli_driver driver;
    driver = *repli_driver_fake_entry(host_abi);
    driver.actions_describe = NULL;
    driver.action_validate = NULL;
    driver.action_step = NULL;
    driver.action_plan = NULL;
    return &driver;
}

START_TEST(a_driver_without_actions_will_do) {
    ck_assert_int_eq(repli_config_set_driver(fixture.config, actionless_entry, &error), REPLI_OK);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(repli_agent_reload(fixture.agent, fixture.config, &error), REPLI_OK);
    ck_assert_msg(error.code == REPLI_OK, "success leaves no error: %s", error.message);
}
END_TEST

START_TEST(an_agent_that_never_started_can_be_looked_at) {
    ck_assert_int_eq(make(), REPLI_OK);
    repli_snapshot *snapshot = NULL;
    ck_assert_int_eq(repli_agent_snapshot(fixture.agent, &snapshot, NULL), REPLI_OK);
    ck_assert_int_eq(repli_snapshot_node(snapshot)->status, REPLI_STATUS_UNKNOWN);
    repli_snapshot_unref(snapshot);
    ck_assert_int_eq(repli_agent_live(fixture.agent, NULL), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 1000, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_start(fixture.agent, &error), REPLI_ESTATE);
}
END_TEST

START_TEST(the_configuration_is_copied) {
    ck_assert_int_eq(make(), REPLI_OK);
    repli_config_free(fixture.config);
    fixture.config = NULL;
    ck_assert_int_eq(repli_agent_start(fixture.agent, NULL), REPLI_OK);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
}
END_TEST

START_TEST(an_agent_starts_and_stops_once) {
    agent_fixture_start(&fixture);
    ck_assert_int_eq(repli_agent_start(fixture.agent, &error), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_start(fixture.agent, &error), REPLI_ESTATE);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    char id[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli_agent_schedule(fixture.agent, &request, id, &error), REPLI_ESTATE);
    ck_assert_int_eq(repli_agent_reload(fixture.agent, fixture.config, &error), REPLI_ESTATE);
    repli_doc *doc = NULL;
    const repli_action_summary *queue = NULL;
    size_t count = 1;
    ck_assert_int_eq(repli_agent_queue(fixture.agent, &doc, &queue, &count, NULL), REPLI_OK);
    ck_assert_uint_eq(count, 0);
    repli_doc_free(doc);
}
END_TEST

START_TEST(free_stops_what_runs) {
    agent_fixture_start(&fixture);
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    repli_agent_free(NULL);
}
END_TEST

START_TEST(two_agents_live_in_one_process) {
    agent_fixture other;
    agent_fixture_setup(&other);
    ck_assert_int_eq(repli_config_set_str(other.config, "node_id", "node-2", NULL), REPLI_OK);
    agent_fixture_script(&other, "\"status\": \"unhealthy\", \"reason\": \"told to\"");
    agent_fixture_start(&fixture);
    agent_fixture_start(&other);
    repli_snapshot *one = agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY);
    repli_snapshot *two = agent_fixture_await(&other, REPLI_STATUS_UNHEALTHY);
    ck_assert_str_eq(repli_snapshot_node(one)->node_id, "node-1");
    ck_assert_str_eq(repli_snapshot_node(two)->node_id, "node-2");
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&other, "fake.test/echo", NULL, id);
    ck_assert_int_eq(agent_fixture_await_end(&other, id), REPLI_PHASE_DONE);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_ENOTFOUND);
    agent_fixture_teardown(&other);
    repli_snapshot_unref(one);
    /* It outlives its agent. */
    ck_assert_str_eq(repli_snapshot_node(two)->node_id, "node-2");
    ck_assert_str_eq(repli_snapshot_store(two, NULL)->cluster_id, "fake-cluster");
    repli_snapshot_unref(two);
}
END_TEST

/* In the child nothing of check's may run, so what it found is its exit code. */
static int in_child(void) {
    repli_snapshot *snapshot = NULL;
    repli_doc *doc = NULL;
    const repli_action_summary *summaries = NULL;
    const repli_action *action = NULL;
    size_t count = 0;
    repli_buf text = REPLI_BUF_INIT;
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    char id[REPLI_UUID_SIZE];
    repli_agent *agent = fixture.agent;
    const int32_t codes[] = {
        repli_agent_snapshot(agent, &snapshot, &error),
        repli_agent_start(agent, NULL),
        repli_agent_stop(agent, 0, NULL),
        repli_agent_reload(agent, fixture.config, NULL),
        repli_agent_schedule(agent, &request, id, NULL),
        repli_agent_cancel(agent, "00000000-0000-7000-8000-000000000000", NULL),
        repli_agent_action(agent, "00000000-0000-7000-8000-000000000000", &doc, &action, NULL),
        repli_agent_queue(agent, &doc, &summaries, &count, NULL),
        repli_agent_finished(agent, 0, NULL, &doc, &summaries, &count, NULL),
        repli_agent_live(agent, NULL),
        repli_agent_ready(agent, NULL),
        repli_agent_metrics(agent, &text, NULL),
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i] != REPLI_EFORK)
            return (int)i + 1;
    if (strstr(error.message, "fork") == NULL)
        return 100;
    repli_agent_free(agent);
    return 0;
}

START_TEST(a_forked_child_is_refused) {
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    const pid_t child = fork();
    ck_assert_int_ne(child, -1);
    if (child == 0)
        _exit(in_child());
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    /* The parent's agent did not notice. */
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/echo", NULL, id);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_DONE);
    agent_fixture_stop(&fixture);
}
END_TEST

/* A process with an agent that is to be killed, and its child, which says that it is there and
 * lives until the end of a pipe. */
static void own_and_fork(int ready, int end) {
    char byte = 'x';
    if (make() != REPLI_OK)
        _exit(1);
    if (fork() == 0) {
        repli_agent_free(fixture.agent);
        if (write(ready, &byte, 1) == 1 && read(end, &byte, 1) == 0)
            _exit(0);
        _exit(1);
    }
    for (;;)
        pause();
}

START_TEST(a_child_that_lives_on_does_not_keep_the_database) {
    int ready[2];
    int end[2];
    char byte = 'x';
    ck_assert(pipe(ready) == 0 && pipe(end) == 0);
    const pid_t parent = fork();
    ck_assert_int_ne(parent, -1);
    if (parent == 0) {
        close(end[1]);
        own_and_fork(ready[1], end[0]);
    }
    close(end[0]);
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(make(), REPLI_EBUSY);
    kill(parent, SIGKILL);
    ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
    ck_assert_int_eq(make(), REPLI_OK);
    close(end[1]); /* ends the child */
    close(ready[0]);
}
END_TEST

static int32_t live(const repli_allocator *allocator, int32_t run_mode) {
    agent_fixture other;
    agent_fixture_setup(&other);
    repli_config *config = NULL;
    int32_t code = repli_config_new(allocator, &config, NULL);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "node_id", "n", NULL);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", other.store, NULL);
    if (code == REPLI_OK)
        code = repli_config_set_driver(config, repli_driver_fake_entry, NULL);
    if (code == REPLI_OK)
        code = repli_config_set_run_mode(config, run_mode, NULL);
    if (code == REPLI_OK)
        code = repli_agent_new(config, &other.agent, &error);
    repli_config_free(config);
    agent_fixture_teardown(&other);
    return code;
}

START_TEST(every_failed_allocation_is_reported) {
    failing memory;
    int32_t code = REPLI_ENOMEM;
    long i = 0;
    for (; code != REPLI_OK; i++) {
        failing_init(&memory);
        failing_arm(&memory, (size_t)i + 1, 1);
        code = live(&memory.allocator, _i);
        ck_assert_msg(code == REPLI_OK || code == REPLI_ENOMEM, "%d: %s", (int)code, error.message);
        ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
    ck_assert_int_gt(i, 30);
}
END_TEST

/* Drivers that do not come back. What their threads use is never freed, but it can be found, so
 * that no leak is seen where none was meant to be avoided. */
static repli_agent *volatile lost[3];

START_TEST(a_stuck_observation_is_given_up) {
    agent_fixture_script(&fixture, "\"hang\": true");
    agent_fixture_start(&fixture);
    while (agent_fixture_calls(&fixture, "node_info") == 0)
        pause_ms(1);
    const int64_t before = now_ms();
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 100, &error), REPLI_ETIMEOUT);
    ck_assert_int_lt(now_ms() - before, 5000);
    assert_said("did not return");
    lost[0] = fixture.agent;
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    /* The database is free for another agent. */
    ck_assert_int_eq(make(), REPLI_OK);
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    /* When the driver returns after all, nothing happens. */
    agent_fixture_script(&fixture, "");
    pause_ms(100);
}
END_TEST

static atomic_int released;

static int32_t stuck_step(void *user_data, const repli_host *host, repli_op *op,
                          const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    while (!atomic_load(&released))
        pause_ms(1);
    return REPLI_OK;
}

/* A driver whose only step takes as long as the test wants. */

static int32_t stuck_open(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    (void)config_json, (void)config_size, (void)err;
    *ret_self = (void *)host;
    return REPLI_OK;
}

static void stuck_close(void *self) {
    (void)self;
}

static int32_t stuck_ask(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op, (void)sink;
    const repli_host *host = self;
    return host->error(host, err, REPLI_EREFUSED, NULL, "there is no store", NULL);
}

static int32_t stuck_describe(void *self, repli_sink *sink, repli_error *err) {
    (void)err;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/stuck";
    kind.summary = "Do not return";
    return ((const repli_host *)self)->emit_action_kind(sink, &kind);
}

static int32_t stuck_validate(void *self, const char *kind, const char *args_json, size_t args_size,
                              repli_error *err) {
    (void)self, (void)kind, (void)args_json, (void)args_size, (void)err;
    return REPLI_OK;
}

static int32_t stuck_driver_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                                 repli_error *err) {
    const repli_host *host = self;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    stuck_step(NULL, host, op, step, sink, err);
    return host->emit_outcome(sink, &outcome);
}

static const repli_driver *stuck_entry(uint32_t host_abi) {
    static const repli_driver driver = {.struct_size = sizeof(driver),
                                        .abi_version = REPLI_DRIVER_ABI,
                                        .name = "stuck",
                                        .version = "1.0.0",
                                        .store_id = "stuck",
                                        .summary = "Does not return",
                                        .open = stuck_open,
                                        .close = stuck_close,
                                        .node_info = stuck_ask,
                                        .store_info = stuck_ask,
                                        .shards = stuck_ask,
                                        .actions_describe = stuck_describe,
                                        .action_validate = stuck_validate,
                                        .action_step = stuck_driver_step};
    (void)host_abi;
    return &driver;
}

START_TEST(a_stuck_step_of_the_driver_is_given_up) {
    atomic_store(&released, 0);
    ck_assert_int_eq(repli_config_set_driver(fixture.config, stuck_entry, &error), REPLI_OK);
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_UNAVAILABLE));
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "example.com/stuck", NULL, id);
    pause_ms(100);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 100, &error), REPLI_ETIMEOUT);
    lost[2] = fixture.agent;
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    /* That it returns disturbs nobody. */
    atomic_store(&released, 1);
    pause_ms(100);
}
END_TEST

START_TEST(a_driver_that_returns_late_is_forgiven) {
    agent_fixture_script(&fixture, "\"hang\": true");
    agent_fixture_start(&fixture);
    while (agent_fixture_calls(&fixture, "node_info") == 0)
        pause_ms(1);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 0, &error), REPLI_ETIMEOUT);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 0, &error), REPLI_ETIMEOUT);
    agent_fixture_script(&fixture, "");
    /* From here on nothing leaks. */
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, NULL), REPLI_OK);
}
END_TEST

START_TEST(a_stuck_action_is_given_up) {
    atomic_store(&released, 0);
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/stuck";
    kind.summary = "Do not return";
    ck_assert_int_eq(repli_config_add_action(fixture.config, &kind, NULL, stuck_step, NULL, NULL),
                     REPLI_OK);
    agent_fixture_start(&fixture);
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "example.com/stuck", NULL, id);
    pause_ms(100);
    ck_assert_int_eq(repli_agent_live(fixture.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 100, &error), REPLI_ETIMEOUT);
    lost[1] = fixture.agent;
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    /* Nobody may repeat the step while it still runs. */
    ck_assert_int_eq(make(), REPLI_EBUSY);
    atomic_store(&released, 1);
    pause_ms(100);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("agent");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, an_agent_needs_a_name_and_a_driver);
    tcase_add_test(tcase, a_database_has_one_owner);
    tcase_add_test(tcase, a_driver_without_actions_will_do);
    tcase_add_test(tcase, an_agent_that_never_started_can_be_looked_at);
    tcase_add_test(tcase, the_configuration_is_copied);
    tcase_add_test(tcase, an_agent_starts_and_stops_once);
    tcase_add_test(tcase, free_stops_what_runs);
    tcase_add_test(tcase, two_agents_live_in_one_process);
    tcase_add_test(tcase, a_forked_child_is_refused);
    tcase_add_test(tcase, a_child_that_lives_on_does_not_keep_the_database);
    tcase_add_loop_test(tcase, every_failed_allocation_is_reported, REPLI_RUN_THREADS,
                        REPLI_RUN_DISPATCH + 1);
    tcase_add_test(tcase, a_stuck_observation_is_given_up);
    tcase_add_test(tcase, a_driver_that_returns_late_is_forgiven);
    tcase_add_test(tcase, a_stuck_action_is_given_up);
    tcase_add_test(tcase, a_stuck_step_of_the_driver_is_given_up);
    Suite *suite = suite_create("agent");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
