/* run.sh timeout: 300 */
/* The driver's actions, on nodes of a cluster. */

#include <stdio.h>
#include <string.h>

#include "nodes.h"

static void up(void) {
    folder_new();
    nodes_up(3, 1, "");
}

START_TEST(a_node_joins_and_is_told_of_all) {
    nodes_do("start", 4);
    repli_agent *agent = agent_beside(4, 0);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_NOT_IN_CLUSTER, 20));
    char args[64];
    snprintf(args, sizeof(args), "{\"source\": \"127.0.0.1:%d\"}", node_port(2, "GOSSIP"));
    assert_contains(must_plan(agent, "agent.replicante.io/cluster.join", "%s", args),
                    "POST /_alldata/join?address=127.0.0.1:");
    must_do(agent, "agent.replicante.io/cluster.join", "%s", args);
    await_attribute(agent, "peers_live", 3);
    repli_snapshot_unref(look_for(agent, REPLI_STATUS_HEALTHY, 20));
    /* Again: it is done already. */
    must_do(agent, "agent.replicante.io/cluster.join", "%s", args);
    snprintf(args, sizeof(args), "{\"source\": \"127.0.0.1:%d\"}", node_port(4, "GOSSIP"));
    assert_contains(must_fail(agent, "agent.replicante.io/cluster.join", "%s", args),
                    "this node itself");
    agent_stop(agent);
}
END_TEST

START_TEST(a_join_that_finds_nobody_can_be_cancelled) {
    repli_agent *agent = agent_beside(1, 0);
    await_attribute(agent, "peers_live", 2);
    const char *id = schedule(agent, "agent.replicante.io/cluster.join",
                              "{\"source\": \"127.0.0.1:%d\"}", node_port(4, "GOSSIP"));
    char saved[64];
    snprintf(saved, sizeof(saved), "%s", id);
    for (const int64_t end = now_ms() + 20000;; pause_ms(20)) {
        repli_doc *doc = NULL;
        const repli_action *action = NULL;
        ck_assert_int_eq(repli_agent_action(agent, saved, &doc, &action, NULL), REPLI_OK);
        const int waits = action->payload_json != NULL &&
                          strstr(action->payload_json, "a node that gossips at") != NULL;
        repli_doc_free(doc);
        if (waits)
            break;
        ck_assert_int_lt(now_ms(), end);
    }
    ck_assert_int_eq(repli_agent_cancel(agent, saved, NULL), REPLI_OK);
    must_end(agent, saved, REPLI_ENDED_CANCELLED);
    agent_stop(agent);
}
END_TEST

START_TEST(a_dead_node_is_forgotten_with_its_hints) {
    repli_agent *agent = agent_beside(1, 0);
    await_attribute(agent, "peers_live", 2);
    assert_contains(
        must_fail(agent, "agent.replicante.io/cluster.remove", "{\"node\": \"node-3\"}"),
        "node-3 lives");
    assert_contains(
        must_fail(agent, "agent.replicante.io/cluster.remove", "{\"node\": \"node-1\"}"),
        "the node itself");
    nodes_do("crash", 3);
    put_events(node_url(1), 10);
    await_attribute(agent, "peers_dead", 1);
    await_attribute(agent, "hints_pending", 10);
    assert_contains(
        must_plan(agent, "agent.replicante.io/cluster.remove", "{\"node\": \"node-3\"}"),
        "the 10 events that are kept for it");
    assert_contains(must_do(agent, "agent.replicante.io/cluster.remove", "{\"node\": \"node-3\"}"),
                    "\"hints\":10");
    await_attribute(agent, "peers_dead", 0);
    must_do(agent, "agent.replicante.io/cluster.remove", "{\"node\": \"node-3\"}");
    agent_stop(agent);
}
END_TEST

/* A node whose disk was lost has everything again after a repair. */
START_TEST(a_repair_brings_back_what_was_lost) {
    repli_agent *agent = agent_beside(3, 0);
    await_attribute(agent, "peers_live", 2);
    put_events(node_url(1), 50);
    await_events(node_url(3), 50);
    nodes_do("stop", 3);
    shell("rm -r %s/c/n3/data", folder());
    nodes_do("start", 3);
    await_attribute(agent, "peers_live", 2);
    assert_contains(must_plan(agent, "alldata.io/repair", "{}"), "POST /_alldata/repair");
    must_do(agent, "alldata.io/repair", "{}");
    await_events(node_url(3), 50);
    must_do(agent, "alldata.io/repair", "{\"interval\": \"%s\"}", day_before(0));
    agent_stop(agent);
}
END_TEST

/* Events of days ago, which came by any node, are in the file of each. */
START_TEST(a_closed_interval_becomes_a_file) {
    char key[40], path[256], line[128] = "";
    repli_agent *agent = agent_beside(2, 0);
    await_attribute(agent, "peers_live", 2);
    for (int i = 1; i <= 3; i++) {
        snprintf(key, sizeof(key), "%.9s12000000%d000000000", day_before(9), i);
        put_late(node_url(i), key, "{\"late\": true}");
    }
    assert_contains(must_plan(agent, "alldata.io/export", "{\"interval\": \"%s\"}", day_before(9)),
                    "write the 3 events");
    const char *payload =
        must_do(agent, "alldata.io/export", "{\"interval\": \"%s\"}", day_before(9));
    assert_contains(payload, "\"events\":3");
    const char *at = strstr(payload, "\"path\":\"");
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at, "\"path\":\"%255[^\"]", path), 1);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    assert_contains(line, day_before(9));
    for (int i = 1; i <= 3; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
        assert_contains(line, "000000000 {\"late\": true}\n");
    }
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, "end 3\n");
    fclose(file);
    /* With what came since. */
    snprintf(key, sizeof(key), "%.9s120000004000000000", day_before(9));
    put_late(node_url(1), key, "4");
    assert_contains(must_do(agent, "alldata.io/export", "{\"interval\": \"%s\"}", day_before(9)),
                    "\"events\":4");
    agent_stop(agent);
}
END_TEST

START_TEST(arguments_are_checked) {
    repli_agent *agent = agent_beside(1, 0);
    static const char *const wrong[][2] = {
        {"agent.replicante.io/cluster.join", "{}"},
        {"agent.replicante.io/cluster.join", "{\"source\": \"here\"}"},
        {"agent.replicante.io/cluster.join", "{\"source\": \"a b:1\"}"},
        {"agent.replicante.io/cluster.join", "{\"source\": \"a:70000\"}"},
        {"agent.replicante.io/cluster.remove", "{}"},
        {"alldata.io/repair", "{\"interval\": 5}"},
        {"alldata.io/repair", "{\"timeout_seconds\": 0}"},
        {"alldata.io/export", "{}"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        repli_request request = REPLI_REQUEST_INIT;
        char id[REPLI_UUID_SIZE];
        request.kind = wrong[i][0];
        request.args_json = wrong[i][1];
        ck_assert_msg(repli_agent_schedule(agent, &request, id, NULL) == REPLI_EINVALID, "%s",
                      wrong[i][1]);
    }
    agent_stop(agent);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("actions");
    tcase_add_checked_fixture(tcase, up, nodes_down);
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, a_node_joins_and_is_told_of_all);
    tcase_add_test(tcase, a_join_that_finds_nobody_can_be_cancelled);
    tcase_add_test(tcase, a_dead_node_is_forgotten_with_its_hints);
    tcase_add_test(tcase, a_repair_brings_back_what_was_lost);
    tcase_add_test(tcase, a_closed_interval_becomes_a_file);
    tcase_add_test(tcase, arguments_are_checked);
    Suite *suite = suite_create("alldata-driver-actions");
    suite_add_tcase(suite, tcase);
    return run_alldata_suite(suite);
}
