#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backoff.h"
#include "agent/observer.h"
#include "agent/probe.h"
#include "agent/snapshot.h"
#include "agent_fixture.h"
#include "base/clock.h"

/* The observer without threads of its own: the test ticks, and works when it was asked to. */

#define MS(n) ((uint64_t)(n) * (uint64_t)REPLI__NS_PER_MS)

typedef struct asked {
    int ticks, works, detects, records;
} asked;

static agent_fixture fixture;
static repli__observer *observer;
static repli__port *port;
static repli__facts facts;
static repli__calls calls[REPLI__ASK_COUNT];
static repli__log log_of;
static test_log log_text;
static asked hooks;

static void on_tick(void *user_data) {
    ((asked *)user_data)->ticks++;
}
static void on_work(void *user_data) {
    ((asked *)user_data)->works++;
}
static void on_detect(void *user_data) {
    ((asked *)user_data)->detects++;
}
static void on_record(void *user_data) {
    ((asked *)user_data)->records++;
}
static void on_running(void *user_data, char *ret_kind, size_t size) {
    (void)user_data, (void)size;
    ret_kind[0] = '\0';
}

static repli__port *open_port(void) {
    size_t size = 0;
    const char *json = repli__config_driver_json(fixture.config, &size);
    repli__port *opened = NULL;
    ck_assert_int_eq(repli__port_open(&fixture.config->driver, json, size, &repli__mem_default,
                                      &log_of, &opened, NULL),
                     REPLI_OK);
    return opened;
}

static void setup(void) {
    agent_fixture_setup(&fixture);
    agent_fixture_set(&fixture, "observe.timeout_ms", 200);
    agent_fixture_set(&fixture, "observe.interval_ms", 1000);
    agent_fixture_set(&fixture, "observe.backoff_max_ms", 5000);
    hooks = (asked){0};
    log_text = (test_log){0};
    memset(calls, 0, sizeof(calls));
    repli__log_init(&log_of);
    repli__log_set(&log_of, REPLI_LOG_DEBUG, test_log_write, &log_text);
    repli__facts_init(&facts);
    port = open_port();
    const repli__observer_options options = {
        .config = fixture.config,
        .port = port,
        .facts = &facts,
        .calls = calls,
        .log = &log_of,
        .mem = &repli__mem_default,
        .hooks = {on_tick, on_work, on_detect, on_record, on_running, &hooks, NULL},
    };
    ck_assert_int_eq(repli__observer_new(&options, &observer, NULL), REPLI_OK);
}

static void teardown(void) {
    repli__observer_free(observer);
    repli__port_unref(port);
    repli__facts_dispose(&facts);
    repli__log_dispose(&log_of);
    agent_fixture_teardown(&fixture);
}

/* Every call of the driver that is to be made. */
static void do_work(repli__observer *of) {
    while (repli__observer_work(of))
        continue;
}

/* One observation, from its launch to its snapshot. Returns the time of the next tick. */
static uint64_t observe(void) {
    const int works = hooks.works;
    repli__observer_refresh(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(hooks.works, works + 1);
    do_work(observer);
    return repli__observer_tick(observer, repli__mono_ns());
}

static void assert_logged(const char *text) {
    ck_assert_msg(strstr(log_text.text, text) != NULL, "\"%s\" is not in the log:\n%s", text,
                  log_text.text);
}

START_TEST(before_the_first_observation_the_node_is_unknown) {
    repli_snapshot *snapshot = repli__observer_latest(observer);
    const repli_node *node = repli_snapshot_node(snapshot);
    ck_assert_int_eq(node->status, REPLI_STATUS_UNKNOWN);
    ck_assert_str_eq(node->node_id, "node-1");
    ck_assert_str_eq(node->store_id, "fake");
    ck_assert_str_eq(node->agent_version.number, repli_version());
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_store(snapshot, &error));
    ck_assert_int_eq(error.code, REPLI_ENOTREADY);
    size_t size = 0;
    ck_assert_ptr_nonnull(strstr(repli_snapshot_node_json(snapshot, &size), "\"UNKNOWN\""));
    ck_assert_ptr_null(repli_snapshot_shards_json(snapshot, &size, NULL));
    ck_assert_uint_eq(repli__observer_tick(observer, repli__mono_ns()), UINT64_MAX);
    ck_assert_int_eq(hooks.works, 0);
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(a_healthy_node_is_told_whole) {
    repli__observer_start(observer);
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    const repli_node *node = repli_snapshot_node(snapshot);
    ck_assert_int_eq(node->status, REPLI_STATUS_HEALTHY);
    ck_assert_str_eq(node->store_version.number, "1.2.3");
    ck_assert_uint_eq(node->address_count, 1);
    ck_assert_ptr_nonnull(node_attribute(snapshot, "agent.replicante.io/observed_at"));
    ck_assert_ptr_null(node_attribute(snapshot, "agent.replicante.io/status.reason"));
    ck_assert_ptr_null(node_attribute(snapshot, "agent.replicante.io/store_version.source"));
    ck_assert_str_eq(node_attribute(snapshot, "fake.test/kind"), "fake");
    ck_assert_str_eq(repli_snapshot_store(snapshot, NULL)->cluster_id, "fake-cluster");
    ck_assert_uint_eq(repli_snapshot_shards(snapshot, NULL)->shard_count, 1);
    size_t size = 0;
    const char *json = repli_snapshot_shards_json(snapshot, &size, NULL);
    ck_assert_uint_eq(strlen(json), size);
    ck_assert_ptr_eq(json, repli_snapshot_shards_json(snapshot, &size, NULL));
    ck_assert_int_ge(repli_snapshot_age_ms(snapshot), 0);
    ck_assert_int_gt(repli_snapshot_time_ns(snapshot), 0);
    ck_assert_int_eq(hooks.records, 1);
    repli_snapshot_unref(snapshot);
    assert_logged("status UNKNOWN -> HEALTHY");
}
END_TEST

START_TEST(configured_addresses_win) {
    ck_assert_int_eq(repli_config_set_str(fixture.config, "address.client", "db:5432", NULL),
                     REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(fixture.config, "address.member", "db:7000", NULL),
                     REPLI_OK);
    repli__observer_start(observer);
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    const repli_node *node = repli_snapshot_node(snapshot);
    ck_assert_uint_eq(node->address_count, 2);
    ck_assert_str_eq(node->addresses[0].address, "db:5432");
    ck_assert_str_eq(node->addresses[1].address, "db:7000");
    repli_snapshot_unref(snapshot);
}
END_TEST

static const struct {
    int32_t code;
    int32_t status;
    const char *preface;
} classes[] = {
    {REPLI_EREFUSED, REPLI_STATUS_UNAVAILABLE, "the fake"},
    {REPLI_ETIMEOUT, REPLI_STATUS_UNAVAILABLE, "the fake"},
    {REPLI_ELOST, REPLI_STATUS_UNAVAILABLE, "the fake"},
    {REPLI_EAUTH, REPLI_STATUS_UNKNOWN, "authentication failed: the fake"},
    {REPLI_EPERMISSION, REPLI_STATUS_UNKNOWN, "missing privilege: the fake"},
    {REPLI_ENOTREADY, REPLI_STATUS_UNHEALTHY, "the fake"},
    {REPLI_EPROTOCOL, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_ENOTFOUND, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_EDONE, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_ECONFLICT, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_ENOQUORUM, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_ENOTLEADER, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_EINVALID, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_EINTERNAL, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_ENOMEM, REPLI_STATUS_UNKNOWN, "the fake"},
    {REPLI_EIO, REPLI_STATUS_UNKNOWN, "the fake"},
    {-99, REPLI_STATUS_UNKNOWN, "the fake"},
};

START_TEST(each_class_of_error_has_a_status) {
    repli__observer_start(observer);
    char script[64];
    snprintf(script, sizeof(script), "\"calls\": \"node_info\", \"fail\": %d",
             (int)classes[_i].code);
    agent_fixture_script(&fixture, script);
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    const repli_node *node = repli_snapshot_node(snapshot);
    ck_assert_int_eq(node->status, classes[_i].status);
    ck_assert_msg(strncmp(node->status_reason, classes[_i].preface, strlen(classes[_i].preface)) ==
                      0,
                  "%s", node->status_reason);
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/status.reason"),
                     node->status_reason);
    /* Nothing else is asked, and the getters say why. */
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_store(snapshot, &error));
    ck_assert_int_eq(error.code, classes[_i].code);
    ck_assert_ptr_nonnull(strstr(error.message, "the fake store was told to fail"));
    ck_assert_ptr_null(repli_snapshot_shards(snapshot, NULL));
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "store_info"), 0);
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "shards"), 0);
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(an_unavailable_store_is_asked_nothing_more) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"status\": \"unavailable\", \"reason\": \"it is off\"");
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_int_eq(repli_snapshot_node(snapshot)->status, REPLI_STATUS_UNAVAILABLE);
    ck_assert_str_eq(repli_snapshot_node(snapshot)->status_reason, "it is off");
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_shards(snapshot, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "it is off"));
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "store_info"), 0);
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(a_store_lost_between_two_questions_is_unavailable) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"calls\": \"store_info\", \"fail\": -3");
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_int_eq(repli_snapshot_node(snapshot)->status, REPLI_STATUS_UNAVAILABLE);
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "shards"), 0);
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(a_missing_privilege_for_shards_leaves_the_rest) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"calls\": \"shards\", \"fail\": -5");
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_int_eq(repli_snapshot_node(snapshot)->status, REPLI_STATUS_HEALTHY);
    ck_assert_ptr_nonnull(repli_snapshot_store(snapshot, NULL));
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_shards(snapshot, &error));
    ck_assert_int_eq(error.code, REPLI_EPERMISSION);
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(the_interval_counts_from_begin_to_begin) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"delay_ms\": 20");
    const uint64_t before = repli__mono_ns();
    const uint64_t next = observe();
    ck_assert_uint_ge(next, before + MS(1000));
    ck_assert_uint_le(next, before + MS(1000) + MS(20));
}
END_TEST

START_TEST(failures_are_asked_about_less_and_less) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"fail\": -1");
    static const uint64_t pauses[] = {1000, 2000, 4000};
    for (int i = 0; i < 8; i++) {
        const uint64_t next = observe();
        const uint64_t pause = next - repli__mono_ns();
        const uint64_t middle = i < 3 ? MS(pauses[i]) : MS(5000) / 6 * 5;
        ck_assert_msg(pause <= middle / 10 * 12 && pause <= MS(5000) &&
                          pause >= middle / 10 * 8 - MS(200),
                      "pause %d is %lu ms", i, (unsigned long)(pause / MS(1)));
    }
    repli__observer_stats stats;
    repli__observer_stats_get(observer, &stats);
    ck_assert_uint_eq(stats.failures, 8);
    agent_fixture_script(&fixture, "");
    const uint64_t next = observe();
    ck_assert_uint_le(next, repli__mono_ns() + MS(1000));
    repli__observer_stats_get(observer, &stats);
    ck_assert_uint_eq(stats.failures, 0);
}
END_TEST

START_TEST(pauses_stay_within_their_bounds) {
    uint64_t random = 1;
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (int i = 0; i < 10000; i++) {
        const uint64_t pause = repli__backoff_ns(MS(1000), MS(5000), 50, &random);
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    ck_assert_uint_le(most, MS(5000));
    ck_assert_uint_ge(most, MS(4900));
    ck_assert_uint_le(least, MS(3400));
    /* A ceiling below the interval does not make it shorter. */
    ck_assert_uint_ge(repli__backoff_ns(MS(1000), MS(10), 1, &random), MS(800));
    ck_assert_uint_ge(repli__backoff_ns(MS(1000), MS(10), UINT64_MAX, &random), MS(800));
}
END_TEST

/* Asking. */

typedef struct answer {
    int count;
    int32_t status;
    uint64_t started_ns;
} answer;

static void on_observed(void *user_data, repli_snapshot *snapshot) {
    answer *told = user_data;
    told->count++;
    told->status = repli_snapshot_node(snapshot)->status;
    told->started_ns = repli__snapshot_started_ns(snapshot);
}

static int32_t ask(int64_t max_age_ms, int64_t timeout_ms, answer *told) {
    return repli__observer_ask(observer, max_age_ms, timeout_ms, on_observed, told, NULL);
}

START_TEST(many_who_ask_cause_one_call) {
    repli__observer_start(observer);
    enum { MANY = 100 };
    static answer told[MANY];
    memset(told, 0, sizeof(told));
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(ask(i % 2 == 0 ? 0 : 1000, 60000, &told[i]), REPLI_OK);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(hooks.works, 1);
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "node_info"), 1);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(told[i].count, 1);
        ck_assert_int_eq(told[i].status, REPLI_STATUS_HEALTHY);
    }
}
END_TEST

START_TEST(a_young_snapshot_is_handed_out_at_once) {
    repli__observer_start(observer);
    observe();
    static answer told;
    told = (answer){0};
    ck_assert_int_eq(ask(60000, 1000, &told), REPLI_OK);
    ck_assert_int_eq(told.count, 1);
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "node_info"), 1);
    pause_ms(5);
    ck_assert_int_eq(ask(1, 1000, &told), REPLI_OK);
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(a_fresh_one_begins_after_it_was_asked_for) {
    repli__observer_start(observer);
    observe();
    repli__observer_refresh(observer);
    repli__observer_tick(observer, repli__mono_ns());
    /* One is under way: who takes any age gets it, who wants a new one waits for the next. */
    answer any = {0};
    answer fresh = {0};
    pause_ms(2);
    const uint64_t asked_ns = repli__mono_ns();
    ck_assert_int_eq(ask(1, 60000, &any), REPLI_OK);
    ck_assert_int_eq(ask(0, 60000, &fresh), REPLI_OK);
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(any.count, 1);
    ck_assert_int_eq(fresh.count, 0);
    ck_assert_int_eq(hooks.works, 3);
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(fresh.count, 1);
    ck_assert_uint_ge(fresh.started_ns, asked_ns);
    ck_assert_uint_eq(agent_fixture_calls(&fixture, "node_info"), 3);
}
END_TEST

START_TEST(asking_does_not_wait_for_the_back_off) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"fail\": -1");
    for (int i = 0; i < 4; i++)
        observe();
    agent_fixture_script(&fixture, "");
    answer told = {0};
    ck_assert_int_eq(ask(0, 1000, &told), REPLI_OK);
    repli__observer_tick(observer, repli__mono_ns());
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(told.status, REPLI_STATUS_HEALTHY);
}
END_TEST

START_TEST(who_waits_too_long_gets_what_there_is) {
    repli__observer_start(observer);
    observe();
    answer told = {0};
    pause_ms(2);
    ck_assert_int_eq(ask(0, 50, &told), REPLI_OK);
    const uint64_t next = repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(told.count, 0);
    ck_assert_uint_le(next, repli__mono_ns() + MS(50));
    repli__observer_tick(observer, next);
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(told.status, REPLI_STATUS_HEALTHY);
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(who_waits_is_served_at_the_end) {
    repli__observer_start(observer);
    answer told = {0};
    answer later = {0};
    ck_assert_int_eq(ask(0, 60000, &told), REPLI_OK);
    repli__observer_tick(observer, repli__mono_ns());
    repli__observer_close(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(ask(0, 60000, &later), REPLI_ESTATE);
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(later.count, 0);
}
END_TEST

START_TEST(nobody_is_asked_before_the_start) {
    answer told = {0};
    ck_assert_int_eq(ask(60000, 1000, &told), REPLI_ESTATE);
    ck_assert_int_eq(told.count, 0);
}
END_TEST

/* A driver that does not return. */

static void *work(void *argument) {
    do_work(argument);
    return NULL;
}

START_TEST(a_driver_that_hangs_makes_the_node_unavailable) {
    repli__observer_start(observer);
    observe();
    agent_fixture_script(&fixture, "\"calls\": \"node_info\", \"hang\": true");
    repli__observer_refresh(observer);
    uint64_t next = repli__observer_tick(observer, repli__mono_ns());
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, work, observer), 0);
    /* At the deadline it is not late yet. */
    repli__observer_tick(observer, next - MS(100));
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_int_eq(repli_snapshot_node(snapshot)->status, REPLI_STATUS_HEALTHY);
    repli_snapshot_unref(snapshot);

    next = repli__observer_tick(observer, next);
    snapshot = repli__observer_latest(observer);
    const repli_node *node = repli_snapshot_node(snapshot);
    ck_assert_int_eq(node->status, REPLI_STATUS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(node->status_reason, "the driver has been in node_info for"));
    ck_assert_ptr_nonnull(strstr(node->status_reason, "past its deadline of 200 ms"));
    /* What does not need the store is kept, and what does is not. */
    ck_assert_str_eq(node->store_version.number, "1.2.3");
    ck_assert_uint_eq(node->address_count, 1);
    ck_assert_str_eq(node_attribute(snapshot, "fake.test/kind"), "fake");
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_store(snapshot, &error));
    ck_assert_int_eq(error.code, REPLI_ETIMEOUT);
    repli_snapshot_unref(snapshot);
    ck_assert_int_ge(hooks.detects, 1);

    /* Nothing else is started, however often it is asked for; each answer is of now. */
    const int works = hooks.works;
    for (int i = 0; i < 5; i++) {
        answer told = {0};
        ck_assert_int_eq(ask(0, 60000, &told), REPLI_OK);
        next = repli__observer_tick(observer, next);
        ck_assert_int_eq(told.count, 1);
        ck_assert_int_eq(told.status, REPLI_STATUS_UNAVAILABLE);
    }
    ck_assert_int_eq(hooks.works, works);
    repli__observer_stats stats;
    repli__observer_stats_get(observer, &stats);
    ck_assert_uint_eq(stats.overruns, 1);
    ck_assert_int_eq(stats.overrun, 1);
    assert_logged("it is not called again until it returns");

    agent_fixture_script(&fixture, "");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    repli__observer_tick(observer, repli__mono_ns());
    ck_assert_int_eq(hooks.works, works + 1);
    do_work(observer);
    repli__observer_tick(observer, repli__mono_ns());
    snapshot = repli__observer_latest(observer);
    ck_assert_int_eq(repli_snapshot_node(snapshot)->status, REPLI_STATUS_HEALTHY);
    repli_snapshot_unref(snapshot);
    repli__observer_stats_get(observer, &stats);
    ck_assert_int_eq(stats.overrun, 0);
    assert_logged("the driver returned after");
}
END_TEST

START_TEST(a_hang_in_a_later_question_is_named) {
    repli__observer_start(observer);
    agent_fixture_script(&fixture, "\"calls\": \"shards\", \"hang\": true");
    const uint64_t next = repli__observer_tick(observer, repli__mono_ns());
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, work, observer), 0);
    while (agent_fixture_calls(&fixture, "shards") == 0)
        pause_ms(1);
    repli__observer_tick(observer, next);
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_ptr_nonnull(
        strstr(repli_snapshot_node(snapshot)->status_reason, "the driver has been in shards"));
    repli_snapshot_unref(snapshot);
    agent_fixture_script(&fixture, "");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* What changed. */

START_TEST(another_cluster_is_complained_about) {
    repli__observer_start(observer);
    observe();
    agent_fixture_script(&fixture, "\"cluster_id\": \"other\"");
    observe();
    assert_logged("1 agent: the node was in cluster \"fake-cluster\" and is now in cluster "
                  "\"other\"");
    ck_assert_uint_eq(repli__facts_cluster_changes(&facts), 1);
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/cluster_id.previous"),
                     "fake-cluster");
    ck_assert_str_eq(repli_snapshot_store(snapshot, NULL)->cluster_id, "other");
    repli_snapshot_unref(snapshot);
    observe();
    ck_assert_uint_eq(repli__facts_cluster_changes(&facts), 1);
}
END_TEST

START_TEST(another_role_is_logged) {
    repli__observer_start(observer);
    observe();
    agent_fixture_script(&fixture, "\"fail\": -1");
    observe();
    agent_fixture_script(&fixture, "\"role\": \"secondary\", \"shard_count\": 2");
    observe();
    assert_logged("status HEALTHY -> UNAVAILABLE: the fake store was told to fail");
    assert_logged("shard \"shard-0\": Primary -> Secondary");
    assert_logged("shard \"shard-1\": absent -> Secondary");
    agent_fixture_script(&fixture, "\"shard_count\": 0");
    observe();
    assert_logged("shard \"shard-0\": Secondary -> absent");
}
END_TEST

START_TEST(the_version_is_looked_for_when_the_store_does_not_tell_it) {
    repli__observer_start(observer);
    observe();
    ck_assert_int_eq(hooks.detects, 0);
    agent_fixture_script(&fixture, "\"version\": \"\", \"fail\": -1");
    observe();
    observe();
    ck_assert_int_eq(hooks.detects, 1);
    /* The last one that it told is better than none. */
    repli_snapshot *snapshot = repli__observer_latest(observer);
    ck_assert_str_eq(repli_snapshot_node(snapshot)->store_version.number, "1.2.3");
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/store_version.source"),
                     "memory");
    repli_snapshot_unref(snapshot);
    agent_fixture_script(&fixture, "\"version\": \"\"");
    observe();
    ck_assert_int_eq(hooks.detects, 2);
    const repli__version found = {.number = "2.0.0", .source = "command"};
    ck_assert_int_eq(repli__facts_set_found(&facts, &found), 1);
    ck_assert_int_eq(repli__facts_set_found(&facts, &found), 0);
    observe();
    snapshot = repli__observer_latest(observer);
    ck_assert_str_eq(repli_snapshot_node(snapshot)->store_version.number, "2.0.0");
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/store_version.source"),
                     "command");
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(a_snapshot_outlives_its_observer) {
    repli__observer_start(observer);
    observe();
    repli_snapshot *snapshot = repli__observer_latest(observer);
    agent_fixture_script(&fixture, "\"fail\": -1");
    observe();
    repli__observer_free(observer);
    observer = NULL;
    ck_assert_str_eq(repli_snapshot_node(snapshot)->node_id, "node-1");
    ck_assert_str_eq(repli_snapshot_shards(snapshot, NULL)->shards[0].id, "shard-0");
    repli_snapshot_unref(repli_snapshot_ref(snapshot));
    repli_snapshot_unref(snapshot);
    repli_snapshot_unref(NULL);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("observer");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, before_the_first_observation_the_node_is_unknown);
    tcase_add_test(tcase, a_healthy_node_is_told_whole);
    tcase_add_test(tcase, configured_addresses_win);
    tcase_add_loop_test(tcase, each_class_of_error_has_a_status, 0,
                        (int)(sizeof(classes) / sizeof(classes[0])));
    tcase_add_test(tcase, an_unavailable_store_is_asked_nothing_more);
    tcase_add_test(tcase, a_store_lost_between_two_questions_is_unavailable);
    tcase_add_test(tcase, a_missing_privilege_for_shards_leaves_the_rest);
    tcase_add_test(tcase, the_interval_counts_from_begin_to_begin);
    tcase_add_test(tcase, failures_are_asked_about_less_and_less);
    tcase_add_test(tcase, pauses_stay_within_their_bounds);
    tcase_add_test(tcase, many_who_ask_cause_one_call);
    tcase_add_test(tcase, a_young_snapshot_is_handed_out_at_once);
    tcase_add_test(tcase, a_fresh_one_begins_after_it_was_asked_for);
    tcase_add_test(tcase, asking_does_not_wait_for_the_back_off);
    tcase_add_test(tcase, who_waits_too_long_gets_what_there_is);
    tcase_add_test(tcase, who_waits_is_served_at_the_end);
    tcase_add_test(tcase, nobody_is_asked_before_the_start);
    tcase_add_test(tcase, a_driver_that_hangs_makes_the_node_unavailable);
    tcase_add_test(tcase, a_hang_in_a_later_question_is_named);
    tcase_add_test(tcase, another_cluster_is_complained_about);
    tcase_add_test(tcase, another_role_is_logged);
    tcase_add_test(tcase, the_version_is_looked_for_when_the_store_does_not_tell_it);
    tcase_add_test(tcase, a_snapshot_outlives_its_observer);
    Suite *suite = suite_create("observer");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
