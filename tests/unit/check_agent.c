#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent_fixture.h"
#include "store_fixture.h"

static agent_fixture fixture;
static repli_error error;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    agent_fixture_setup(&fixture);
    agent_fixture_set(&fixture, "observe.interval_ms", 20);
    agent_fixture_set(&fixture, "observe.timeout_ms", 300);
    agent_fixture_set(&fixture, "observe.backoff_max_ms", 100);
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

/* Life. */

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

static int32_t live(const repli_allocator *allocator) {
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
        code = repli_agent_new(config, &other.agent, &error);
    repli_config_free(config);
    agent_fixture_teardown(&other);
    return code;
}

START_TEST(every_failed_allocation_is_reported) {
    failing_memory memory;
    int32_t code = REPLI_ENOMEM;
    long i = 0;
    for (; code != REPLI_OK; i++) {
        failing_memory_init(&memory);
        memory.fail_at = i;
        code = live(&memory.mem);
        ck_assert_msg(code == REPLI_OK || code == REPLI_ENOMEM, "%d: %s", (int)code, error.message);
        ck_assert_int_eq(memory.live, 0);
    }
    ck_assert_int_gt(i, 30);
}
END_TEST

/* Status. */

START_TEST(a_store_that_hangs_never_holds_up_a_client) {
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_script(&fixture, "\"hang\": true");
    const int64_t before = now_ms();
    int64_t slowest = 0;
    int unavailable = 0;
    for (int i = 0; i < 1000; i++) {
        const int64_t start = now_ms();
        repli_snapshot *snapshot = NULL;
        ck_assert_int_eq(repli_agent_snapshot(fixture.agent, &snapshot, NULL), REPLI_OK);
        unavailable += repli_snapshot_node(snapshot)->status == REPLI_STATUS_UNAVAILABLE;
        repli_snapshot_unref(snapshot);
        const int64_t took = now_ms() - start;
        slowest = took > slowest ? took : slowest;
        pause_ms(1);
    }
    ck_assert_int_lt(slowest, 50);
    ck_assert_int_gt(unavailable, 0);
    ck_assert_int_gt(now_ms() - before, 400);
    ck_assert_int_eq(repli_agent_live(fixture.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_ready(fixture.agent, NULL), REPLI_OK);

    agent_fixture_script(&fixture, "");
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
}
END_TEST

START_TEST(an_outage_ends_when_the_store_is_back) {
    agent_fixture_script(&fixture, "\"fail\": -1");
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_UNAVAILABLE));
    pause_ms(300);
    agent_fixture_script(&fixture, "");
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
}
END_TEST

typedef struct counter {
    atomic_int count;
    atomic_int status;
} counter;

static void on_observed(void *user_data, repli_snapshot *snapshot) {
    counter *told = user_data;
    atomic_store(&told->status, repli_snapshot_node(snapshot)->status);
    atomic_fetch_add(&told->count, 1);
}

static void await(atomic_int *count, int wanted) {
    for (int64_t end = now_ms() + 10000; now_ms() < end; pause_ms(2))
        if (atomic_load(count) >= wanted)
            break;
    ck_assert_int_eq(atomic_load(count), wanted);
}

enum { ASKERS = 8, QUESTIONS = 50 };

static void *ask_often(void *argument) {
    counter *told = argument;
    for (int i = 0; i < QUESTIONS; i++)
        if (repli_agent_observe(fixture.agent, i % 3, 5000, on_observed, told, NULL) != REPLI_OK)
            return argument;
    return NULL;
}

START_TEST(everybody_who_asks_is_told_once) {
    agent_fixture_start(&fixture);
    static counter told;
    atomic_init(&told.count, 0);
    pthread_t threads[ASKERS];
    for (int i = 0; i < ASKERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &told), 0);
    for (int i = 0; i < ASKERS; i++) {
        void *failed = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    await(&told.count, ASKERS * QUESTIONS);
    pause_ms(50);
    ck_assert_int_eq(atomic_load(&told.count), ASKERS * QUESTIONS);
}
END_TEST

START_TEST(many_who_wait_cause_one_call) {
    agent_fixture_set(&fixture, "observe.interval_ms", 3600000);
    agent_fixture_set(&fixture, "observe.timeout_ms", 10000);
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_script(&fixture, "\"calls\": \"node_info\", \"delay_ms\": 200");
    const size_t before = agent_fixture_calls(&fixture, "node_info");
    static counter told;
    atomic_init(&told.count, 0);
    pause_ms(20);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(repli_agent_observe(fixture.agent, 10, 10000, on_observed, &told, NULL),
                         REPLI_OK);
    await(&told.count, 100);
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "node_info"), before + 1);
}
END_TEST

START_TEST(who_waits_at_the_stop_is_told) {
    agent_fixture_set(&fixture, "observe.timeout_ms", 60000);
    agent_fixture_script(&fixture, "\"delay_ms\": 60000");
    agent_fixture_start(&fixture);
    static counter told;
    atomic_init(&told.count, 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(repli_agent_observe(fixture.agent, 0, 60000, on_observed, &told, NULL),
                         REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, &error), REPLI_OK);
    ck_assert_int_eq(atomic_load(&told.count), 10);
    ck_assert_int_eq(repli_agent_observe(fixture.agent, 0, 1, on_observed, &told, &error),
                     REPLI_ESTATE);
    ck_assert_int_eq(atomic_load(&told.count), 10);
    ck_assert_int_eq(repli_agent_observe(fixture.agent, 0, 1, NULL, NULL, &error), REPLI_EINVALID);
}
END_TEST

START_TEST(a_version_is_found_while_the_store_is_down) {
    const char *const command[] = {"echo", "fake 7.1"};
    ck_assert_int_eq(repli_config_set_strs(fixture.config, "version.command", command, 2, NULL),
                     REPLI_OK);
    agent_fixture_script(&fixture, "\"version\": \"\", \"fail\": -1");
    agent_fixture_start(&fixture);
    for (int64_t end = now_ms() + 10000; now_ms() < end; pause_ms(5)) {
        repli_snapshot *snapshot = agent_fixture_await(&fixture, REPLI_STATUS_UNAVAILABLE);
        const char *number = repli_snapshot_node(snapshot)->store_version.number;
        const int found = number != NULL && strcmp(number, "7.1.0") == 0;
        repli_snapshot_unref(snapshot);
        if (found)
            return;
    }
    ck_abort_msg("the version was not found");
}
END_TEST

START_TEST(a_version_is_remembered_over_a_restart) {
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_stop(&fixture);
    agent_fixture_script(&fixture, "\"version\": \"\", \"fail\": -1");
    agent_fixture_start(&fixture);
    repli_snapshot *snapshot = agent_fixture_await(&fixture, REPLI_STATUS_UNAVAILABLE);
    ck_assert_str_eq(repli_snapshot_node(snapshot)->store_version.number, "1.2.3");
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/store_version.source"),
                     "memory");
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(another_cluster_is_noticed_over_a_restart) {
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_stop(&fixture);
    static test_log log;
    log = (test_log){0};
    ck_assert_int_eq(
        repli_config_set_log(fixture.config, REPLI_LOG_ERROR, test_log_write, &log, NULL),
        REPLI_OK);
    agent_fixture_script(&fixture, "\"cluster_id\": \"other\"");
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_stop(&fixture);
    ck_assert_ptr_nonnull(strstr(log.text, "was in cluster \"fake-cluster\" and is now in"));
}
END_TEST

/* Actions. */

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
    await(&told.count, 1);
    ck_assert_int_eq(told.code, REPLI_OK);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, told.id), REPLI_PHASE_DONE);

    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", told.id);
    request.id = id;
    ck_assert_int_eq(repli_agent_schedule_async(fixture.agent, &request, on_scheduled, &told, NULL),
                     REPLI_OK);
    await(&told.count, 2);
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

START_TEST(an_agent_is_ready_after_its_first_look) {
    agent_fixture_set(&fixture, "observe.timeout_ms", 60000);
    agent_fixture_script(&fixture, "\"hang\": true");
    agent_fixture_start(&fixture);
    pause_ms(50);
    ck_assert_int_eq(repli_agent_live(fixture.agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_ready(fixture.agent, &error), REPLI_ENOTREADY);
    agent_fixture_script(&fixture, "\"fail\": -1");
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_UNAVAILABLE));
    /* The store may be down: the agent is not. */
    ck_assert_int_eq(repli_agent_ready(fixture.agent, NULL), REPLI_OK);
}
END_TEST

/* Reload. */

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
    ck_assert_int_eq(schedule(&request), REPLI_EFULL);
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
    ck_assert_int_eq(make(), REPLI_OK);
    agent_fixture_driver(&fixture, ", \"status\": \"unhealthy\"");
    size_t size = 0;
    const char *text = repli__config_driver_json(fixture.config, &size);
    failing_memory memory;
    int32_t code = REPLI_ENOMEM;
    long i = 0;
    for (; code != REPLI_OK; i++) {
        repli_config *config = NULL;
        failing_memory_init(&memory);
        ck_assert_int_eq(repli_config_new(&memory.mem, &config, NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_str(config, "node_id", "node-1", NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_str(config, "store_path", fixture.store, NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_driver(config, repli_driver_fake_entry, NULL), REPLI_OK);
        ck_assert_int_eq(repli_config_set_driver_config(config, text, size, NULL), REPLI_OK);
        memory.fail_at = i;
        code = repli_agent_reload(fixture.agent, config, &error);
        memory.fail_at = -1;
        ck_assert_msg(code == REPLI_OK || code == REPLI_ENOMEM, "%s", error.message);
        repli_config_free(config);
        if (code != REPLI_OK)
            ck_assert_int_eq(memory.live, 0);
    }
    ck_assert_int_gt(i, 5);
    /* What was reloaded is of that memory. */
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    ck_assert_int_eq(memory.live, 0);
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
    ck_assert_int_eq(repli_config_add_action(fixture.config, &kind, NULL, host_step, NULL, NULL),
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

/* All at once, for whoever looks for races. */

static atomic_int busy;

static void *look_often(void *argument) {
    while (atomic_load(&busy)) {
        repli_snapshot *snapshot = NULL;
        repli_buf text = REPLI_BUF_INIT;
        if (repli_agent_snapshot(fixture.agent, &snapshot, NULL) != REPLI_OK ||
            repli_agent_metrics(fixture.agent, &text, NULL) != REPLI_OK)
            return argument;
        size_t size = 0;
        repli_snapshot_shards_json(snapshot, &size, NULL);
        repli_snapshot_unref(snapshot);
        repli_buf_dispose(&text);
        repli_agent_ready(fixture.agent, NULL);
    }
    return NULL;
}

static void *act_often(void *argument) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/steps";
    char id[REPLI_UUID_SIZE];
    while (atomic_load(&busy))
        if (repli_agent_schedule(fixture.agent, &request, id, NULL) != REPLI_OK)
            return argument;
    return NULL;
}

static void *change_often(void *argument) {
    static const char *const scripts[] = {"\"role\": \"secondary\"", "\"fail\": -1",
                                          "\"cluster_id\": \"other\"", "\"hang\": true"};
    for (size_t i = 0; atomic_load(&busy); i++) {
        agent_fixture_script(&fixture, scripts[i % 4]);
        agent_fixture_driver(&fixture, i % 2 == 0 ? ", \"offset\": 1" : ", \"offset\": 2");
        if (repli_agent_reload(fixture.agent, fixture.config, NULL) != REPLI_OK)
            return argument;
        pause_ms(20);
    }
    agent_fixture_script(&fixture, "");
    return NULL;
}

START_TEST(everything_at_once_goes_well) {
    static counter told;
    atomic_init(&told.count, 0);
    atomic_store(&busy, 1);
    agent_fixture_set(&fixture, "observe.timeout_ms", 5);
    agent_fixture_set(&fixture, "observe.interval_ms", 1);
    agent_fixture_set(&fixture, "actions.queue_limit", 1000000);
    agent_fixture_start(&fixture);
    void *(*const runs[])(void *) = {look_often, act_often, change_often, ask_often, ask_often};
    enum { RUNS = sizeof(runs) / sizeof(runs[0]) };
    pthread_t threads[RUNS];
    for (int i = 0; i < RUNS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, runs[i], &told), 0);
    pause_ms(1000);
    atomic_store(&busy, 0);
    for (int i = 0; i < RUNS; i++) {
        void *failed = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    await(&told.count, 2 * QUESTIONS);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_stop(&fixture);
}
END_TEST

/* Drivers that do not come back. What their threads use is never freed, but it can be found, so
 * that no leak is seen where none was meant to be avoided. */
static repli_agent *volatile lost[2];

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

static void add(Suite *suite, const char *name, const TTest *const *tests) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    for (; *tests != NULL; tests++)
        tcase_add_test(tcase, *tests);
    suite_add_tcase(suite, tcase);
}

int main(void) {
    const TTest *const life[] = {an_agent_needs_a_name_and_a_driver,
                                 a_database_has_one_owner,
                                 an_agent_that_never_started_can_be_looked_at,
                                 the_configuration_is_copied,
                                 an_agent_starts_and_stops_once,
                                 free_stops_what_runs,
                                 two_agents_live_in_one_process,
                                 a_forked_child_is_refused,
                                 every_failed_allocation_is_reported,
                                 NULL};
    const TTest *const status[] = {a_store_that_hangs_never_holds_up_a_client,
                                   an_outage_ends_when_the_store_is_back,
                                   everybody_who_asks_is_told_once,
                                   many_who_wait_cause_one_call,
                                   who_waits_at_the_stop_is_told,
                                   a_version_is_found_while_the_store_is_down,
                                   a_version_is_remembered_over_a_restart,
                                   another_cluster_is_noticed_over_a_restart,
                                   NULL};
    const TTest *const actions[] = {bad_requests_are_refused,
                                    an_id_in_capitals_is_the_same,
                                    scheduling_can_be_left_to_the_agent,
                                    what_waits_can_be_cancelled,
                                    what_ran_is_resumed_first,
                                    hosts_offer_actions_too,
                                    the_node_is_looked_at_after_an_action,
                                    old_actions_are_forgotten,
                                    an_agent_is_ready_after_its_first_look,
                                    NULL};
    const TTest *const reloads[] = {what_can_change_is_changed, a_reload_does_not_disturb_an_action,
                                    a_reload_without_memory_changes_nothing,
                                    what_cannot_change_is_named, NULL};
    const TTest *const races[] = {everything_at_once_goes_well, NULL};
    const TTest *const stuck[] = {a_stuck_observation_is_given_up, a_stuck_action_is_given_up,
                                  a_driver_that_returns_late_is_forgiven, NULL};
    Suite *suite = suite_create("agent");
    add(suite, "life", life);
    add(suite, "status", status);
    add(suite, "actions", actions);
    add(suite, "reload", reloads);
    add(suite, "races", races);
    add(suite, "stuck", stuck);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
