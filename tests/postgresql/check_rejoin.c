/* run.sh timeout: 300, run.sh takes: 40 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

#define PROMOTE "postgresql.org/promote"
#define REJOIN "postgresql.org/rejoin"

static void up(void) {
    cluster_up(2, 0);
}

/* Node 2 becomes the primary, and both go on writing on their own. */
static void diverge(void) {
    repli_agent *agent = agent_start(2, NULL);
    must_do(agent, PROMOTE, "{}");
    agent_stop(agent);
    cluster_sql(1, "CREATE TABLE lost AS SELECT generate_series(1, 10000)");
    cluster_sql(2, "CREATE TABLE kept AS SELECT 42 AS answer");
}

static void assert_rejoined(repli_agent *agent) {
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    char sender[32];
    snprintf(sender, sizeof(sender), "127.0.0.1:%d", the_cluster.port + 2);
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_SECONDARY);
    assert_attribute(seen, "receiver.sender", sender);
    assert_attribute(seen, "receiver.slot", "node1");
    assert_attribute(seen, "timeline", "2");
    repli_snapshot_unref(seen);
    cluster_sql_until(1, "42", "SELECT answer FROM kept");
    ck_assert_str_eq(cluster_sql(1, "SELECT to_regclass('lost') IS NULL"), "t");
}

/* Its own settings are back, and the account that rewound is not in what it connects with. */
static void assert_settings(void) {
    char port[16];
    snprintf(port, sizeof(port), "%d", the_cluster.port + 1);
    ck_assert_str_eq(cluster_sql(1, "SHOW port"), port);
    shell("grep -q 'n1' %s/n1/data/local.conf", the_cluster.directory);
    const char *conninfo = cluster_sql(1, "SHOW primary_conninfo");
    assert_contains(conninfo, "user='repl'");
    ck_assert_ptr_null(strstr(conninfo, "rewinder"));
    ck_assert_ptr_null(strstr(conninfo, "replpw"));
}

START_TEST(running_primary_that_diverged_rejoins) {
    diverge();
    repli_agent *agent = agent_start(1, NULL);
    const char *plan = must_plan(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\",\"slot\":\"node1\"}",
                                 the_cluster.port + 2);
    assert_contains(plan, "\"stop the server\"");
    assert_contains(plan, "pg_rewind --target-pgdata ");
    assert_contains(plan, "the standby to stream from 127.0.0.1:");
    ck_assert_str_eq(cluster_sql(1, "SELECT pg_is_in_recovery()"), "f");
    for (int i = 0; i < 2; i++) {
        assert_contains(must_do(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\",\"slot\":\"node1\"}",
                                the_cluster.port + 2),
                        "\"timeline\":\"2\"");
        assert_rejoined(agent);
        assert_settings();
    }
    agent_stop(agent);
}
END_TEST

START_TEST(crashed_primary_rejoins) {
    diverge();
    cluster_do("crash", 1);
    repli_agent *agent = agent_start(1, NULL);
    must_do(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2);
    assert_rejoined(agent);
    assert_settings();
    agent_stop(agent);
}
END_TEST

START_TEST(primary_that_did_not_diverge_rejoins) {
    cluster_do("stop", 1);
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    must_do(agents[1], PROMOTE, "{}");
    cluster_sql(2, "CREATE TABLE kept AS SELECT 42 AS answer");
    must_do(agents[0], REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2);
    assert_rejoined(agents[0]);
    agent_stop(agents[0]);
    agent_stop(agents[1]);
}
END_TEST

START_TEST(agent_is_stopped_at_every_turn_of_a_rejoin) {
    diverge();
    repli_agent *agent = agent_start(1, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s",
             schedule(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2));
    for (int turn = 0; turn < 12; turn++) {
        pause_ms(15 * turn);
        agent_stop(agent);
        agent = agent_start(1, NULL);
    }
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    repli_doc_free(doc);
    assert_rejoined(agent);
    assert_settings();
    agent_stop(agent);
}
END_TEST

START_TEST(standby_is_no_source_and_stops_nothing) {
    repli_agent *agent = agent_start(1, NULL);
    assert_contains(must_fail(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2),
                    "promote the source first");
    assert_contains(must_fail(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 9),
                    "the source: cannot connect");
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    cluster_do("stop", 1);
    assert_contains(must_fail(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2),
                    "is a standby itself");
    agent_stop(agent);
}
END_TEST

START_TEST(newer_primary_does_not_give_way) {
    diverge();
    repli_agent *agent = agent_start(2, NULL);
    for (int source = 1; source <= 2; source++)
        assert_contains(
            must_fail(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + source),
            "is not on a later one");
    assert_status(agent, REPLI_STATUS_HEALTHY, NULL);
    ck_assert_str_eq(cluster_sql(2, "SELECT answer FROM kept"), "42");
    agent_stop(agent);
}
END_TEST

START_TEST(account_that_may_not_rewind_is_reported) {
    diverge();
    cluster_sql(2, "REVOKE EXECUTE ON FUNCTION pg_read_binary_file(text) FROM rewinder");
    repli_agent *agent = agent_start(1, NULL);
    const char *error =
        must_fail(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2);
    assert_contains(error, "pg_rewind failed");
    assert_contains(error, "permission denied");
    /* With the right in place the same action goes on from there. */
    cluster_sql(2, "GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO rewinder");
    must_do(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2);
    assert_rejoined(agent);
    assert_settings();
    agent_stop(agent);
}
END_TEST

static Suite *rejoin_suite(void) {
    Suite *suite = suite_create("postgresql-rejoin");
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {
        {"diverged", running_primary_that_diverged_rejoins},
        {"crashed", crashed_primary_rejoins},
        {"even", primary_that_did_not_diverge_rejoins},
        {"interrupted", agent_is_stopped_at_every_turn_of_a_rejoin},
        {"standby", standby_is_no_source_and_stops_nothing},
        {"newer", newer_primary_does_not_give_way},
        {"permission", account_that_may_not_rewind_is_reported},
    };
    /* Each with a cluster of its own, which it changes for good. */
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_add_unchecked_fixture(tcase, up, cluster_down);
        tcase_set_timeout(tcase, 90);
        tcase_add_test(tcase, cases[i].test);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

int main(void) {
    return run_postgresql_suite(rejoin_suite());
}
