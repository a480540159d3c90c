/* run.sh timeout: 300 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

static void up(void) {
    cluster_up(2, 1);
}

START_TEST(primary_and_standby_are_told_apart) {
    cluster_sql(1, "CREATE TABLE t AS SELECT 1 AS one; CHECKPOINT");
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    repli_snapshot *seen[2] = {look_for(agents[0], REPLI_STATUS_HEALTHY, 10),
                               look_for(agents[1], REPLI_STATUS_HEALTHY, 10)};
    const repli_store_extras *stores[2] = {repli_snapshot_store(seen[0], NULL),
                                           repli_snapshot_store(seen[1], NULL)};
    ck_assert_str_eq(stores[0]->cluster_id, stores[1]->cluster_id);
    ck_assert_str_eq(stores[0]->cluster_id,
                     cluster_sql(1, "SELECT system_identifier FROM pg_control_system()"));
    const int32_t roles[2] = {REPLI_ROLE_PRIMARY, REPLI_ROLE_SECONDARY};
    for (int i = 0; i < 2; i++) {
        const repli_node *node = repli_snapshot_node(seen[i]);
        const repli_shard *shard = shard_of(seen[i]);
        char number[32];
        const int version = atoi(cluster_sql(1, "SHOW server_version_num"));
        snprintf(number, sizeof(number), "%d.%d.0", version / 10000, version % 10000);
        ck_assert_str_eq(node->store_version.number, number);
        ck_assert_str_eq(node->store_version.extra, cluster_sql(1, "SHOW server_version"));
        ck_assert_str_eq(node->store_id, "postgresql");
        ck_assert_ptr_nonnull(shard);
        ck_assert_str_eq(shard->id, stores[0]->cluster_id);
        ck_assert_int_eq(shard->role, roles[i]);
        ck_assert_str_eq(shard->commit_offset_unit, "bytes");
        ck_assert_int_gt(shard->commit_offset, 16 << 20);
        assert_attribute(seen[i], "timeline", "1");
        assert_attribute(seen[i], "in_recovery", i ? "true" : "false");
        assert_attribute(seen[i], "system_identifier", stores[0]->cluster_id);
        assert_attribute(seen[i], "cluster_name", "scratch");
        ck_assert_int_ge(attribute_of(seen[i], "clients_connected")->integer, 1);
        ck_assert_int_ge(attribute_of(seen[i], "reads")->integer, 1);
        ck_assert_int_ge(attribute_of(seen[i], "writes")->integer, 0);
    }
    ck_assert_ptr_null(shard_of(seen[0])->lag_unit);
    ck_assert_str_eq(shard_of(seen[1])->lag_unit, "bytes");
    assert_attribute(seen[0], "followers", "1");
    assert_attribute(seen[0], "followers.names", "node2 streaming");
    assert_attribute(seen[0], "slots.names", "node2");
    ck_assert_ptr_null(attribute_of(seen[0], "receiver.status"));
    assert_attribute(seen[1], "receiver.status", "streaming");
    assert_attribute(seen[1], "receiver.slot", "node2");
    assert_attribute(seen[1], "replay.paused", "false");
    char sender[32];
    snprintf(sender, sizeof(sender), "127.0.0.1:%d", the_cluster.port + 1);
    assert_attribute(seen[1], "receiver.sender", sender);
    ck_assert_ptr_nonnull(attribute_of(seen[1], "receiver.silent_ms"));
    for (int i = 0; i < 2; i++) {
        repli_snapshot_unref(seen[i]);
        agent_stop(agents[i]);
    }
}
END_TEST

START_TEST(paused_replay_is_unhealthy_and_lags) {
    repli_agent *agent = agent_start(2, NULL);
    cluster_sql(2, "SELECT pg_wal_replay_pause()");
    cluster_sql(1, "CREATE TABLE paused AS SELECT generate_series(1, 20000)");
    cluster_sql_until(2, "t",
                      "SELECT pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 500000");
    repli_snapshot *seen = look(agent);
    ck_assert_int_eq(repli_snapshot_node(seen)->status, REPLI_STATUS_UNHEALTHY);
    assert_reason(seen, "replay is paused");
    assert_attribute(seen, "replay.paused", "true");
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_SECONDARY);
    ck_assert_str_eq(shard_of(seen)->lag_unit, "bytes");
    ck_assert_int_gt(shard_of(seen)->lag, 500000);
    repli_snapshot_unref(seen);
    cluster_sql(2, "SELECT pg_wal_replay_resume()");
    seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(standby_without_receiver_is_unhealthy_and_has_no_lag) {
    repli_agent *agent = agent_start(2, NULL);
    const char *file = "n2/data/postgresql.auto.conf";
    shell("cd %s && cp %s saved", the_cluster.directory, file);
    cluster_sql(2, "ALTER SYSTEM SET primary_conninfo = ''");
    cluster_sql(2, "SELECT pg_reload_conf()");
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 10);
    assert_reason(seen, "WAL receiver is not connected");
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_RECOVERING);
    ck_assert_ptr_null(shard_of(seen)->lag_unit);
    ck_assert_int_gt(shard_of(seen)->commit_offset, 0);
    repli_snapshot_unref(seen);
    shell("cd %s && cp saved %s", the_cluster.directory, file);
    cluster_sql(2, "SELECT pg_reload_conf()");
    seen = look_for(agent, REPLI_STATUS_HEALTHY, 20);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

static Suite *observe_suite(void) {
    Suite *suite = suite_create("postgresql-observe");
    TCase *tcase = tcase_create("pair");
    tcase_add_unchecked_fixture(tcase, up, cluster_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, primary_and_standby_are_told_apart);
    tcase_add_test(tcase, paused_replay_is_unhealthy_and_lags);
    tcase_add_test(tcase, standby_without_receiver_is_unhealthy_and_has_no_lag);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_postgresql_suite(observe_suite());
}
