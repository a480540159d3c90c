/* run.sh timeout: 120 */
/* A node in the agent's own process. */

#include <stdio.h>
#include <string.h>

#include <alldata/alldata.h>

#include "nodes.h"

static char location[160], socket_url[200];

static void setup(void) {
    folder_new();
    snprintf(location, sizeof(location), "%s/data", folder());
    snprintf(socket_url, sizeof(socket_url), "unix:%s/clients.sock", location);
}

static repli_agent *agent_start(const char *name) {
    return agent_with(name, "{\"location\": \"%s\", \"cluster\": \"inside\", \"sync\": false}",
                      location);
}

START_TEST(it_is_a_store_within_the_agent) {
    repli_agent *agent = agent_start("a");
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 20);
    const repli_node *node = repli_snapshot_node(seen);
    ck_assert_str_eq(node->store_id, "alldata");
    ck_assert_str_eq(node->store_version.number, alldata_version());
    ck_assert_str_eq(repli_snapshot_store(seen, NULL)->cluster_id, "inside");
    assert_attribute(seen, "replication_factor", "1");
    assert_attribute(seen, "peers_live", "0");
    const repli_shard *today = shard_called(seen, day_before(0));
    ck_assert_ptr_nonnull(today);
    ck_assert_int_eq(today->role, REPLI_ROLE_PRIMARY);
    ck_assert_str_eq(today->commit_offset_unit, "events");
    ck_assert_int_eq(today->commit_offset, 0);
    ck_assert_ptr_null(today->lag_unit);
    repli_snapshot_unref(seen);
    put_events(socket_url, 7);
    seen = look(agent);
    ck_assert_int_eq(shard_called(seen, day_before(0))->commit_offset, 7);
    char name[64];
    snprintf(name, sizeof(name), "last_time.%s", day_before(0));
    ck_assert_ptr_nonnull(attribute_of(seen, name));
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(events_outlast_the_agent) {
    char id[160];
    repli_agent *agent = agent_start("a");
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 20);
    snprintf(id, sizeof(id), "%s", attribute_of(seen, "node_id")->string);
    repli_snapshot_unref(seen);
    put_events(socket_url, 5);
    agent_stop(agent);
    agent = agent_start("a");
    seen = look_for(agent, REPLI_STATUS_HEALTHY, 20);
    ck_assert_int_eq(shard_called(seen, day_before(0))->commit_offset, 5);
    assert_attribute(seen, "node_id", id);
    repli_snapshot_unref(seen);
    ck_assert_int_eq(count_events(socket_url), 5);
    agent_stop(agent);
}
END_TEST

START_TEST(a_second_agent_asks_the_first) {
    repli_agent *first = agent_start("a");
    repli_snapshot_unref(look_for(first, REPLI_STATUS_HEALTHY, 20));
    put_events(socket_url, 3);
    repli_agent *second = agent_start("b");
    repli_snapshot *seen = look_for(second, REPLI_STATUS_HEALTHY, 20);
    ck_assert_int_eq(shard_called(seen, day_before(0))->commit_offset, 3);
    repli_snapshot_unref(seen);
    agent_stop(first);
    /* And has the node itself as soon as that one is gone. */
    seen = look_for(second, REPLI_STATUS_HEALTHY, 20);
    ck_assert_int_eq(shard_called(seen, day_before(0))->commit_offset, 3);
    repli_snapshot_unref(seen);
    put_events(socket_url, 1);
    agent_stop(second);
}
END_TEST

START_TEST(a_directory_that_cannot_be_had_is_told) {
    shell("echo x >%s/file", folder());
    repli_agent *agent = agent_with("a", "{\"location\": \"%s/file/data\"}", folder());
    repli_snapshot *seen = look(agent);
    ck_assert_int_ne(repli_snapshot_node(seen)->status, REPLI_STATUS_HEALTHY);
    assert_reason(seen, "/file/data");
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(what_needs_peers_or_a_closed_interval_is_refused) {
    repli_agent *agent = agent_start("a");
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    assert_contains(
        must_fail(agent, "agent.replicante.io/cluster.join", "{\"source\": \"127.0.0.1:9001\"}"),
        "no address for gossip");
    assert_contains(must_fail(agent, "alldata.io/export", "{\"interval\": \"%s\"}", day_before(0)),
                    "is open");
    assert_contains(must_fail(agent, "alldata.io/export", "{\"interval\": \"19990101T000000\"}"),
                    "no interval 19990101T000000");
    agent_stop(agent);
}
END_TEST

/* Of a configuration that makes no sense. */
static void assert_refused(const char *json, const char *reason) {
    char driver[1100];
    repli_config *config = NULL;
    repli_agent *agent = NULL;
    repli_error error = REPLI_ERROR_INIT;
    snprintf(driver, sizeof(driver), "%s/drivers/driver_alldata.so",
             shell("realpath \"${BUILD:-build}\""));
    ck_assert_int_eq(repli_config_new(NULL, &config, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_load_driver(config, driver, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "n", NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(config, "store_path", "/dev/null/x", NULL), REPLI_OK);
    char path[200];
    snprintf(path, sizeof(path), "%s/refused.db", folder());
    ck_assert_int_eq(repli_config_set_str(config, "store_path", path, NULL), REPLI_OK);
    int32_t code = repli_config_set_driver_config(config, json, strlen(json), &error);
    if (code == REPLI_OK)
        code = repli_agent_new(config, &agent, &error);
    ck_assert_msg(code == REPLI_EINVALID, "%s: %d", json, (int)code);
    assert_contains(error.message, reason);
    repli_config_free(config);
}

START_TEST(configurations_are_checked) {
    assert_refused("{}", "give url");
    assert_refused("{\"location\": \"relative\"}", "absolute path");
    assert_refused("{\"url\": \"ftp://x\"}", "url must be");
    assert_refused("{\"url\": \"http://x:1\", \"location\": \"/x\"}", "give one of them");
    assert_refused("{\"url\": \"http://x:1\", \"tls\": {\"cert\": \"x\"}}", "come together");
    assert_refused("{\"location\": \"/x\", \"interval\": \"P2D\"}", "interval");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("embedded");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, it_is_a_store_within_the_agent);
    tcase_add_test(tcase, events_outlast_the_agent);
    tcase_add_test(tcase, a_second_agent_asks_the_first);
    tcase_add_test(tcase, a_directory_that_cannot_be_had_is_told);
    tcase_add_test(tcase, what_needs_peers_or_a_closed_interval_is_refused);
    tcase_add_test(tcase, configurations_are_checked);
    Suite *suite = suite_create("alldata-driver-embedded");
    suite_add_tcase(suite, tcase);
    return run_alldata_suite(suite);
}
