#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent_fixture.h"

/* Maintenance, as a host sees it. */

static agent_fixture fixture;
static repli_error error;

static const char test_success[] = "agent.replicante.io/test.success";

static void setup(void) {
    agent_fixture_setup_quick(&fixture);
    error = (repli_error)REPLI_ERROR_INIT;
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

static int64_t wall_ms(int64_t ahead_ms) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + ahead_ms) * 1000000;
}

static int32_t begin(const char *owner, int64_t until_ns, uint32_t flags) {
    repli_maintenance wanted = REPLI_MAINTENANCE_INIT;
    wanted.owner = owner;
    wanted.reason = "new disks";
    wanted.until_ns = until_ns;
    return repli_agent_set_maintenance(fixture.agent, &wanted, flags, &error);
}

static int32_t end(void) {
    return repli_agent_set_maintenance(fixture.agent, NULL, 0, &error);
}

static int lasts(void) {
    repli_doc *doc = NULL;
    const repli_maintenance *found = NULL;
    const int32_t code = repli_agent_maintenance(fixture.agent, &doc, &found, NULL);
    ck_assert(code == REPLI_OK || code == REPLI_ENOTFOUND);
    repli_doc_free(doc);
    return code == REPLI_OK;
}

static int32_t phase_of(const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
    const int32_t phase = action->phase;
    repli_doc_free(doc);
    return phase;
}

static const repli_attribute *attribute_of(const repli_snapshot *snapshot, const char *name) {
    const repli_node *node = repli_snapshot_node(snapshot);
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

/* Wait until a snapshot says so. */
static repli_snapshot *await_attribute(int on) {
    const int64_t start = now_ms();
    for (;;) {
        repli_snapshot *snapshot = NULL;
        ck_assert_int_eq(repli_agent_snapshot(fixture.agent, &snapshot, NULL), REPLI_OK);
        const repli_attribute *attribute =
            attribute_of(snapshot, "agent.replicante.io/maintenance");
        ck_assert_ptr_nonnull(attribute);
        ck_assert_int_eq(attribute->type, REPLI_VALUE_BOOLEAN);
        if (attribute->integer == on)
            return snapshot;
        repli_snapshot_unref(snapshot);
        ck_assert_int_lt(now_ms() - start, 10000);
        pause_ms(5);
    }
}

static void expect_metric(const char *line) {
    repli_buf text = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_agent_metrics(fixture.agent, &text, NULL), REPLI_OK);
    ck_assert_msg(strstr(text.data, line) != NULL, "%s", line);
    repli_buf_dispose(&text);
}

START_TEST(actions_wait_for_its_end) {
    agent_fixture_start(&fixture);
    ck_assert_int_eq(lasts(), 0);
    ck_assert_int_eq(end(), REPLI_OK);
    ck_assert_int_eq(begin("alice", REPLI_TIME_NONE, 0), REPLI_OK);
    char waiting[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, test_success, "null", waiting);
    repli_snapshot_unref(await_attribute(1));
    ck_assert_int_eq(phase_of(waiting), REPLI_PHASE_NEW);
    ck_assert_int_eq(end(), REPLI_OK);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, waiting), REPLI_PHASE_DONE);
    ck_assert_int_eq(lasts(), 0);
}
END_TEST

START_TEST(what_is_allowed_runs_in_its_order) {
    static const char *const allowed[] = {"agent.replicante.io/test.s*", "fake.test/append"};
    ck_assert_int_eq(
        repli_config_set_strs(fixture.config, "maintenance.allowed_actions", allowed, 2, NULL),
        REPLI_OK);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(begin("alice", REPLI_TIME_NONE, 0), REPLI_OK);
    char held[REPLI_UUID_SIZE];
    char first[REPLI_UUID_SIZE];
    char second[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/echo", "1", held);
    agent_fixture_schedule(&fixture, test_success, "null", first);
    agent_fixture_schedule(&fixture, test_success, "null", second);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, second), REPLI_PHASE_DONE);
    ck_assert_int_eq(phase_of(first), REPLI_PHASE_DONE);
    ck_assert_int_eq(phase_of(held), REPLI_PHASE_NEW);

    /* A reload may allow more. */
    static const char *const more[] = {"fake.test/*"};
    ck_assert_int_eq(
        repli_config_set_strs(fixture.config, "maintenance.allowed_actions", more, 1, NULL),
        REPLI_OK);
    ck_assert_int_eq(repli_agent_reload(fixture.agent, fixture.config, NULL), REPLI_OK);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, held), REPLI_PHASE_DONE);
    repli_doc *doc = NULL;
    const repli_maintenance *found = NULL;
    ck_assert_int_eq(repli_agent_maintenance(fixture.agent, &doc, &found, NULL), REPLI_OK);
    ck_assert_str_eq(found->allowed[0], "fake.test/*");
    ck_assert_ptr_null(found->allowed[1]);
    repli_doc_free(doc);
}
END_TEST

START_TEST(patterns_that_fit_nothing_are_refused) {
    static const char *const bad[] = {"nonsense", "fake.*/append", "*x", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(
            repli_config_set_strs(fixture.config, "maintenance.allowed_actions", &bad[i], 1, NULL),
            REPLI_EINVALID);
}
END_TEST

START_TEST(it_is_seen) {
    agent_fixture_start(&fixture);
    expect_metric("\nrepliagent_maintenance 0\n");
    repli_snapshot *snapshot = await_attribute(0);
    ck_assert_ptr_null(attribute_of(snapshot, "agent.replicante.io/maintenance.owner"));
    repli_snapshot_unref(snapshot);
    const int64_t until_ns = wall_ms(3600000);
    ck_assert_int_eq(begin("alice", until_ns, 0), REPLI_OK);
    expect_metric("\nrepliagent_maintenance 1\n");
    snapshot = await_attribute(1);
    char until[REPLI_TIME_SIZE];
    ck_assert_int_eq(repli_time_format(until_ns, until, sizeof(until), NULL), REPLI_OK);
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/maintenance.owner"), "alice");
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/maintenance.reason"),
                     "new disks");
    ck_assert_str_eq(node_attribute(snapshot, "agent.replicante.io/maintenance.until"), until);
    repli_snapshot_unref(snapshot);
}
END_TEST

START_TEST(it_has_one_owner) {
    agent_fixture_start(&fixture);
    ck_assert_int_eq(begin(NULL, REPLI_TIME_NONE, 0), REPLI_EINVALID);
    ck_assert_int_eq(begin("", REPLI_TIME_NONE, 0), REPLI_EINVALID);
    ck_assert_int_eq(begin("a\nb", REPLI_TIME_NONE, 0), REPLI_EINVALID);
    ck_assert_int_eq(begin("alice", wall_ms(-1000), 0), REPLI_EINVALID);
    ck_assert_int_eq(lasts(), 0);
    ck_assert_int_eq(begin("alice", REPLI_TIME_NONE, 0), REPLI_OK);
    ck_assert_int_eq(begin("bob", REPLI_TIME_NONE, 0), REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "\"alice\" holds actions up"));
    repli_doc *doc = NULL;
    const repli_maintenance *found = NULL;
    ck_assert_int_eq(repli_agent_maintenance(fixture.agent, &doc, &found, NULL), REPLI_OK);
    const int64_t since_ns = found->since_ns;
    repli_doc_free(doc);
    /* The same one changes it, and that is no new one. */
    ck_assert_int_eq(begin("alice", wall_ms(3600000), 0), REPLI_OK);
    ck_assert_int_eq(repli_agent_maintenance(fixture.agent, &doc, &found, NULL), REPLI_OK);
    ck_assert_int_eq(found->since_ns, since_ns);
    ck_assert_int_ne(found->until_ns, REPLI_TIME_NONE);
    repli_doc_free(doc);
    ck_assert_int_eq(begin("bob", REPLI_TIME_NONE, REPLI_MAINTENANCE_FORCE), REPLI_OK);
    ck_assert_int_eq(repli_agent_maintenance(fixture.agent, &doc, &found, NULL), REPLI_OK);
    ck_assert_str_eq(found->owner, "bob");
    ck_assert_int_ge(found->since_ns, since_ns);
    ck_assert_int_eq(found->until_ns, REPLI_TIME_NONE);
    repli_doc_free(doc);
}
END_TEST

START_TEST(it_survives_a_restart) {
    agent_fixture_start(&fixture);
    ck_assert_int_eq(begin("alice", REPLI_TIME_NONE, 0), REPLI_OK);
    char waiting[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, test_success, "null", waiting);
    agent_fixture_stop(&fixture);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(lasts(), 1);
    repli_snapshot_unref(await_attribute(1));
    ck_assert_int_eq(phase_of(waiting), REPLI_PHASE_NEW);
    ck_assert_int_eq(end(), REPLI_OK);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, waiting), REPLI_PHASE_DONE);
    agent_fixture_stop(&fixture);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(lasts(), 0);
}
END_TEST

START_TEST(it_ends_by_itself) {
    agent_fixture_start(&fixture);
    ck_assert_int_eq(begin("alice", wall_ms(300), 0), REPLI_OK);
    char waiting[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, test_success, "null", waiting);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, waiting), REPLI_PHASE_DONE);
    ck_assert_int_eq(lasts(), 0);
    repli_snapshot_unref(await_attribute(0));
    /* Another one ends just as well. */
    ck_assert_int_eq(begin("bob", wall_ms(200), 0), REPLI_OK);
    agent_fixture_schedule(&fixture, test_success, "null", waiting);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, waiting), REPLI_PHASE_DONE);
}
END_TEST

START_TEST(it_ends_while_the_agent_is_away) {
    agent_fixture_start(&fixture);
    const int64_t until_ns = wall_ms(200);
    ck_assert_int_eq(begin("alice", until_ns, 0), REPLI_OK);
    char waiting[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, test_success, "null", waiting);
    agent_fixture_stop(&fixture);
    while (wall_ms(0) < until_ns)
        pause_ms(10);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, waiting), REPLI_PHASE_DONE);
    ck_assert_int_eq(lasts(), 0);
}
END_TEST

/* "OLD>NEW (REASON) CAUSE" for each event of maintenance after a number, while no number is left out. */
static const char *told(int64_t after) {
    static char text[1024];
    repli_doc *doc = NULL;
    const repli_event *events;
    size_t count;
    size_t size = 0;
    ck_assert_int_eq(
        repli_agent_events(fixture.agent, after, 0, &doc, &events, &count, NULL, NULL, NULL),
        REPLI_OK);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const repli_event *event = &events[i];
        ck_assert_int_eq(event->number, after + 1 + (int64_t)i);
        if (event->type != REPLI_EVENT_MAINTENANCE)
            continue;
        ck_assert_ptr_null(event->subject);
        ck_assert_ptr_null(event->action_id);
        ck_assert_uint_eq(event->flags, 0);
        size +=
            (size_t)snprintf(text + size, sizeof(text) - size, "%s%s>%s (%s) %s",
                             size > 0 ? ", " : "", event->old_value != NULL ? event->old_value : "",
                             event->new_value != NULL ? event->new_value : "",
                             event->reason != NULL ? event->reason : "", event->cause);
    }
    repli_doc_free(doc);
    return text;
}

START_TEST(each_change_is_an_event) {
    static const char all[] = ">alice (new disks) request, alice>alice (new disks) request, "
                              "alice>bob (new disks) request, bob> () request";
    agent_fixture_start(&fixture);
    ck_assert_int_eq(end(), REPLI_OK); /* which changes nothing, */
    const int64_t until_ns = wall_ms(3600000);
    ck_assert_int_eq(begin("alice", REPLI_TIME_NONE, 0), REPLI_OK);
    ck_assert_int_eq(begin("bob", REPLI_TIME_NONE, 0), REPLI_ECONFLICT);
    ck_assert_int_eq(begin("alice", until_ns, 0), REPLI_OK);
    ck_assert_int_eq(begin("alice", until_ns, 0), REPLI_OK); /* nor does this */
    ck_assert_int_eq(begin("bob", until_ns, REPLI_MAINTENANCE_FORCE), REPLI_OK);
    ck_assert_int_eq(end(), REPLI_OK);
    ck_assert_str_eq(told(0), all);
    agent_fixture_stop(&fixture);
    agent_fixture_start(&fixture);
    ck_assert_str_eq(told(0), all);
}
END_TEST

START_TEST(its_own_end_is_an_event_as_well) {
    agent_fixture_start(&fixture);
    ck_assert_int_eq(begin("alice", wall_ms(200), 0), REPLI_OK);
    for (const int64_t start = now_ms(); lasts(); pause_ms(5))
        ck_assert_int_lt(now_ms() - start, 10000);
    ck_assert_str_eq(told(0), ">alice (new disks) request, alice> () agent");

    /* And one that comes while no agent is there to see it. */
    const int64_t until_ns = wall_ms(200);
    ck_assert_int_eq(begin("bob", until_ns, 0), REPLI_OK);
    agent_fixture_stop(&fixture);
    while (wall_ms(0) < until_ns)
        pause_ms(10);
    agent_fixture_start(&fixture);
    for (const int64_t start = now_ms(); lasts(); pause_ms(5))
        ck_assert_int_lt(now_ms() - start, 10000);
    ck_assert_str_eq(told(0), ">alice (new disks) request, alice> () agent, "
                              ">bob (new disks) request, bob> () agent");
}
END_TEST

/* The host sleeps until the agent says, and not longer. */
START_TEST(it_ends_in_a_loop_of_the_hosts_as_well) {
    ck_assert_int_eq(repli_config_set_run_mode(fixture.config, REPLI_RUN_DISPATCH, NULL), REPLI_OK);
    agent_fixture_set(&fixture, "observe.interval_ms", 3600000);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(begin("alice", wall_ms(300), 0), REPLI_OK);
    char waiting[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, test_success, "null", waiting);
    const int64_t start = now_ms();
    while (phase_of(waiting) != REPLI_PHASE_DONE) {
        ck_assert_int_lt(now_ms() - start, 10000);
        const uint64_t due_ns = repli_agent_deadline(fixture.agent);
        const uint64_t now_ns = (uint64_t)now_ms() * 1000000;
        ck_assert_uint_lt(due_ns, now_ns + UINT64_C(10000000000));
        pause_ms(due_ns > now_ns ? (long)((due_ns - now_ns) / 1000000) + 1 : 0);
        ck_assert_int_eq(repli_agent_dispatch(fixture.agent, NULL), REPLI_OK);
    }
    ck_assert_int_eq(lasts(), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agent_maintenance");
    TCase *tcase = tcase_create("maintenance");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, actions_wait_for_its_end);
    tcase_add_test(tcase, what_is_allowed_runs_in_its_order);
    tcase_add_test(tcase, patterns_that_fit_nothing_are_refused);
    tcase_add_test(tcase, it_is_seen);
    tcase_add_test(tcase, it_has_one_owner);
    tcase_add_test(tcase, it_survives_a_restart);
    tcase_add_test(tcase, it_ends_by_itself);
    tcase_add_test(tcase, each_change_is_an_event);
    tcase_add_test(tcase, its_own_end_is_an_event_as_well);
    tcase_add_test(tcase, it_ends_while_the_agent_is_away);
    tcase_add_test(tcase, it_ends_in_a_loop_of_the_hosts_as_well);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
