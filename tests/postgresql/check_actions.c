/* run.sh timeout: 300 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

#define ADD "agent.replicante.io/cluster.add"
#define INIT "agent.replicante.io/cluster.init"
#define REMOVE "agent.replicante.io/cluster.remove"
#define PROMOTE "postgresql.org/promote"
#define RESTART "postgresql.org/restart"

static void pair_up(void) {
    cluster_up(2, 0);
}

static int32_t role_of(repli_agent *agent) {
    repli_snapshot *seen = look(agent);
    const int32_t role = shard_of(seen) ? shard_of(seen)->role : 0;
    repli_snapshot_unref(seen);
    return role;
}

static int count_slots(const char *name) {
    return atoi(
        cluster_sql(1, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '%s'", name));
}

static int count_hba_lines(const char *part) {
    return atoi(shell("grep -c '%s' %s/n1/data/pg_hba.conf || true", part, the_cluster.directory));
}

START_TEST(add_and_remove_do_it_once_however_often_they_are_asked) {
    repli_agent *agent = agent_start(1, NULL);
    for (int i = 0; i < 2; i++) {
        assert_contains(must_do(agent, ADD, "{\"node\":\"Node-9\",\"address\":\"192.0.2.9:5432\"}"),
                        "\"slot\":\"node_9\"");
        ck_assert_int_eq(count_slots("node_9"), 1);
        ck_assert_int_eq(count_hba_lines("replication .repl. 192.0.2.9/32 scram-sha-256"), 1);
    }
    ck_assert_str_eq(cluster_sql(1, "SELECT count(*) FROM pg_hba_file_rules WHERE address = "
                                    "'192.0.2.9' AND error IS NULL"),
                     "1");
    for (int i = 0; i < 2; i++) {
        must_do(agent, REMOVE, "{\"node\":\"Node-9\"}");
        ck_assert_int_eq(count_slots("node_9"), 0);
        ck_assert_int_eq(count_hba_lines("192.0.2.9"), 0);
    }
    agent_stop(agent);
}
END_TEST

START_TEST(slot_in_use_is_removed_by_force_only) {
    repli_agent *agent = agent_start(1, NULL);
    const char *error = must_fail(agent, REMOVE, "{\"node\":\"node2\"}");
    assert_contains(error, "is in use by process");
    assert_contains(error, "node2 from 127.0.0.1");
    ck_assert_int_eq(count_slots("node2"), 1);
    must_do(agent, REMOVE, "{\"node\":\"node2\",\"force\":true}");
    ck_assert_int_eq(count_slots("node2"), 0);
    /* Back to where the next test begins. */
    must_do(agent, ADD, "{\"node\":\"node2\"}");
    cluster_sql_until(1, "1", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
    agent_stop(agent);
}
END_TEST

START_TEST(members_are_managed_on_the_primary_only) {
    repli_agent *agent = agent_start(2, NULL);
    assert_contains(must_fail(agent, ADD, "{\"node\":\"node9\"}"), "is a standby of 127.0.0.1:");
    assert_contains(must_fail(agent, REMOVE, "{\"node\":\"node9\"}"), "ask the primary's agent");
    agent_stop(agent);
}
END_TEST

START_TEST(account_without_the_right_is_told_what_it_lacks) {
    cluster_sql(1, "ALTER ROLE actor NOREPLICATION");
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    assert_contains(must_fail(agents[0], ADD, "{\"node\":\"node9\"}"), "REPLICATION attribute");
    cluster_sql(1, "REVOKE EXECUTE ON FUNCTION pg_promote(boolean, integer) FROM actor");
    cluster_sql_until(2, "f",
                      "SELECT has_function_privilege('actor', 'pg_promote(boolean, integer)', "
                      "'execute')");
    assert_contains(must_fail(agents[1], PROMOTE, "{}"),
                    "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer)");
    cluster_sql(1, "ALTER ROLE actor REPLICATION; "
                   "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO actor");
    cluster_sql_until(2, "t",
                      "SELECT has_function_privilege('actor', 'pg_promote(boolean, integer)', "
                      "'execute')");
    agent_stop(agents[0]);
    agent_stop(agents[1]);
}
END_TEST

START_TEST(bad_arguments_are_refused_before_anything_is_recorded) {
    static const struct {
        const char *kind, *args, *message;
    } bad[] = {
        {ADD, "{}", "\"node\" is missing"},
        {ADD, "{\"node\":7}", "node"},
        {ADD, "{\"node\":\"x\",\"slot\":\"Not-A-Slot\"}", "no name for a replication slot"},
        {ADD, "{\"node\":\"x\\ny\"}", "control character"},
        {REMOVE, "null", "\"node\" is missing"},
        {REMOVE, "{\"node\":\"x\",\"force\":\"yes\"}", "force"},
        {PROMOTE, "{\"timeout_seconds\":0}", "timeout_seconds"},
        {"agent.replicante.io/cluster.join", "{}", "\"source\""},
        {"agent.replicante.io/cluster.join", "{\"source\":\"host:port\"}", "\"source\""},
        {"agent.replicante.io/cluster.join", "{\"source\":\":1\"}", "\"source\""},
        {"agent.replicante.io/cluster.join", "{\"source\":\"h\",\"max_rate\":\"-1\"}", "max_rate"},
        {"postgresql.org/rejoin", "[]", "\"source\""},
    };
    repli_agent *agent = agent_start(1, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        repli_request request = REPLI_REQUEST_INIT;
        repli_error error = REPLI_ERROR_INIT;
        char id[REPLI_UUID_SIZE];
        request.kind = bad[i].kind;
        request.args_json = bad[i].args;
        ck_assert_int_eq(repli_agent_schedule(agent, &request, id, &error), REPLI_EINVALID);
        assert_contains(error.message, bad[i].message);
    }
    agent_stop(agent);
}
END_TEST

static void restart_and_check(repli_agent *agent, int node) {
    char before[64];
    snprintf(before, sizeof(before), "%s", cluster_sql(node, "SELECT pg_postmaster_start_time()"));
    must_do(agent, RESTART, "{\"timeout_seconds\":30}");
    ck_assert_str_ne(before, cluster_sql(node, "SELECT pg_postmaster_start_time()"));
}

START_TEST(restart_brings_a_new_server_each_time) {
    repli_agent *agent = agent_start(2, NULL);
    restart_and_check(agent, 2);
    restart_and_check(agent, 2);
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    repli_snapshot_unref(seen);
    cluster_do("stop", 2);
    /* Of a server that is down it is a start. */
    must_do(agent, RESTART, "{\"timeout_seconds\":30}");
    agent_stop(agent);
}
END_TEST

START_TEST(restart_runs_the_configured_command) {
    char more[1024];
    snprintf(more, sizeof(more),
             ",\"service\":{\"restart\":[\"/bin/sh\",\"-c\",\"echo restarted >>%s/ran; "
             "%s/pg_ctl restart -s -W -m fast -D %s/n2/data -l %s/n2/log\"]}",
             the_cluster.directory, the_cluster.bin_directory, the_cluster.directory,
             the_cluster.directory);
    const options given = {.more = more};
    repli_agent *agent = agent_start(2, &given);
    restart_and_check(agent, 2);
    ck_assert_str_eq(shell("cat %s/ran", the_cluster.directory), "restarted");
    agent_stop(agent);
}
END_TEST

START_TEST(restart_finds_settings_that_are_elsewhere) {
    char more[256];
    cluster_do("stop", 2);
    shell("cd %s/n2 && mkdir etc && mv data/postgresql.conf data/local.conf etc",
          the_cluster.directory);
    snprintf(more, sizeof(more), ",\"config_file\":\"%s/n2/etc/postgresql.conf\"",
             the_cluster.directory);
    const options given = {.more = more};
    repli_agent *agent = agent_start(2, &given);
    must_do(agent, RESTART, "{\"timeout_seconds\":30}");
    restart_and_check(agent, 2);
    cluster_do("stop", 2);
    shell("cd %s/n2 && mv etc/* data && rmdir etc", the_cluster.directory);
    cluster_do("start", 2);
    agent_stop(agent);
}
END_TEST

START_TEST(restart_tells_why_the_server_does_not_come_back) {
    repli_agent *agent = agent_start(2, NULL);
    shell("cd %s/n2 && cp data/local.conf saved.conf && echo 'max_connections = 1' "
          ">>data/local.conf",
          the_cluster.directory);
    assert_contains(must_fail(agent, RESTART, "{\"timeout_seconds\":30}"),
                    "was started but does not run");
    shell("cd %s/n2 && mv saved.conf data/local.conf", the_cluster.directory);
    must_do(agent, RESTART, "{\"timeout_seconds\":30}");
    agent_stop(agent);
}
END_TEST

START_TEST(plans_tell_what_is_done_then) {
    repli_agent *agent = agent_start(1, NULL);
    static const char add[] = "{\"node\":\"Node-9\",\"address\":\"192.0.2.9:5432\"}";
    const char *plan = must_plan(agent, ADD, add);
    assert_contains(plan, "\"command\":\"SELECT pg_create_physical_replication_slot('node_9')\"");
    assert_contains(plan, "/pg_hba.conf\"");
    assert_contains(plan, "SELECT pg_reload_conf()");
    ck_assert_int_eq(count_slots("node_9"), 0);
    ck_assert_int_eq(count_hba_lines("192.0.2.9"), 0);
    must_do(agent, ADD, add);
    assert_contains(must_plan(agent, ADD, add), "\"steps\":[]");
    plan = must_plan(agent, REMOVE, "{\"node\":\"Node-9\"}");
    assert_contains(plan, "SELECT pg_drop_replication_slot('node_9')\",\"waits_for\":null,"
                          "\"destructive\":true");
    ck_assert_int_eq(count_slots("node_9"), 1);
    must_do(agent, REMOVE, "{\"node\":\"Node-9\"}");
    assert_contains(must_not_plan(agent, REMOVE, "{\"node\":\"node2\"}"), "is in use by process");
    assert_contains(must_plan(agent, REMOVE, "{\"node\":\"node2\",\"force\":true}"),
                    "pg_terminate_backend");
    ck_assert_int_eq(count_slots("node2"), 1);

    char before[64];
    snprintf(before, sizeof(before), "%s", cluster_sql(1, "SELECT pg_postmaster_start_time()"));
    plan = must_plan(agent, RESTART, "{}");
    const char *stop = strstr(plan, "\"stop the server\"");
    const char *start = strstr(plan, "\"start the server\"");
    ck_assert_msg(stop && start && stop < start, "%s", plan);
    ck_assert_str_eq(cluster_sql(1, "SELECT pg_postmaster_start_time()"), before);
    agent_stop(agent);

    agent = agent_start(2, NULL);
    assert_contains(must_not_plan(agent, ADD, add), "ask the primary's agent");
    assert_contains(
        must_plan(agent, PROMOTE, "{}"),
        "{\"summary\":\"promote this standby\",\"command\":\"SELECT pg_promote(false)\","
        "\"waits_for\":\"the end of recovery\",\"destructive\":false}");
    ck_assert_str_eq(cluster_sql(2, "SELECT pg_is_in_recovery()"), "t");
    agent_stop(agent);
}
END_TEST

START_TEST(promote_makes_a_primary_and_then_has_nothing_to_do) {
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    assert_contains(must_do(agents[0], PROMOTE, "null"), "\"timeline\":\"1\"");
    for (int i = 0; i < 2; i++) {
        assert_contains(must_do(agents[1], PROMOTE, "{}"), "\"timeline\":\"2\"");
        ck_assert_int_eq(role_of(agents[1]), REPLI_ROLE_PRIMARY);
    }
    ck_assert_str_eq(cluster_sql(2, "SELECT pg_is_in_recovery()"), "f");
    agent_stop(agents[0]);
    agent_stop(agents[1]);
}
END_TEST

static void lone_up(void) {
    cluster_up(1, 1);
}

START_TEST(lone_primary_is_what_the_configuration_says) {
    const options member = {.replication = "nobody"};
    repli_agent *agent = agent_start(1, &member);
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    assert_contains(must_do(agent, INIT, "{}"), "system_identifier");
    agent_stop(agent);

    const options outsider = {.replication = "newcomer",
                              .more = ",\"lone_primary\":\"not_in_cluster\""};
    agent = agent_start(1, &outsider);
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    assert_contains(must_fail(agent, INIT, "{}"), "make it as a superuser");
    cluster_sql(1, "ALTER ROLE actor SUPERUSER");
    for (int i = 0; i < 2; i++)
        must_do(agent, INIT, "{}");
    cluster_sql(1, "ALTER ROLE actor NOSUPERUSER");
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    ck_assert_str_eq(cluster_sql(1, "SELECT rolreplication FROM pg_roles WHERE rolname = "
                                    "'newcomer'"),
                     "t");
    agent_stop(agent);

    const options with_slot = {.replication = "nobody",
                               .more = ",\"lone_primary\":\"not_in_cluster\""};
    agent = agent_start(1, &with_slot);
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    must_do(agent, ADD, "{\"node\":\"node2\"}");
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    agent_stop(agent);
}
END_TEST

START_TEST(init_makes_a_cluster_that_works_with_the_documented_accounts) {
    char identifier[64];
    repli_agent *agent = agent_start(2, NULL);
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    const char *plan = must_plan(agent, INIT, "{}");
    assert_contains(plan, "initdb --pgdata ");
    assert_contains(plan, "make the accounts of the driver's configuration");
    assert_contains(plan, "\"waits_for\":\"the server to start\"");
    shell("! test -e %s/n2/data/PG_VERSION && ! test -e %s/n2/data.replicante",
          the_cluster.directory, the_cluster.directory);
    snprintf(identifier, sizeof(identifier), "%s", must_do(agent, INIT, "{}"));
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    ck_assert_int_eq(role_of(agent), REPLI_ROLE_PRIMARY);
    ck_assert_str_eq(identifier, must_do(agent, INIT, "{}"));
    must_do(agent, ADD, "{\"node\":\"node3\",\"address\":\"192.0.2.3\"}");
    must_do(agent, REMOVE, "{\"node\":\"node3\"}");
    /* Down is no reason to begin anew. */
    cluster_do("stop", 2);
    ck_assert_str_eq(identifier, must_do(agent, INIT, "{}"));
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    /* No password may have found its way into a log. */
    shell("! grep -r -e agentpw -e actorpw -e replpw -e rewinderpw %s/n2/data.replicante",
          the_cluster.directory);
    cluster_do("stop", 2);
    agent_stop(agent);
}
END_TEST

START_TEST(init_keeps_its_hands_off_what_is_not_its_own) {
    shell("cd %s/n2 && mv data other && mkdir data && echo precious >data/file",
          the_cluster.directory);
    repli_agent *agent = agent_start(2, NULL);
    assert_status(agent, REPLI_STATUS_UNAVAILABLE, NULL);
    assert_contains(must_fail(agent, INIT, "{}"), "neither empty nor a data directory");
    ck_assert_str_eq(shell("cat %s/n2/data/file", the_cluster.directory), "precious");
    agent_stop(agent);
}
END_TEST

static Suite *actions_suite(void) {
    Suite *suite = suite_create("postgresql-actions");
    TCase *pair = tcase_create("pair");
    tcase_add_unchecked_fixture(pair, pair_up, cluster_down);
    tcase_set_timeout(pair, 90);
    tcase_add_test(pair, add_and_remove_do_it_once_however_often_they_are_asked);
    tcase_add_test(pair, slot_in_use_is_removed_by_force_only);
    tcase_add_test(pair, members_are_managed_on_the_primary_only);
    tcase_add_test(pair, account_without_the_right_is_told_what_it_lacks);
    tcase_add_test(pair, bad_arguments_are_refused_before_anything_is_recorded);
    tcase_add_test(pair, restart_brings_a_new_server_each_time);
    tcase_add_test(pair, restart_runs_the_configured_command);
    tcase_add_test(pair, restart_finds_settings_that_are_elsewhere);
    tcase_add_test(pair, restart_tells_why_the_server_does_not_come_back);
    tcase_add_test(pair, plans_tell_what_is_done_then);
    tcase_add_test(pair, promote_makes_a_primary_and_then_has_nothing_to_do);
    suite_add_tcase(suite, pair);
    TCase *lone = tcase_create("lone");
    tcase_add_unchecked_fixture(lone, lone_up, cluster_down);
    tcase_set_timeout(lone, 90);
    tcase_add_test(lone, lone_primary_is_what_the_configuration_says);
    tcase_add_test(lone, init_makes_a_cluster_that_works_with_the_documented_accounts);
    tcase_add_test(lone, init_keeps_its_hands_off_what_is_not_its_own);
    suite_add_tcase(suite, lone);
    return suite;
}

int main(void) {
    return run_postgresql_suite(actions_suite());
}
