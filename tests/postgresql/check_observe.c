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

START_TEST(silent_upstream_is_unhealthy) {
    const options given = {.more = ",\"silence_limit_ms\":1500"};
    /* An idle primary may say nothing for much longer than that. */
    cluster_sql(1, "CREATE TABLE said ()");
    repli_agent *agent = agent_start(2, &given);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    cluster_do("pause", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 10);
    cluster_do("resume", 1);
    assert_reason(seen, "has heard nothing from 127.0.0.1:");
    assert_attribute(seen, "receiver.status", "streaming");
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_SECONDARY);
    ck_assert_ptr_null(shard_of(seen)->lag_unit);
    repli_snapshot_unref(seen);
    cluster_sql(1, "CREATE TABLE said_again ()");
    seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(wrong_password_is_unknown) {
    const options given = {.password = "wrong"};
    repli_agent *agent = agent_start(1, &given);
    assert_status(agent, REPLI_STATUS_UNKNOWN, "authentication failed for user \"agent\"");
    repli_snapshot *seen = look(agent);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(repli_snapshot_shards(seen, &error));
    ck_assert_int_eq(error.code, REPLI_EAUTH);
    ck_assert_ptr_null(repli_snapshot_store(seen, &error));
    /* What needs no log-in is known all the same. */
    ck_assert_ptr_nonnull(repli_snapshot_node(seen)->store_version.number);
    ck_assert_ptr_nonnull(attribute_of(seen, "system_identifier"));
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(missing_password_is_unknown) {
    const options given = {.password = ""};
    repli_agent *agent = agent_start(1, &given);
    assert_status(agent, REPLI_STATUS_UNKNOWN, "authentication failed");
    agent_stop(agent);
}
END_TEST

START_TEST(missing_privilege_is_unknown) {
    const options given = {.user = "repl", .password = "replpw"};
    for (int node = 1; node <= 2; node++) {
        repli_agent *agent = agent_start(node, &given);
        assert_status(agent, REPLI_STATUS_UNKNOWN, "missing privilege");
        assert_status(agent, REPLI_STATUS_UNKNOWN, "GRANT pg_monitor TO \"repl\"");
        agent_stop(agent);
    }
}
END_TEST

START_TEST(full_server_is_unhealthy) {
    cluster_sql(1, "ALTER ROLE agent CONNECTION LIMIT 0");
    repli_agent *agent = agent_start(1, NULL);
    assert_status(agent, REPLI_STATUS_UNHEALTHY, "too many connections");
    cluster_sql(1, "ALTER ROLE agent CONNECTION LIMIT -1");
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    agent_stop(agent);
}
END_TEST

/* The pid of the backend that serves the agent, which must be the only one. */
static int backend(void) {
    return atoi(cluster_sql(1, "SELECT CASE count(*) WHEN 1 THEN max(pid) END FROM "
                               "pg_stat_activity WHERE application_name = 'repliagent'"));
}

START_TEST(connection_is_kept_and_replaced_when_broken) {
    repli_agent *agent = agent_start(1, NULL);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    const int first = backend();
    ck_assert_int_gt(first, 0);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    ck_assert_int_eq(backend(), first);
    cluster_sql(1, "SELECT pg_terminate_backend(%d)", first);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    const int second = backend();
    ck_assert_int_gt(second, 0);
    ck_assert_int_ne(second, first);
    agent_stop(agent);
}
END_TEST

START_TEST(unix_socket_and_connection_string_serve_too) {
    char socket[160], conninfo[256];
    shell("cd %s/n1/data && { echo 'local all agent scram-sha-256'; cat pg_hba.conf; } >h && "
          "mv h pg_hba.conf",
          the_cluster.directory);
    cluster_sql(1, "SELECT pg_reload_conf()");
    snprintf(socket, sizeof(socket), "%s/n1", the_cluster.directory);
    const options by_socket = {.address = socket};
    repli_agent *agent = agent_start(1, &by_socket);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 5);
    /* A path leads nobody else here. */
    ck_assert_int_eq((int)repli_snapshot_node(seen)->address_count, 0);
    repli_snapshot_unref(seen);
    agent_stop(agent);

    snprintf(conninfo, sizeof(conninfo), ",\"conninfo\":\"dbname=template1 sslmode=disable\"");
    const options by_conninfo = {.more = conninfo};
    agent = agent_start(1, &by_conninfo);
    seen = look_for(agent, REPLI_STATUS_HEALTHY, 5);
    ck_assert_int_eq((int)repli_snapshot_node(seen)->address_count, 2);
    ck_assert_str_eq(cluster_sql(1, "SELECT datname FROM pg_stat_activity WHERE application_name = "
                                    "'repliagent'"),
                     "template1");
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(hung_server_is_unavailable_at_the_deadline) {
    const options given = {.timeout_ms = 700, .silent = 1};
    repli_agent *agent = agent_start(1, &given);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    cluster_do("pause", 1);
    /* The first time the query hangs, the second time the log-in. */
    for (int i = 0; i < 2; i++) {
        const int64_t start = now_ms();
        repli_snapshot *seen = look(agent);
        const int64_t took = now_ms() - start;
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli_snapshot_node(seen)->status, REPLI_STATUS_UNAVAILABLE);
        assert_reason(seen, "no answer by the deadline");
        ck_assert_ptr_null(repli_snapshot_shards(seen, &error));
        ck_assert_int_eq(error.code, REPLI_ETIMEOUT);
        ck_assert_ptr_nonnull(repli_snapshot_node(seen)->store_version.number);
        ck_assert_msg(took >= 600 && took < 2000, "it took %d ms", (int)took);
        repli_snapshot_unref(seen);
    }
    cluster_do("resume", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(agent_stops_at_once_while_the_server_hangs) {
    const options given = {.timeout_ms = 60000};
    repli_agent *agent = agent_start(1, &given);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    cluster_do("pause", 1);
    pause_ms(1500);
    const int64_t start = now_ms();
    agent_stop(agent);
    const int64_t took = now_ms() - start;
    cluster_do("resume", 1);
    ck_assert_msg(took < 5000, "it took %d ms", (int)took);
}
END_TEST

START_TEST(promotion_is_seen_within_two_seconds) {
    repli_agent *agent = agent_start(2, NULL);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_SECONDARY);
    repli_snapshot_unref(seen);
    cluster_sql(2, "SELECT pg_promote()");
    const int64_t start = now_ms();
    for (int promoted = 0; !promoted;) {
        seen = latest(agent);
        promoted = shard_of(seen) && shard_of(seen)->role == REPLI_ROLE_PRIMARY;
        repli_snapshot_unref(seen);
        ck_assert_int_lt(now_ms() - start, 2000);
        pause_ms(10);
    }
    seen = look(agent);
    assert_attribute(seen, "timeline", "2");
    ck_assert_int_eq(repli_snapshot_node(seen)->status, REPLI_STATUS_HEALTHY);
    ck_assert_ptr_null(shard_of(seen)->lag_unit);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(stopped_server_is_unavailable) {
    repli_agent *agent = agent_start(1, NULL);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    cluster_do("stop", 1);
    assert_status(agent, REPLI_STATUS_UNAVAILABLE, "cannot connect to PostgreSQL at 127.0.0.1:");
    agent_stop(agent);

    /* An agent that never saw it up knows version and identity from the disk. */
    agent = agent_start(1, NULL);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNAVAILABLE, 5);
    ck_assert_ptr_nonnull(repli_snapshot_node(seen)->store_version.number);
    char identifier[32];
    snprintf(identifier, sizeof(identifier), "%s",
             cluster_sql(2, "SELECT system_identifier FROM pg_control_system()"));
    assert_attribute(seen, "system_identifier", identifier);
    repli_snapshot_unref(seen);
    cluster_do("start", 1);
    seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

/* Start node 2 with one more setting, without waiting until it lets anybody in. */
static void start_with(const char *setting) {
    cluster_do("stop", 2);
    shell("cd %s/n2 && cp data/local.conf saved.conf && echo \"%s\" >>data/local.conf && "
          "%s/pg_ctl start -s -W -D $PWD/data -l log",
          the_cluster.directory, setting, the_cluster.bin_directory);
}
static void start_without(void) {
    cluster_do("crash", 2);
    shell("cd %s/n2 && mv saved.conf data/local.conf", the_cluster.directory);
    cluster_do("start", 2);
}

START_TEST(starting_server_is_unhealthy) {
    repli_agent *agent = agent_start(2, NULL);
    start_with("restore_command = 'sleep 3; false'");
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_UNHEALTHY, 6);
    repli_error error = REPLI_ERROR_INIT;
    assert_reason(seen, "PostgreSQL does not accept connections");
    assert_reason(seen, "the database system is starting up");
    ck_assert_ptr_null(repli_snapshot_shards(seen, &error));
    ck_assert_int_eq(error.code, REPLI_ENOTREADY);
    repli_snapshot_unref(seen);
    start_without();
    agent_stop(agent);
}
END_TEST

START_TEST(standby_that_lets_nobody_in_is_unhealthy) {
    repli_agent *agent = agent_start(2, NULL);
    start_with("hot_standby = off");
    pause_ms(1000);
    assert_status(agent, REPLI_STATUS_UNHEALTHY, "PostgreSQL does not accept connections");
    start_without();
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(crash_recovery_ends_healthy) {
    repli_agent *agent = agent_start(1, NULL);
    cluster_sql(1, "CREATE TABLE crashed AS SELECT generate_series(1, 100000)");
    cluster_do("crash", 1);
    assert_status(agent, REPLI_STATUS_UNAVAILABLE, NULL);
    cluster_do("start", 1);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    agent_stop(agent);
}
END_TEST

START_TEST(node_without_data_directory_is_in_no_cluster) {
    repli_agent *agent = agent_start(3, NULL);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_NOT_IN_CLUSTER, 5);
    ck_assert_ptr_null(repli_snapshot_store(seen, NULL));
    ck_assert_ptr_null(repli_snapshot_shards(seen, NULL));
    repli_snapshot_unref(seen);
    agent_stop(agent);

    const options blind = {.no_directory = 1};
    agent = agent_start(3, &blind);
    assert_status(agent, REPLI_STATUS_UNAVAILABLE, "cannot connect");
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
    tcase_add_test(tcase, silent_upstream_is_unhealthy);
    tcase_add_test(tcase, wrong_password_is_unknown);
    tcase_add_test(tcase, missing_password_is_unknown);
    tcase_add_test(tcase, missing_privilege_is_unknown);
    tcase_add_test(tcase, full_server_is_unhealthy);
    tcase_add_test(tcase, connection_is_kept_and_replaced_when_broken);
    tcase_add_test(tcase, unix_socket_and_connection_string_serve_too);
    tcase_add_test(tcase, hung_server_is_unavailable_at_the_deadline);
    tcase_add_test(tcase, agent_stops_at_once_while_the_server_hangs);
    tcase_add_test(tcase, stopped_server_is_unavailable);
    tcase_add_test(tcase, starting_server_is_unhealthy);
    tcase_add_test(tcase, standby_that_lets_nobody_in_is_unhealthy);
    tcase_add_test(tcase, crash_recovery_ends_healthy);
    tcase_add_test(tcase, node_without_data_directory_is_in_no_cluster);
    tcase_add_test(tcase, promotion_is_seen_within_two_seconds);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_postgresql_suite(observe_suite());
}
