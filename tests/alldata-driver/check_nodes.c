/* run.sh timeout: 300 */
/* Agents beside nodes of a cluster, which are killed, stopped and brought back. */

#include <stdio.h>
#include <string.h>

#include "nodes.h"

static void up(void) {
    folder_new();
    nodes_up(3, 0, "");
}

START_TEST(all_nodes_tell_the_same) {
    repli_agent *agents[3];
    for (int i = 0; i < 3; i++)
        agents[i] = agent_beside(i + 1, 0);
    for (int i = 0; i < 3; i++)
        await_attribute(agents[i], "peers_live", 2);
    put_events(node_url(2), 20);
    for (int i = 0; i < 3; i++) {
        await_events(node_url(i + 1), 20);
        repli_snapshot *seen = look_for(agents[i], REPLI_STATUS_HEALTHY, 20);
        const repli_shard *today = shard_called(seen, day_before(0));
        ck_assert_str_eq(repli_snapshot_store(seen, NULL)->cluster_id, "scratch");
        assert_attribute(seen, "replication_factor", "3");
        assert_attribute(seen, "peers_dead", "0");
        ck_assert_ptr_nonnull(today);
        ck_assert_int_eq(today->role, REPLI_ROLE_PRIMARY);
        ck_assert_int_eq(today->commit_offset, 20);
        char name[16], address[32];
        snprintf(name, sizeof(name), "node-%d", i + 1);
        assert_attribute(seen, "node_id", name);
        snprintf(address, sizeof(address), "127.0.0.1:%d", node_port(i + 1, "GOSSIP"));
        const repli_node *node = repli_snapshot_node(seen);
        int found = 0;
        for (size_t j = 0; j < node->address_count; j++)
            found |= strcmp(node->addresses[j].name, "member") == 0 &&
                     strcmp(node->addresses[j].address, address) == 0;
        ck_assert_int_eq(found, 1);
        repli_snapshot_unref(seen);
        agent_stop(agents[i]);
    }
}
END_TEST

START_TEST(a_node_that_is_killed_is_unavailable_and_its_peers_know) {
    repli_agent *gone = agent_beside(3, 0), *stays = agent_beside(1, 0);
    await_attribute(stays, "peers_live", 2);
    repli_snapshot_unref(look_for(gone, REPLI_STATUS_HEALTHY, 20));
    nodes_do("crash", 3);
    repli_snapshot *seen = look_for(gone, REPLI_STATUS_UNAVAILABLE, 20);
    assert_attribute(seen, "node_id", "node-3");
    ck_assert_ptr_null(repli_snapshot_store(seen, NULL));
    ck_assert_ptr_nonnull(repli_snapshot_node(seen)->store_version.number);
    repli_snapshot_unref(seen);
    await_attribute(stays, "peers_dead", 1);
    repli_snapshot_unref(look_for(stays, REPLI_STATUS_HEALTHY, 1));
    put_events(node_url(1), 5);
    nodes_do("crash", 2);
    seen = look_for(stays, REPLI_STATUS_UNHEALTHY, 30);
    assert_reason(seen, "1 of the 2 nodes live");
    repli_snapshot_unref(seen);
    nodes_do("start", 2);
    nodes_do("start", 3);
    repli_snapshot_unref(look_for(stays, REPLI_STATUS_HEALTHY, 30));
    repli_snapshot_unref(look_for(gone, REPLI_STATUS_HEALTHY, 30));
    await_events(node_url(3), 5);
    await_attribute(stays, "hints_pending", 0);
    agent_stop(gone);
    agent_stop(stays);
}
END_TEST

START_TEST(a_node_that_hangs_is_unavailable_by_the_deadline) {
    repli_agent *agent = agent_beside(1, 500);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    nodes_do("pause", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNAVAILABLE, 20);
    repli_snapshot_unref(seen);
    nodes_do("resume", 1);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
}
END_TEST

/* The port for peers answers GET as that of a reference node does, and that for gossip not at all.
 */
START_TEST(what_is_no_node_is_unknown) {
    const struct {
        const char *kind;
        int32_t status;
    } ports[] = {{"PEERS", REPLI_STATUS_UNKNOWN}, {"GOSSIP", REPLI_STATUS_UNAVAILABLE}};
    for (int i = 0; i < 2; i++) {
        repli_agent *agent = agent_with(ports[i].kind, "{\"url\": \"http://127.0.0.1:%d\"}",
                                        node_port(1, ports[i].kind));
        assert_status(agent, ports[i].status, NULL);
        agent_stop(agent);
    }
}
END_TEST

START_TEST(a_node_without_the_others_is_in_no_cluster) {
    nodes_do("stop", 2);
    nodes_do("stop", 3);
    nodes_do("stop", 1);
    shell("rm -r %s/c/n1/data", folder());
    nodes_do("start", 1);
    repli_agent *agent = agent_beside(1, 0);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_NOT_IN_CLUSTER, 20));
    nodes_do("start", 2);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 30));
    agent_stop(agent);
}
END_TEST

/* Secrets. */

static void up_with_secret(void) {
    folder_new();
    nodes_up(1, 0, "SECRET=hush");
}

START_TEST(a_wrong_secret_is_told) {
    static const char *const secrets[] = {"", ", \"secret\": \"wrong\""};
    for (int i = 0; i < 2; i++) {
        repli_agent *agent =
            agent_with(i == 0 ? "none" : "wrong", "{\"url\": \"%s\"%s}", node_url(1), secrets[i]);
        assert_status(agent, REPLI_STATUS_UNKNOWN, "secret");
        agent_stop(agent);
    }
    repli_agent *agent =
        agent_with("right", "{\"url\": \"%s\", \"secret\": \"hush\"}", node_url(1));
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
    /* Over the socket there is none. */
    agent = agent_with("local", "{\"url\": \"unix:%s/c/n1/clients.sock\"}", folder());
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    agent_stop(agent);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("nodes"), *secrets = tcase_create("secrets");
    tcase_add_checked_fixture(tcase, up, nodes_down);
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, all_nodes_tell_the_same);
    tcase_add_test(tcase, a_node_that_is_killed_is_unavailable_and_its_peers_know);
    tcase_add_test(tcase, a_node_that_hangs_is_unavailable_by_the_deadline);
    tcase_add_test(tcase, what_is_no_node_is_unknown);
    tcase_add_test(tcase, a_node_without_the_others_is_in_no_cluster);
    tcase_add_checked_fixture(secrets, up_with_secret, nodes_down);
    tcase_set_timeout(secrets, 60);
    tcase_add_test(secrets, a_wrong_secret_is_told);
    Suite *suite = suite_create("alldata-driver-nodes");
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, secrets);
    return run_alldata_suite(suite);
}
