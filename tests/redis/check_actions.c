/* run.sh timeout: 300, run.sh takes: 35 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "servers.h"

#define INIT "agent.replicante.io/cluster.init"
#define ADD "agent.replicante.io/cluster.add"
#define JOIN "agent.replicante.io/cluster.join"
#define REMOVE "agent.replicante.io/cluster.remove"
#define FAILOVER "redis.io/failover"
#define PROMOTE "redis.io/promote"

static void up(void) {
    servers_up(2, 1);
}

static int port(int node) {
    return the_servers.port + node;
}

static void assert_role(int node, const char *role) {
    char line[32];
    snprintf(line, sizeof(line), "role:%s", role);
    assert_contains(servers_cli(node, "info replication"), line);
}

/* What was changed is still so after a restart. */
static void assert_role_is_kept(int node, const char *role) {
    assert_role(node, role);
    servers_do("crash", node);
    servers_do("start", node);
    assert_role(node, role);
}

START_TEST(init_makes_a_primary_and_needs_force_for_a_replica) {
    repli_agent *agent = agent_start(1, NULL);
    must_do(agent, INIT, "{}");
    must_do(agent, INIT, "{}");
    assert_role(1, "master");
    agent_stop(agent);
    agent = agent_start(2, NULL);
    assert_contains(must_fail(agent, INIT, "{}"), "this node is a replica of 127.0.0.1:");
    assert_role(2, "slave");
    must_do(agent, INIT, "{\"force\":true}");
    assert_role_is_kept(2, "master");
    agent_stop(agent);
}
END_TEST

START_TEST(join_follows_the_primary_for_good) {
    repli_agent *agent = agent_start(3, NULL);
    servers_cli(1, "set one 1");
    const char *payload = must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1));
    char primary[64];
    snprintf(primary, sizeof(primary), "\"primary\":\"127.0.0.1:%d\"", port(1));
    assert_contains(payload, primary);
    ck_assert_str_eq(servers_cli(3, "get one"), "1");
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1));
    assert_role_is_kept(3, "slave");
    agent_stop(agent);
}
END_TEST

START_TEST(join_refuses_what_makes_no_sense) {
    repli_agent *agent = agent_start(3, NULL);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(3)),
                    "a node cannot follow itself");
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(2)),
                    "is a replica itself");
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(9)),
                    "cannot connect to Redis");
    assert_role(3, "master");
    agent_stop(agent);
}
END_TEST

START_TEST(join_does_not_delete_keys_unless_forced) {
    repli_agent *agent = agent_start(3, NULL);
    servers_cli(3, "mset a 1 b 2");
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1)),
                    "holds 2 keys");
    assert_role(3, "master");
    ck_assert_str_eq(servers_cli(3, "get b"), "2");
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\",\"force\":true}", port(1));
    ck_assert_str_eq(servers_cli(3, "dbsize"), "0");
    agent_stop(agent);
}
END_TEST

START_TEST(nothing_is_begun_that_a_restart_would_forget) {
    repli_agent *agent = agent_start(3, NULL);
    shell("cd %s/n3 && mv redis.conf kept && mkdir redis.conf", the_servers.directory);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(1)),
                    "cannot write its configuration file");
    assert_role(3, "master");
    shell("cd %s/n3 && rmdir redis.conf && mv kept redis.conf", the_servers.directory);
    agent_stop(agent);
}
END_TEST

START_TEST(add_takes_another_node_in) {
    repli_agent *agent = agent_start(1, NULL);
    must_do(agent, ADD, "{\"address\":\"127.0.0.1:%d\"}", port(3));
    must_do(agent, ADD, "{\"address\":\"127.0.0.1:%d\"}", port(3));
    assert_role_is_kept(3, "slave");
    assert_contains(must_fail(agent, ADD, "{\"address\":\"127.0.0.1:%d\"}", port(1)),
                    "the same server");
    agent_stop(agent);
}
END_TEST

START_TEST(remove_makes_a_replica_go_and_a_primary_stay) {
    repli_agent *agent = agent_start(1, NULL);
    assert_contains(must_fail(agent, REMOVE, "{}"), "is the primary of 1 others");
    must_do(agent, REMOVE, "{\"node\":\"127.0.0.1:%d\"}", port(2));
    must_do(agent, REMOVE, "{\"node\":\"127.0.0.1:%d\"}", port(2));
    assert_role_is_kept(2, "master");
    servers_do("stop", 2);
    must_do(agent, REMOVE, "{\"node\":\"127.0.0.1:%d\"}", port(2));
    servers_do("start", 2);
    agent_stop(agent);
}
END_TEST

START_TEST(failover_hands_over_for_good) {
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    servers_cli(1, "set one 1");
    must_do(agents[0], FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(2));
    must_do(agents[0], FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(2));
    ck_assert_str_eq(servers_cli(2, "get one"), "1");
    assert_contains(must_fail(agents[0], FAILOVER, "{}"), "run redis.io/failover there");
    assert_role_is_kept(2, "master");
    assert_role_is_kept(1, "slave");
    servers_cli_until(1, "master_link_status:up", "info replication");
    must_do(agents[1], FAILOVER, "{}");
    assert_role(1, "master");
    for (int i = 0; i < 2; i++)
        agent_stop(agents[i]);
}
END_TEST

START_TEST(failover_needs_somebody_who_takes_over) {
    repli_agent *agent = agent_start(1, NULL);
    assert_contains(must_fail(agent, FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(3)),
                    "is none of the replicas");
    agent_stop(agent);
    agent = agent_start(3, NULL);
    assert_contains(must_fail(agent, FAILOVER, "{}"), "nobody follows this primary");
    agent_stop(agent);
}
END_TEST

/* What a failover to a replica that hangs comes to a halt in: the replica has missed something, or
 * it is up to date and does not say that it takes over. */
static const char *const halts[] = {"master_failover_state:waiting-for-sync",
                                    "master_failover_state:failover-in-progress"};
enum { CATCHING_UP, TAKING_OVER, HALTS };

/* Each ping of the primary's is something to acknowledge. */
static int replica_has_acknowledged_all(void) {
    const char *info = servers_cli(1, "info replication");
    const char *replica = strstr(info, "state=online,offset=");
    const char *primary = strstr(info, "master_repl_offset:");
    return replica && primary && atoll(strchr(replica, ',') + 8) == atoll(strchr(primary, ':') + 1);
}

/* Have the replica hang, so that a failover halts there. Neither a ping that it did not acknowledge
 * any more nor its removal for its silence is to get in between, however long that takes. */
static void hang_replica(int halt) {
    static const char *const settings[] = {"repl-timeout", "repl-ping-replica-period"};
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(servers_cli(1 + i / 2, "config set %s 86400", settings[i % 2]), "OK");
    const int64_t end = now_ms() + 30000;
    while (!replica_has_acknowledged_all()) {
        ck_assert_msg(now_ms() < end, "%s", servers_cli(1, "info replication"));
        pause_ms(50);
    }
    servers_do("pause", 2);
    if (halt == CATCHING_UP)
        ck_assert_str_eq(servers_cli(1, "set missed 1"), "OK");
}

static void assert_primary_as_before(void) {
    assert_contains(servers_cli(1, "info replication"), "master_failover_state:no-failover");
    ck_assert_str_eq(servers_cli(1, "set after 1"), "OK");
}

/* The server would stay in its last phase, and refuse writes, for ever. */
START_TEST(failover_that_hangs_is_aborted) {
    repli_agent *agent = agent_start(1, NULL);
    hang_replica(_i);
    assert_contains(
        must_fail(agent, FAILOVER, "{\"to\":\"127.0.0.1:%d\",\"timeout_seconds\":1}", port(2)),
        "this node is the primary as before");
    assert_primary_as_before();
    servers_do("resume", 2);
    agent_stop(agent);
}
END_TEST

/* However long it may take by its arguments. */
START_TEST(failover_that_hangs_ends_at_its_deadline) {
    repli_agent *agent = agent_start(1, NULL);
    hang_replica(_i);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s",
             schedule_within(agent, 5000, FAILOVER,
                             "{\"to\":\"127.0.0.1:%d\",\"timeout_seconds\":600}", port(2)));
    assert_contains(must_end(agent, id, REPLI_ENDED_TIMED_OUT),
                    "aborted at its deadline, and this node is the primary as before");
    assert_primary_as_before();
    servers_do("resume", 2);
    agent_stop(agent);
}
END_TEST

START_TEST(failover_that_hangs_can_be_cancelled) {
    repli_agent *agent = agent_start(1, NULL);
    hang_replica(_i);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, FAILOVER, "{\"timeout_seconds\":600}"));
    servers_cli_until(1, halts[_i], "info replication");
    ck_assert_int_eq(repli_agent_cancel(agent, id, NULL), REPLI_OK);
    assert_contains(must_end(agent, id, REPLI_ENDED_CANCELLED), "aborted on request");
    assert_primary_as_before();
    servers_do("resume", 2);
    agent_stop(agent);
}
END_TEST

/* The server may end it by itself between the agent's last look and its abort. */
START_TEST(failover_that_ends_before_it_is_aborted_is_looked_at_again) {
    repli_agent *agent = agent_start(1, &(options){.port = relay_start(port(1), "ABORT")});
    hang_replica(TAKING_OVER);
    assert_contains(must_fail(agent, FAILOVER, "{\"timeout_seconds\":1}"),
                    "given up by the server, and this node is the primary as before");
    servers_do("resume", 2);
    hang_replica(CATCHING_UP);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, FAILOVER, "{\"timeout_seconds\":600}"));
    servers_cli_until(1, halts[CATCHING_UP], "info replication");
    ck_assert_int_eq(repli_agent_cancel(agent, id, NULL), REPLI_OK);
    assert_contains(must_end(agent, id, REPLI_ENDED_CANCELLED),
                    "no failover is in progress, and this node is the primary");
    assert_primary_as_before();
    servers_do("resume", 2);
    agent_stop(agent);
    relay_stop();
}
END_TEST

/* A server that is stopped answers nothing: nobody knows, and that is what is said. */
START_TEST(a_deadline_while_the_server_hangs_leaves_the_effect_unknown) {
    repli_agent *agent = agent_start(1, NULL);
    servers_do("pause", 1);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule_within(agent, 2000, FAILOVER, "{}"));
    assert_contains(must_end(agent, id, REPLI_ENDED_TIMED_OUT), "its effect is unknown");
    servers_do("resume", 1);
    agent_stop(agent);
}
END_TEST

START_TEST(failover_of_somebody_else_is_left_alone) {
    repli_agent *agent = agent_start(1, NULL);
    hang_replica(_i);
    ck_assert_str_eq(servers_cli(1, "failover to 127.0.0.1 %d timeout 600000", port(2)), "OK");
    servers_cli_until(1, halts[_i], "info replication");
    assert_contains(must_fail(agent, FAILOVER, "{}"), "another failover is in progress");
    assert_contains(servers_cli(1, "info replication"), halts[_i]);
    servers_cli(1, "failover abort");
    servers_do("resume", 2);
    agent_stop(agent);
}
END_TEST

/* An agent that stops meanwhile finds out, when it is back, how far it had come. */
START_TEST(failover_goes_on_after_a_restart_of_the_agent) {
    repli_agent *agent = agent_start(1, NULL);
    hang_replica(_i);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, FAILOVER, "{\"timeout_seconds\":600}"));
    servers_cli_until(1, halts[_i], "info replication");
    agent_stop(agent);
    servers_do("resume", 2);
    servers_cli_until(1, "role:slave", "info replication");
    agent = agent_start(1, NULL);
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    repli_doc_free(doc);
    assert_role_is_kept(2, "master");
    agent_stop(agent);
}
END_TEST

START_TEST(promote_waits_for_the_primary_to_be_gone) {
    repli_agent *agent = agent_start(2, NULL);
    assert_contains(must_fail(agent, PROMOTE, "{}"), "is alive, and there would be two");
    assert_role(2, "slave");
    servers_do("crash", 1);
    servers_cli_until(2, "master_link_status:down", "info replication");
    must_do(agent, PROMOTE, "{}");
    must_do(agent, PROMOTE, "{}");
    assert_role_is_kept(2, "master");
    /* The former primary comes back as it was, and is made to follow. */
    servers_do("start", 1);
    repli_agent *former = agent_start(1, NULL);
    must_do(former, JOIN, "{\"source\":\"127.0.0.1:%d\"}", port(2));
    assert_role_is_kept(1, "slave");
    agent_stop(former);
    agent_stop(agent);
}
END_TEST

START_TEST(promote_can_be_forced) {
    repli_agent *agent = agent_start(2, NULL);
    must_do(agent, PROMOTE, "{\"force\":true}");
    assert_role_is_kept(2, "master");
    agent_stop(agent);
}
END_TEST

START_TEST(an_account_without_the_right_is_told_so) {
    servers_cli(2, "acl setuser actor -replicaof");
    repli_agent *agent = agent_start(2, NULL);
    assert_contains(must_fail(agent, PROMOTE, "{\"force\":true}"),
                    "does not let the account use REPLICAOF");
    assert_role(2, "slave");
    agent_stop(agent);
}
END_TEST

/* must_do() sees to it that a plan changes nothing that matters to what is done afterwards. */
START_TEST(plans_tell_what_is_done_then) {
    char join[100], server[40], command[100];
    repli_agent *agent = agent_start(3, NULL);
    snprintf(join, sizeof(join), "{\"source\":\"127.0.0.1:%d\"}", port(1));
    snprintf(server, sizeof(server), "127.0.0.1:%d> ", port(3));
    snprintf(command, sizeof(command), "%sREPLICAOF 127.0.0.1 %d", server, port(1));
    const char *plan = must_plan(agent, JOIN, "%s", join);
    assert_contains(plan, "\"command\":\"");
    assert_contains(plan, command);
    assert_contains(plan, "\"waits_for\":\"the copy of the primary's data\",\"destructive\":false");
    assert_contains(plan, "CONFIG REWRITE");
    assert_role(3, "master");
    servers_cli(3, "set mine 1");
    assert_contains(must_not_plan(agent, JOIN, "%s", join), "holds 1 keys");
    plan = must_plan(agent, JOIN, "{\"source\":\"127.0.0.1:%d\",\"force\":true}", port(1));
    assert_contains(plan, "\"destructive\":true");
    ck_assert_str_eq(servers_cli(3, "get mine"), "1");
    servers_cli(3, "flushall");
    must_do(agent, JOIN, "%s", join);
    ck_assert_ptr_null(strstr(must_plan(agent, JOIN, "%s", join), "REPLICAOF"));

    assert_contains(must_not_plan(agent, PROMOTE, "{}"), "is alive");
    plan = must_plan(agent, PROMOTE, "{\"force\":true}");
    assert_contains(plan, "REPLICAOF NO ONE");
    assert_contains(must_not_plan(agent, FAILOVER, "{}"), "run redis.io/failover there");
    assert_role(3, "slave");
    assert_contains(must_plan(agent, REMOVE, "{}"), "REPLICAOF NO ONE");
    assert_role(3, "slave");
    agent_stop(agent);

    agent = agent_start(1, NULL);
    plan = must_plan(agent, FAILOVER, "{\"to\":\"127.0.0.1:%d\"}", port(2));
    snprintf(command, sizeof(command), "FAILOVER TO 127.0.0.1 %d TIMEOUT 60000", port(2));
    assert_contains(plan, command);
    assert_contains(plan,
                    "the replica to catch up and take over, and for the link to the new primary");
    snprintf(command, sizeof(command), "127.0.0.1:%d> CONFIG REWRITE", port(2));
    assert_contains(plan, command);
    assert_role(1, "master");
    assert_role(2, "slave");
    servers_do("stop", 1);
    must_not_plan(agent, FAILOVER, "{}");
    agent_stop(agent);
}
END_TEST

START_TEST(bad_arguments_are_refused_at_once) {
    static const struct {
        const char *kind, *args, *message;
    } cases[] = {
        {JOIN, "{}", "\"source\" must be \"host:port\""},
        {JOIN, "{\"source\":\"here\"}", "\"source\" must be \"host:port\""},
        {JOIN, "{\"source\":\"a:99999999\"}", "\"source\" must be \"host:port\""},
        {JOIN, "{\"source\":\"a b:1\"}", "has a blank"},
        {ADD, "{\"address\":7}", "address"},
        {FAILOVER, "{\"timeout_seconds\":0}", "\"timeout_seconds\" must be from 1"},
        {INIT, "{\"force\":\"yes\"}", "force"},
    };
    repli_agent *agent = agent_start(3, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        repli_request request = REPLI_REQUEST_INIT;
        repli_error error = REPLI_ERROR_INIT;
        char id[REPLI_UUID_SIZE];
        request.kind = cases[i].kind;
        request.args_json = cases[i].args;
        ck_assert_int_eq(repli_agent_schedule(agent, &request, id, &error), REPLI_EINVALID);
        assert_contains(error.message, cases[i].message);
    }
    agent_stop(agent);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("redis actions");
    TCase *tests = tcase_create("replication");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, up, servers_down);
    tcase_add_test(tests, init_makes_a_primary_and_needs_force_for_a_replica);
    tcase_add_test(tests, join_follows_the_primary_for_good);
    tcase_add_test(tests, join_refuses_what_makes_no_sense);
    tcase_add_test(tests, join_does_not_delete_keys_unless_forced);
    tcase_add_test(tests, nothing_is_begun_that_a_restart_would_forget);
    tcase_add_test(tests, add_takes_another_node_in);
    tcase_add_test(tests, remove_makes_a_replica_go_and_a_primary_stay);
    tcase_add_test(tests, failover_hands_over_for_good);
    tcase_add_test(tests, failover_needs_somebody_who_takes_over);
    tcase_add_test(tests, promote_waits_for_the_primary_to_be_gone);
    tcase_add_test(tests, promote_can_be_forced);
    tcase_add_test(tests, an_account_without_the_right_is_told_so);
    tcase_add_test(tests, plans_tell_what_is_done_then);
    tcase_add_test(tests, bad_arguments_are_refused_at_once);
    suite_add_tcase(suite, tests);
    tests = tcase_create("hanging servers");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, up, servers_down);
    tcase_add_loop_test(tests, failover_that_hangs_is_aborted, 0, HALTS);
    tcase_add_loop_test(tests, failover_that_hangs_ends_at_its_deadline, 0, HALTS);
    tcase_add_loop_test(tests, failover_that_hangs_can_be_cancelled, 0, HALTS);
    tcase_add_test(tests, failover_that_ends_before_it_is_aborted_is_looked_at_again);
    tcase_add_test(tests, a_deadline_while_the_server_hangs_leaves_the_effect_unknown);
    tcase_add_loop_test(tests, failover_of_somebody_else_is_left_alone, 0, HALTS);
    tcase_add_loop_test(tests, failover_goes_on_after_a_restart_of_the_agent, 0, HALTS);
    suite_add_tcase(suite, tests);
    return run_redis_suite(suite);
}
