/* run.sh timeout: 300 */
#include <stdio.h>
#include <string.h>

#include "cluster.h"

#define PROMOTE "postgresql.org/promote"
#define REJOIN "postgresql.org/rejoin"

/* What a switchover of real servers looks like in the logs of the agents beside them. */

static void up(void) {
    cluster_up(2, 0);
}

static void must_finish(repli_agent *agent, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s", action->error_json);
    repli_doc_free(doc);
}

/* The next change of the role is that one, and that action did it. A standby may be seen before it
 * streams. */
static void expect_change(repli_agent *agent, int64_t after, const char *from, const char *to,
                          const char *id, const char *kind) {
    repli_event event = role_after(agent, after);
    ck_assert_str_eq(event.old_value, from);
    ck_assert_str_eq(event.cause, "action");
    ck_assert_str_eq(event.action_id, id);
    ck_assert_str_eq(event.action_kind, kind);
    ck_assert_int_eq(event.count, 1);
    ck_assert_uint_eq(event.flags, 0);
    if (strcmp(event.new_value, "Recovering") == 0)
        event = role_after(agent, event.number);
    ck_assert_str_eq(event.new_value, to);
}

START_TEST(a_switchover_is_told_with_its_cause) {
    repli_agent *agents[2] = {agent_start(1, NULL), agent_start(2, NULL)};
    int64_t begin[2];
    char id[REPLI_UUID_SIZE];
    for (int i = 0; i < 2; i++) {
        const repli_event first = role_after(agents[i], 0);
        ck_assert_ptr_null(first.old_value);
        ck_assert_str_eq(first.new_value, i == 0 ? "Primary" : "Secondary");
        ck_assert_str_eq(first.cause, "observed");
        begin[i] = first.number;
    }
    cluster_do("stop", 1);
    snprintf(id, sizeof(id), "%s", schedule(agents[1], PROMOTE, "{}"));
    must_finish(agents[1], id);
    expect_change(agents[1], begin[1], "Secondary", "Primary", id, PROMOTE);

    snprintf(id, sizeof(id), "%s",
             schedule(agents[0], REJOIN, "{\"source\":\"127.0.0.1:%d\"}", the_cluster.port + 2));
    must_finish(agents[0], id);
    expect_change(agents[0], begin[0], "Primary", "Secondary", id, REJOIN);
    for (int i = 0; i < 2; i++)
        agent_stop(agents[i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("postgresql events");
    TCase *tests = tcase_create("events");
    tcase_add_unchecked_fixture(tests, up, cluster_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_switchover_is_told_with_its_cause);
    suite_add_tcase(suite, tests);
    return run_postgresql_suite(suite);
}
