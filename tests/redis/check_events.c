/* run.sh timeout: 300 */
#include <stdio.h>
#include <string.h>

#include "servers.h"

/* What a switchover of real servers looks like in the logs of the agents beside them. */

static void up(void) {
    servers_up(2, 0);
}

static void expect_change(const repli_event *event, const char *from, const char *to) {
    ck_assert_str_eq(event->old_value, from);
    ck_assert_str_eq(event->new_value, to);
    ck_assert_int_eq(event->count, 1);
    ck_assert_uint_eq(event->flags & REPLI_EVENT_AWAY, 0);
}

START_TEST(a_switchover_is_told_with_its_cause) {
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    int64_t begin[2];
    for (int i = 0; i < 2; i++) {
        const repli_event first = role_after(agents[i], 0);
        ck_assert_ptr_null(first.old_value);
        ck_assert_str_eq(first.new_value, i == 0 ? "Primary" : "Secondary");
        begin[i] = first.number;
    }
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "%s",
             schedule(agents[0], "redis.io/failover", "{\"to\":\"127.0.0.1:%d\"}",
                      the_servers.port + 2));
    repli_doc *doc = NULL;
    ck_assert_int_eq(finish(agents[0], id, 60, &doc)->phase, REPLI_PHASE_DONE);
    repli_doc_free(doc);
    /* On the node where it ran, the action did it; the other one only sees it. */
    repli_event event = role_after(agents[0], begin[0]);
    ck_assert_str_eq(event.old_value, "Primary");
    ck_assert_str_eq(event.cause, "action");
    ck_assert_str_eq(event.action_id, id);
    ck_assert_str_eq(event.action_kind, "redis.io/failover");
    event = role_after(agents[1], begin[1]);
    expect_change(&event, "Secondary", "Primary");
    ck_assert_str_eq(event.cause, "observed");
    ck_assert_ptr_null(event.action_id);
    for (int i = 0; i < 2; i++)
        agent_stop(agents[i]);
}
END_TEST

START_TEST(what_happened_without_an_agent_is_told_once) {
    repli_agent *agent = agent_start(2, NULL);
    const int64_t begin = role_after(agent, 0).number;
    agent_stop(agent);
    servers_cli(2, "replicaof no one");
    for (int turn = 0; turn < 2; turn++) {
        agent = agent_start(2, NULL);
        const repli_event event = role_after(agent, begin);
        ck_assert_str_eq(event.old_value, "Secondary");
        ck_assert_str_eq(event.new_value, "Primary");
        ck_assert_str_eq(event.cause, "observed");
        ck_assert_uint_eq(event.flags, REPLI_EVENT_AWAY);
        repli_snapshot_unref(look(agent));
        const int64_t number = event.number;
        repli_doc *doc = NULL;
        const repli_event *events;
        size_t count;
        ck_assert_int_eq(
            repli_agent_events(agent, number, 0, &doc, &events, &count, NULL, NULL, NULL),
            REPLI_OK);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_ne(events[i].type, REPLI_EVENT_ROLE);
        repli_doc_free(doc);
        agent_stop(agent);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("redis events");
    TCase *tests = tcase_create("events");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, up, servers_down);
    tcase_add_test(tests, a_switchover_is_told_with_its_cause);
    tcase_add_test(tests, what_happened_without_an_agent_is_told_once);
    suite_add_tcase(suite, tests);
    return run_redis_suite(suite);
}
