#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* The log of events, as an operator sees it. */

static struct program_agent agent;
static struct program_output output;
static char script[128];

static void say(const char *json) {
    char next[160];
    snprintf(next, sizeof(next), "%s.new", script);
    program_write_file(next, json);
    ck_assert_int_eq(rename(next, script), 0);
}

static void setup(void) {
    char more[256];
    program_agent_init(&agent, NULL);
    snprintf(script, sizeof(script), "%s/script", agent.directory);
    snprintf(more, sizeof(more), "fake: {script: %s}\nobserve: {interval_ms: 20}\n", script);
    program_agent_configure(&agent, more);
    say("{}");
}

static void teardown(void) {
    program_output_free(&output);
    output = (struct program_output){0};
    program_agent_dispose(&agent);
}

/* The events after a number, as JSON or as a table. */
static const char *events(const char *after, const char *option) {
    program_output_free(&output);
    program_run(&output,
                (const char *[]){"events", "-a", agent.address, "--after", after, option, NULL});
    ck_assert_msg(output.status == 0, "%s", output.err);
    return output.out;
}

static void expect(const char *text) {
    for (const long end = program_now_ms() + 20000; strstr(events("0", "--json"), text) == NULL;) {
        ck_assert_msg(program_now_ms() < end, "there is no %s in %s", text, output.out);
        program_pause_ms(20);
    }
}

static int count(const char *text) {
    int found = 0;
    for (const char *at = events("0", "--json"); (at = strstr(at, text)) != NULL; at++)
        found++;
    return found;
}

#define STATUS(before, after) "\"old\":" before ",\"new\":\"" after "\",\"reason\":null"

START_TEST(a_change_is_told_once_over_restarts) {
    program_agent_start(&agent);
    expect(STATUS("null", "HEALTHY"));
    expect("\"subject\":\"shard-0\"," STATUS("null", "Primary"));
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    /* Nothing changed meanwhile, but that the agent was killed. */
    program_agent_start(&agent);
    expect(STATUS("\"started\"", "interrupted"));
    expect(STATUS("\"interrupted\"", "started"));
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    say("{\"role\": \"secondary\", \"shard_count\": 2, \"status\": \"unhealthy\"}");
    program_agent_start(&agent);
    expect("\"subject\":\"shard-1\"," STATUS("null", "Secondary"));
    ck_assert_int_eq(count("\"subject\":\"shard-0\"," STATUS("\"Primary\"", "Secondary")), 1);
    ck_assert_int_eq(count(STATUS("\"HEALTHY\"", "UNHEALTHY") ",\"cause\":\"observed\""), 1);
    ck_assert_int_eq(count(STATUS("\"started\"", "stopped")), 1);
    ck_assert_int_eq(count("\"type\":\"role\""), 3);
    ck_assert_int_eq(count("\"type\":\"status\""), 2);
    /* What was found by the first observation after a start happened before it. */
    ck_assert_int_eq(count("\"away\":true"), 4);
    say("{\"shard_count\": 0}");
    expect("\"subject\":\"shard-1\",\"old\":\"Secondary\",\"new\":null");
    ck_assert_int_eq(count("\"away\":true"), 4);
}
END_TEST

START_TEST(an_action_is_the_cause_of_what_it_did) {
    program_agent_start(&agent);
    expect(STATUS("null", "HEALTHY"));
    program_output_free(&output);
    program_run(&output, (const char *[]){"schedule", "-a", agent.address, "fake.test/slow",
                                          "{\"ms\": 600000}", NULL});
    ck_assert_msg(output.status == 0, "%s", output.err);
    char cause[160];
    snprintf(cause, sizeof(cause), "\"cause\":\"action\",\"action\":{\"id\":\"%.36s\"", output.out);
    expect("\"new\":\"RUNNING\"");
    say("{\"role\": \"secondary\"}");
    expect("\"subject\":\"shard-0\"," STATUS("\"Primary\"", "Secondary"));
    ck_assert_ptr_nonnull(strstr(output.out, cause));
}
END_TEST

#define CHANGE(before, after) "\"old\":" before ",\"new\":" after

START_TEST(of_very_many_roles_most_are_counted) {
    say("{\"shard_count\": 2500}");
    program_agent_start(&agent);
    for (const long end = program_now_ms() + 30000;; program_pause_ms(20)) {
        program_output_free(&output);
        program_run(&output, (const char *[]){"events", "-a", agent.address, "--after", "900",
                                              "--json", "--limit", "1000", NULL});
        if (strstr(output.out, "\"count\":500,") != NULL)
            break;
        ck_assert_msg(program_now_ms() < end, "%s", output.out);
    }
    ck_assert_ptr_nonnull(strstr(output.out, "\"count\":1000,"));
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    /* Nobody is told again, and those that went are told of. */
    say("{\"shard_count\": 1200}");
    program_agent_start(&agent);
    const long end = program_now_ms() + 30000;
    do {
        ck_assert_int_lt(program_now_ms(), end);
        program_output_free(&output);
        program_run(&output, (const char *[]){"events", "-a", agent.address, "--json", "--limit",
                                              "1000", NULL});
    } while (strstr(output.out, "\"subject\":null," CHANGE("\"Primary\"", "null")) == NULL);
    ck_assert_ptr_null(strstr(output.out,
                              "\"new\":\"Primary\",\"reason\":null,\"cause\":"
                              "\"observed\",\"action\":null,\"count\":1,\"away\":true"));
}
END_TEST

START_TEST(a_table_is_for_people) {
    program_agent_start(&agent);
    expect("\"type\":\"role\"");
    const char *table = events("0", NULL);
    ck_assert_ptr_nonnull(strstr(table, "NUMBER  TIME"));
    ck_assert_ptr_nonnull(strstr(table, "shard-0"));
    ck_assert_ptr_nonnull(strstr(table, "- -> HEALTHY"));
    program_output_free(&output);
    program_run(&output, (const char *[]){"events", "-a", agent.address, "--after", "999", NULL});
    ck_assert_int_ne(output.status, 0);
    ck_assert_ptr_nonnull(strstr(output.err, "of another database"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("events");
    TCase *tcase = tcase_create("events");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_change_is_told_once_over_restarts);
    tcase_add_test(tcase, an_action_is_the_cause_of_what_it_did);
    tcase_add_test(tcase, of_very_many_roles_most_are_counted);
    tcase_add_test(tcase, a_table_is_for_people);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
