/* run.sh timeout: 120 */
/* A node in the agent's own process. */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* Three of them in one process: a cluster like any other. */

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

START_TEST(several_are_a_cluster) {
    repli_agent *agents[3];
    int gossip[3];
    char url[3][200];
    for (int i = 0; i < 3; i++)
        gossip[i] = free_port();
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "a%d", i);
        snprintf(url[i], sizeof(url[i]), "unix:%s-%d/clients.sock", location, i);
        agents[i] =
            agent_with(name,
                       "{\"location\": \"%s-%d\", \"id\": \"n%d\", \"sync\": false,"
                       " \"peers\": {\"bind\": \"127.0.0.1:0\", \"secret\": \"hush\"},"
                       " \"gossip\": {\"bind\": \"127.0.0.1:%d\", \"seeds\": [\"127.0.0.1:%d\"]},"
                       " \"replication\": {\"factor\": 3}}",
                       location, i, i, gossip[i], gossip[0]);
    }
    for (int i = 0; i < 3; i++)
        await_attribute(agents[i], "peers_live", 2);
    put_events(url[1], 10);
    for (int i = 0; i < 3; i++) {
        repli_snapshot_unref(look_for(agents[i], REPLI_STATUS_HEALTHY, 20));
        await_events(url[i], 10);
    }
    char key[40];
    snprintf(key, sizeof(key), "%.9s120000000000000000", day_before(9));
    put_late(url[1], key, "1");
    assert_contains(
        must_do(agents[0], "alldata.io/export", "{\"interval\": \"%s\"}", day_before(9)),
        "\"events\":1");
    agent_stop(agents[2]);
    await_attribute(agents[0], "peers_dead", 1);
    put_events(url[0], 10);
    repli_snapshot_unref(look_for(agents[1], REPLI_STATUS_HEALTHY, 1));
    agent_stop(agents[1]);
    repli_snapshot *seen = look_for(agents[0], REPLI_STATUS_UNHEALTHY, 30);
    assert_reason(seen, "1 of the 2 nodes live");
    repli_snapshot_unref(seen);
    agent_stop(agents[0]);
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
    assert_refused("{\"location\": \"/x\", \"peers\": {\"bind\": \"127.0.0.1:1\"}}",
                   "both peers.bind and gossip.bind");
    assert_refused("{\"location\": \"/x\", \"replication\": {\"factor\": 3}}", "with peers");
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
    tcase_add_test(tcase, several_are_a_cluster);
    tcase_add_test(tcase, configurations_are_checked);
    Suite *suite = suite_create("alldata-driver-embedded");
    suite_add_tcase(suite, tcase);
    return run_alldata_suite(suite);
}
