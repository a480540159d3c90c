/* run.sh timeout: 300, run.sh takes: 45 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

#define JOIN "agent.replicante.io/cluster.join"
#define ADD "agent.replicante.io/cluster.add"
#define REJOIN "postgresql.org/rejoin"

/* Slow enough to be caught in the middle. */
#define SLOW_JOIN "{\"source\":\"127.0.0.1:%d\",\"max_rate\":\"12M\"}"

static void up(void) {
    cluster_up(1, 1);
}

static void forget_node_2(void) {
    cluster_do("stop", 2);
    shell("rm -rf %s/n2 && mkdir %s/n2", the_cluster.directory, the_cluster.directory);
}

static int source_port(void) {
    return the_cluster.port + 1;
}

static void assert_follows(repli_agent *agent) {
    repli_snapshot *seen = look_for(agent, REPLI_STATUS_HEALTHY, 10);
    char sender[32];
    snprintf(sender, sizeof(sender), "127.0.0.1:%d", source_port());
    ck_assert_int_eq(shard_of(seen)->role, REPLI_ROLE_SECONDARY);
    assert_attribute(seen, "receiver.sender", sender);
    assert_attribute(seen, "receiver.slot", "node2");
    repli_snapshot_unref(seen);
}

/* The process that a running action's payload names. */
static long process_of(repli_agent *agent, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(agent, id, &doc, &action, NULL), REPLI_OK);
    const char *pid = action->payload_json ? strstr(action->payload_json, "\"pid\":") : NULL;
    const long number = pid ? strtol(pid + 6, NULL, 10) : 0;
    repli_doc_free(doc);
    return number;
}

static long wait_for_process(repli_agent *agent, const char *id) {
    const int64_t end = now_ms() + 20000;
    long pid = 0;
    while ((pid = process_of(agent, id)) == 0) {
        ck_assert_int_lt(now_ms(), end);
        pause_ms(10);
    }
    return pid;
}

START_TEST(empty_node_joins_and_then_has_nothing_to_do) {
    repli_agent *primary = agent_start(1, NULL), *agent = agent_start(2, NULL);
    cluster_sql(1, "CREATE TABLE t AS SELECT 42 AS answer");
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    must_do(primary, ADD, "{\"node\":\"node2\"}");
    const char *plan = must_plan(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
    assert_contains(plan, "pg_basebackup --pgdata ");
    assert_contains(plan, "/standby.signal\"");
    assert_contains(plan, "\"start the server\"");
    assert_contains(plan, "the standby to stream from 127.0.0.1:");
    shell("! ls -A %s/n2/data 2>/dev/null | grep . && ! test -e %s/n2/data.replicante",
          the_cluster.directory, the_cluster.directory);
    for (int i = 0; i < 2; i++) {
        const char *payload = must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
        assert_contains(payload, "\"slot\":\"node2\"");
        assert_contains(payload, "\"timeline\":\"1\"");
        assert_follows(agent);
        ck_assert_str_eq(cluster_sql(2, "SELECT answer FROM t"), "42");
    }
    /* The secret is in a file of its own, that nobody else may read, and nowhere else. */
    shell("! grep -r -e replpw -e rewinderpw %s/n2/data/*.conf %s/n2/data.replicante/*.log",
          the_cluster.directory, the_cluster.directory);
    ck_assert_str_eq(shell("stat -c %%a %s/n2/data.replicante/pgpass", the_cluster.directory),
                     "600");
    /* It survives a restart by hand, and a server that is down is started by joining again. */
    cluster_do("stop", 2);
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
    assert_follows(agent);
    agent_stop(primary);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(node_joins_by_itself_without_add) {
    cluster_sql(1, "SELECT pg_drop_replication_slot('node2')");
    shell("mkdir -m 755 %s/n2/data", the_cluster.directory);
    repli_agent *agent = agent_start(2, NULL);
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
    assert_follows(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(node_is_joining_while_the_copy_runs) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, JOIN, SLOW_JOIN, source_port()));
    kill((pid_t)-wait_for_process(agent, id), SIGSTOP);
    assert_status(agent, REPLI_STATUS_JOINING_CLUSTER, NULL);
    kill((pid_t)-process_of(agent, id), SIGCONT);
    repli_doc *doc = NULL;
    ck_assert_int_eq(finish(agent, id, 60, &doc)->phase, REPLI_PHASE_DONE);
    repli_doc_free(doc);
    assert_follows(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(copy_outlives_the_agent_and_is_taken_up_again) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, JOIN, SLOW_JOIN, source_port()));
    const long pid = wait_for_process(agent, id);
    kill((pid_t)-pid, SIGSTOP);
    agent_stop(agent);
    agent = agent_start(2, NULL);
    pause_ms(600);
    ck_assert_int_eq(process_of(agent, id), pid);
    kill((pid_t)-pid, SIGCONT);
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
    repli_doc_free(doc);
    assert_follows(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(copy_that_was_killed_is_begun_anew) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, JOIN, SLOW_JOIN, source_port()));
    const long pid = wait_for_process(agent, id);
    /* While no agent looks, and with part of the files there. */
    agent_stop(agent);
    kill((pid_t)-pid, SIGKILL);
    shell("touch %s/n2/data/half-copied", the_cluster.directory);
    agent = agent_start(2, NULL);
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    repli_doc_free(doc);
    assert_follows(agent);
    shell("test ! -e %s/n2/data/half-copied", the_cluster.directory);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(copy_that_lost_its_parent_is_not_joined_by_another) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, JOIN, SLOW_JOIN, source_port()));
    const long pid = wait_for_process(agent, id);
    const char *backups = "SELECT count(*) FROM pg_stat_progress_basebackup";
    cluster_sql_until(1, "1", backups);
    kill((pid_t)pid, SIGKILL);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    for (int ended = 0; !ended;) {
        ck_assert_int_le(atoi(cluster_sql(1, "%s", backups)), 1);
        ck_assert_int_eq(repli_agent_action(agent, id, &doc, &action, NULL), REPLI_OK);
        ended = action->phase != REPLI_PHASE_RUNNING;
        ck_assert_msg(action->phase != REPLI_PHASE_FAILED, "%s", action->error_json);
        repli_doc_free(doc);
    }
    assert_follows(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

/* A copy that would take an hour. */
#define ENDLESS_JOIN "{\"source\":\"127.0.0.1:%d\",\"max_rate\":\"32k\"}"

/* All of a process group, but for what waits to be buried by this program. */
static void assert_gone(long group) {
    shell("! ps -e -o pgid=,stat= | awk '$1 == %ld && $2 !~ /^Z/' | grep .", group);
}

static void assert_empty(repli_agent *agent) {
    ck_assert_str_eq(shell("ls -A %s/n2/data", the_cluster.directory), "");
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
    assert_follows(agent);
}

START_TEST(copy_can_be_cancelled) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, JOIN, ENDLESS_JOIN, source_port()));
    const long pid = wait_for_process(agent, id);
    ck_assert_int_eq(repli_agent_cancel(agent, id, NULL), REPLI_OK);
    assert_contains(must_end(agent, id, REPLI_ENDED_CANCELLED), "the copy was ended on request");
    assert_gone(pid);
    assert_empty(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

/* One that is stopped does not end when it is asked to. */
START_TEST(copy_ends_at_the_deadline) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule_within(agent, 4000, JOIN, ENDLESS_JOIN, source_port()));
    const long pid = wait_for_process(agent, id);
    kill((pid_t)-pid, SIGSTOP);
    assert_contains(must_end(agent, id, REPLI_ENDED_TIMED_OUT),
                    "the copy was ended at its deadline");
    assert_gone(pid);
    assert_empty(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(copy_that_fails_leaves_the_node_as_it_was) {
    repli_agent *agent = agent_start(2, NULL);
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s", schedule(agent, JOIN, SLOW_JOIN, source_port()));
    cluster_sql_until(1, "1", "SELECT count(*) FROM pg_stat_replication WHERE state = 'backup'");
    cluster_sql(1, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_FAILED);
    assert_contains(action->error_json, "pg_basebackup from 127.0.0.1:");
    repli_doc_free(doc);
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(what_an_interrupted_join_left_behind_is_removed) {
    shell("cd %s/n2 && mkdir -p data/base data.replicante && echo 15 >data/PG_VERSION && "
          "echo $PWD/data >data.replicante/unfinished",
          the_cluster.directory);
    repli_agent *agent = agent_start(2, NULL);
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    must_do(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port());
    assert_follows(agent);
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(directory_that_is_not_ours_is_refused) {
    repli_agent *agent = agent_start(2, NULL);
    shell("cd %s/n2 && mkdir data && echo precious >data/file", the_cluster.directory);
    /* A mark that is for another directory gives nothing away. */
    shell("cd %s/n2 && mkdir -p data.replicante && echo /elsewhere >data.replicante/unfinished",
          the_cluster.directory);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port()),
                    "is not empty and not a data directory");
    ck_assert_str_eq(shell("cat %s/n2/data/file", the_cluster.directory), "precious");

    shell("cd %s/n2 && rm -r data && %s/initdb -D data -A trust -N >log", the_cluster.directory,
          the_cluster.bin_directory);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port()),
                    "it holds another cluster");
    assert_contains(must_fail(agent, REJOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port()),
                    "belongs to another cluster");

    shell("cd %s && rm -r n2/data && cp -r n1/data n2/data", the_cluster.directory);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port()),
                    "use postgresql.org/rejoin");
    agent_stop(agent);
    forget_node_2();
}
END_TEST

START_TEST(source_that_cannot_be_used_fails_the_join) {
    repli_agent *agent = agent_start(2, NULL);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2),
                    "the source: cannot connect");
    agent_stop(agent);
    const options given = {.replication = "agent"};
    agent = agent_start(2, &given);
    assert_contains(must_fail(agent, JOIN, "{\"source\":\"127.0.0.1:%d\"}", source_port()),
                    "the source: authentication failed");
    assert_status(agent, REPLI_STATUS_NOT_IN_CLUSTER, NULL);
    agent_stop(agent);
}
END_TEST

static Suite *join_suite(void) {
    Suite *suite = suite_create("postgresql-join");
    TCase *tcase = tcase_create("join");
    tcase_add_unchecked_fixture(tcase, up, cluster_down);
    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, empty_node_joins_and_then_has_nothing_to_do);
    tcase_add_test(tcase, node_joins_by_itself_without_add);
    tcase_add_test(tcase, node_is_joining_while_the_copy_runs);
    tcase_add_test(tcase, copy_outlives_the_agent_and_is_taken_up_again);
    tcase_add_test(tcase, copy_that_was_killed_is_begun_anew);
    tcase_add_test(tcase, copy_that_lost_its_parent_is_not_joined_by_another);
    tcase_add_test(tcase, copy_can_be_cancelled);
    tcase_add_test(tcase, copy_ends_at_the_deadline);
    tcase_add_test(tcase, copy_that_fails_leaves_the_node_as_it_was);
    tcase_add_test(tcase, what_an_interrupted_join_left_behind_is_removed);
    tcase_add_test(tcase, directory_that_is_not_ours_is_refused);
    tcase_add_test(tcase, source_that_cannot_be_used_fails_the_join);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_postgresql_suite(join_suite());
}
