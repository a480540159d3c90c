/* run.sh timeout: 600, run.sh takes: 85 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers.h"

#define INIT "agent.replicante.io/cluster.init"
#define ADD "agent.replicante.io/cluster.add"
#define JOIN "agent.replicante.io/cluster.join"
#define REMOVE "agent.replicante.io/cluster.remove"
#define FAILOVER "redis.io/failover"
#define PROMOTE "redis.io/promote"

/* Nodes 1 to 3 are primaries, 4 to 6 their replicas, 7 and 8 have met nobody. */
static void up(void) {
    servers_up_in_cluster_mode(6, 2);
}

static int port(int node) {
    return the_servers.port + node;
}

static const char *id_of(int node) {
    static char id[64];
    snprintf(id, sizeof(id), "%s", servers_cli(node, "cluster myid"));
    return id;
}

static void assert_knows(int node, int count) {
    char line[48];
    snprintf(line, sizeof(line), "cluster_known_nodes:%d", count);
    servers_cli_until(node, line, "cluster info");
}

/* Shard id, role and member address of a node whose status is healthy. */
static void look_at(int node, int32_t role, const char *slots) {
    repli_agent *agent = agent_start(node, &(options){.database = "look.db"});
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 30);
    const repli_shard *shard = shard_of(seen);
    char member[64];
    snprintf(member, sizeof(member), "127.0.0.1:%d@%d", port(node), port(node) + 100);
    const repli_node *told = repli_snapshot_node(seen);
    ck_assert_uint_eq(told->address_count, 2);
    for (size_t i = 0; i < told->address_count; i++)
        if (strcmp(told->addresses[i].name, "member") == 0)
            ck_assert_str_eq(told->addresses[i].address, member);
    assert_attribute(seen, "node_id", id_of(node));
    assert_attribute(seen, "mode", "cluster");
    assert_attribute(seen, "cluster_state", "ok");
    if (slots) {
        ck_assert_ptr_nonnull(shard);
        ck_assert_int_eq(shard->role, role);
        /* Servers since 7.2 have a name for shards. */
        if (strstr(servers_cli(node, "cluster myshardid"), "unknown subcommand"))
            ck_assert_str_eq(shard->id, slots);
        else
            ck_assert_str_eq(shard->id, servers_cli(node, "cluster myshardid"));
        ck_assert_int_eq(shard->lag_unit != NULL, role == REPLI_ROLE_SECONDARY);
    } else {
        ck_assert_uint_eq(repli_snapshot_shards(seen, NULL)->shard_count, 0);
    }
    repli_snapshot_unref(seen);
    agent_stop(agent);
}

START_TEST(slots_are_shards) {
    look_at(1, REPLI_ROLE_PRIMARY, "0-5460");
    look_at(3, REPLI_ROLE_PRIMARY, "10922-16383");
    look_at(4, REPLI_ROLE_SECONDARY, "0-5460");
    look_at(6, REPLI_ROLE_SECONDARY, "10922-16383");
    repli_agent *agent = agent_start(7, NULL);
    repli_snapshot *seen = look(agent);
    ck_assert_int_eq(repli_snapshot_node(seen)->status, REPLI_STATUS_NOT_IN_CLUSTER);
    ck_assert_uint_eq(repli_snapshot_shards(seen, NULL)->shard_count, 0);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(a_crash_is_survived_and_seen) {
    repli_agent *replica = agent_start(4, NULL), *other = agent_start(2, NULL);
    servers_do("crash", 1);
    const int64_t end = now_ms() + 40000;
    for (int32_t role = 0; role != REPLI_ROLE_PRIMARY; pause_ms(20)) {
        repli_snapshot *seen = latest(replica);
        role = shard_of(seen) ? shard_of(seen)->role : 0;
        repli_snapshot_unref(seen);
        ck_assert_msg(now_ms() < end, "the replica did not become a primary");
    }
    repli_snapshot_unref(look_for(other, REPLI_STATUS_HEALTHY, 20));
    servers_do("start", 1);
    look_at(1, REPLI_ROLE_SECONDARY, "0-5460");
    agent_stop(replica);
    agent_stop(other);
}
END_TEST

START_TEST(a_cluster_without_a_majority_is_unhealthy) {
    repli_agent *agent = agent_start(1, NULL);
    servers_do("crash", 2);
    servers_do("crash", 3);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 30);
    assert_reason(seen, "the state of the cluster is \"fail\"");
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(init_gives_a_lone_node_all_slots_once) {
    repli_agent *agent = agent_start(7, NULL);
    must_do(agent, INIT, "{}");
    must_do(agent, INIT, "{}");
    agent_stop(agent);
    look_at(7, REPLI_ROLE_PRIMARY, "0-16383");
    agent = agent_start(1, NULL);
    must_do(agent, INIT, "{}");
    assert_knows(1, 6);
    agent_stop(agent);
}
END_TEST

START_TEST(two_clusters_are_not_merged) {
    repli_agent *agent = agent_start(7, NULL);
    must_do(agent, INIT, "{}");
    servers_cli(7, "set one 1");
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1)),
                    "the two would become one");
    agent_stop(agent);
    agent = agent_start(1, NULL);
    assert_contains(must_fail(agent, ADD, "{\"address\":\"127.0.0.1:%d\"}", port(7)),
                    "the two would become one");
    agent_stop(agent);
    assert_knows(7, 1);
    assert_knows(1, 6);
    ck_assert_str_eq(servers_cli(7, "get one"), "1");
}
END_TEST

START_TEST(plans_of_a_cluster_change_nothing) {
    repli_agent *agent = agent_start(7, NULL);
    char source[64];
    snprintf(source, sizeof(source), "127.0.0.1:%d", the_servers.port + 1);
    const char *plan = must_plan(agent, JOIN, "{\"source\":\"%s\",\"replicate\":\"auto\"}", source);
    const char *meets = strstr(plan, "> CLUSTER MEET 127.0.0.1 ");
    const char *copies = strstr(plan, "> CLUSTER REPLICATE ");
    ck_assert_msg(meets && copies && meets < copies, "%s", plan);
    assert_contains(plan, "the new node to know the whole cluster");
    assert_contains(servers_cli(7, "cluster info"), "cluster_known_nodes:1\n");
    assert_contains(must_plan(agent, INIT, "{}"), "CLUSTER ADDSLOTSRANGE 0 16383");
    assert_contains(servers_cli(7, "cluster info"), "cluster_slots_assigned:0\n");
    agent_stop(agent);
    agent = agent_start(4, NULL);
    assert_contains(must_plan(agent, PROMOTE, "{}"), "> CLUSTER FAILOVER");
    plan = must_plan(agent, REMOVE, "{}");
    assert_contains(plan, "> CLUSTER FORGET ");
    assert_contains(plan, "> CLUSTER RESET HARD\",\"waits_for\":null,\"destructive\":true");
    assert_contains(servers_cli(4, "cluster info"), "cluster_known_nodes:6\n");
    assert_contains(servers_cli(4, "info replication"), "role:slave");
    agent_stop(agent);
}
END_TEST

START_TEST(join_makes_a_primary_without_slots_or_a_replica) {
    repli_agent *agent = agent_start(7, NULL);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(8)),
                    "is in no cluster");
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(7)),
                    "a node cannot meet itself");
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1));
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1));
    assert_knows(1, 7);
    look_at(7, 0, NULL);
    agent_stop(agent);
}
END_TEST

START_TEST(add_makes_a_replica_of_whom_it_is_told) {
    repli_agent *agent = agent_start(2, NULL);
    char primary[64];
    snprintf(primary, sizeof(primary), "%s", id_of(3));
    assert_contains(
        must_fail(agent, ADD, "{\"address\":\"127.0.0.1:%d\",\"replicate\":\"nobody\"}", port(7)),
        "no primary \\\"nobody\\\"");
    must_do(agent, ADD, "{\"address\":\"127.0.0.1:%d\",\"replicate\":\"%s\"}", port(7), primary);
    must_do(agent, ADD, "{\"address\":\"127.0.0.1:%d\",\"replicate\":\"%s\"}", port(7), primary);
    look_at(7, REPLI_ROLE_SECONDARY, "10922-16383");
    must_do(agent, ADD, "{\"address\":\"127.0.0.1:%d\",\"replicate\":\"auto\"}", port(8));
    /* That primary has two replicas now, the others have one. */
    ck_assert_ptr_null(strstr(servers_cli(8, "cluster nodes | grep myself"), primary));
    servers_cli_until(8, "master_link_status:up", "info replication");
    agent_stop(agent);
}
END_TEST

START_TEST(join_keeps_keys_unless_forced) {
    repli_agent *agent = agent_start(7, NULL);
    /* A node alone takes keys for slots that it owns, which it gives up again. */
    servers_cli(7, "cluster addslotsrange 0 16383");
    servers_cli_until(7, "cluster_state:ok", "cluster info");
    servers_cli(7, "mset {t}a 1 {t}b 2");
    servers_cli(7, "cluster delslotsrange 0 16383");
    assert_contains(
        must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\",\"replicate\":\"auto\"}", port(1)),
        "holds 2 keys");
    assert_knows(7, 1);
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\",\"replicate\":\"auto\",\"force\":true}",
            port(1));
    ck_assert_str_eq(servers_cli(7, "dbsize"), "0");
    agent_stop(agent);
}
END_TEST

START_TEST(remove_is_known_to_all) {
    repli_agent *agent = agent_start(1, NULL);
    char leaver[64];
    assert_contains(must_fail(agent, REMOVE, "{\"node\":\"127.0.0.1:%d\"}", port(2)),
                    "holds the slots 5461-10921");
    assert_contains(must_fail(agent, REMOVE, "{\"node\":\"127.0.0.1:%d\",\"force\":true}", port(2)),
                    "has 1 replicas");
    snprintf(leaver, sizeof(leaver), "%s", id_of(6));
    must_do(agent, REMOVE, "{\"node\":\"%s\"}", leaver);
    must_do(agent, REMOVE, "{\"node\":\"%s\"}", leaver);
    for (int node = 1; node <= 5; node++)
        assert_knows(node, 5);
    assert_knows(6, 1);
    ck_assert_str_ne(id_of(6), leaver);
    agent_stop(agent);
    agent = agent_start(6, NULL);
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    agent_stop(agent);
}
END_TEST

START_TEST(remove_of_a_dead_node_and_of_oneself) {
    repli_agent *agent = agent_start(1, NULL);
    servers_do("crash", 6);
    must_do(agent, REMOVE, "{\"node\":\"127.0.0.1:%d\"}", port(6));
    for (int node = 1; node <= 5; node++)
        assert_knows(node, 5);
    agent_stop(agent);
    agent = agent_start(5, NULL);
    must_do(agent, REMOVE, "{}");
    assert_knows(5, 1);
    for (int node = 1; node <= 4; node++)
        assert_knows(node, 4);
    must_do(agent, REMOVE, "{}");
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    agent_stop(agent);
}
END_TEST

START_TEST(failover_and_promote_change_roles) {
    repli_agent *primary = agent_start(1, NULL), *replica = agent_start(4, NULL);
    must_do(primary, FAILOVER, "{}");
    look_at(4, REPLI_ROLE_PRIMARY, "0-5460");
    look_at(1, REPLI_ROLE_SECONDARY, "0-5460");
    assert_contains(must_fail(primary, FAILOVER, "{}"), "run redis.io/failover there");
    must_do(primary, PROMOTE, "{}");
    must_do(primary, PROMOTE, "{}");
    look_at(1, REPLI_ROLE_PRIMARY, "0-5460");
    must_do(primary, FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(4));
    must_do(primary, FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(4));
    assert_contains(must_fail(replica, FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(6)),
                    "no replica of this primary that works is");
    agent_stop(primary);
    agent_stop(replica);
}
END_TEST

START_TEST(promote_takes_over_from_a_primary_that_hangs) {
    repli_agent *agent = agent_start(4, NULL);
    servers_cli(4, "config set cluster-replica-no-failover yes");
    servers_do("pause", 1);
    must_do(agent, PROMOTE, "{\"takeover\":true}");
    look_at(4, REPLI_ROLE_PRIMARY, "0-5460");
    servers_do("resume", 1);
    look_at(1, REPLI_ROLE_SECONDARY, "0-5460");
    agent_stop(agent);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("redis cluster mode");
    TCase *tests = tcase_create("cluster");
    tcase_set_timeout(tests, 180);
    tcase_add_checked_fixture(tests, up, servers_down);
    tcase_add_test(tests, slots_are_shards);
    tcase_add_test(tests, a_crash_is_survived_and_seen);
    tcase_add_test(tests, a_cluster_without_a_majority_is_unhealthy);
    tcase_add_test(tests, init_gives_a_lone_node_all_slots_once);
    tcase_add_test(tests, two_clusters_are_not_merged);
    tcase_add_test(tests, plans_of_a_cluster_change_nothing);
    tcase_add_test(tests, join_makes_a_primary_without_slots_or_a_replica);
    tcase_add_test(tests, add_makes_a_replica_of_whom_it_is_told);
    tcase_add_test(tests, join_keeps_keys_unless_forced);
    tcase_add_test(tests, remove_is_known_to_all);
    tcase_add_test(tests, remove_of_a_dead_node_and_of_oneself);
    tcase_add_test(tests, failover_and_promote_change_roles);
    tcase_add_test(tests, promote_takes_over_from_a_primary_that_hangs);
    suite_add_tcase(suite, tests);
    return run_redis_suite(suite);
}
