#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_fixture.h"

/* What a running agent says about its node, to any number of threads. */

static agent_fixture fixture;
static repli_error error;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    agent_fixture_setup_quick(&fixture);
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

START_TEST(a_store_that_hangs_never_holds_up_a_client) {
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_script(&fixture, "\"hang\": true");
    /* Were the store waited for in each of them, this would never end. */
    int unavailable = 0;
    for (int i = 0; i < 1000 || unavailable == 0; i++) {
        repli_snapshot *snapshot = NULL;
        ck_assert_int_eq(repli_agent_snapshot(fixture.agent, &snapshot, NULL), REPLI_OK);
        unavailable += repli_snapshot_node(snapshot)->status == REPLI_STATUS_UNAVAILABLE;
        repli_snapshot_unref(snapshot);
        pause_ms(1);
    }
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
    await_count(&told.count, ASKERS * QUESTIONS);
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
    await_count(&told.count, 100);
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
    await_count(&told.count, 2 * QUESTIONS);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    agent_fixture_stop(&fixture);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("agent_status");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_store_that_hangs_never_holds_up_a_client);
    tcase_add_test(tcase, an_outage_ends_when_the_store_is_back);
    tcase_add_test(tcase, everybody_who_asks_is_told_once);
    tcase_add_test(tcase, many_who_wait_cause_one_call);
    tcase_add_test(tcase, who_waits_at_the_stop_is_told);
    tcase_add_test(tcase, a_version_is_found_while_the_store_is_down);
    tcase_add_test(tcase, a_version_is_remembered_over_a_restart);
    tcase_add_test(tcase, another_cluster_is_noticed_over_a_restart);
    tcase_add_test(tcase, an_agent_is_ready_after_its_first_look);
    tcase_add_test(tcase, everything_at_once_goes_well);
    Suite *suite = suite_create("agent_status");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
