#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* Hooks: commands that are run for events. */

static struct program_agent agent;
static char script[128], told[128], gate[128];

static void say(const char *json) {
    char next[160];
    snprintf(next, sizeof(next), "%s.new", script);
    program_write_file(next, json);
    ck_assert_int_eq(rename(next, script), 0);
}

/* hooks: what stands in the section of that name. */
static void configure(const char *hooks) {
    char more[2048];
    snprintf(more, sizeof(more), "fake: {script: %s}\nobserve: {interval_ms: 20}\nhooks:\n%s",
             script, hooks);
    program_agent_configure(&agent, more);
}

static void setup(void) {
    program_agent_init(&agent, NULL);
    snprintf(script, sizeof(script), "%s/script", agent.directory);
    snprintf(told, sizeof(told), "%s/told", agent.directory);
    snprintf(gate, sizeof(gate), "%s/gate", agent.directory);
    program_write_file(told, "");
    say("{}");
}

static void teardown(void) {
    program_agent_dispose(&agent);
}

/* A hook called h for events of these types, which runs a text in a shell. */
static const char *hook(const char *types, int timeout_ms, const char *text) {
    static char section[1024];
    snprintf(section, sizeof(section),
             "  h: {events: [%s], timeout_ms: %d, command: [sh, -c, '%s']}\n", types, timeout_ms,
             text);
    return section;
}

static char *file_of(const char *text) {
    static char command[512];
    snprintf(command, sizeof(command), text, told);
    return command;
}

/* What was told, which has text count times in the end; to be freed. */
static char *expect(const char *text, int count) {
    for (const long end = program_now_ms() + 30000;; program_pause_ms(10)) {
        char *all = program_read_file(told);
        int found = 0;
        for (const char *at = all; (at = strstr(at, text)) != NULL; at++)
            found++;
        if (found >= count) {
            ck_assert_int_eq(found, count);
            return all;
        }
        ck_assert_msg(program_now_ms() < end, "\"%s\" is %d times in:\n%s", text, found, all);
        free(all);
    }
}

START_TEST(a_hook_is_told_of_each_event_in_order) {
    configure(hook("role, status", 5000, file_of("cat >>%1$s; echo >>%1$s")));
    program_agent_start(&agent);
    free(expect("\"new\":\"Primary\"", 1));
    for (int i = 0; i < 10; i++) {
        say(i % 2 == 0 ? "{\"role\": \"secondary\"}" : "{}");
        free(expect(i % 2 == 0 ? "\"old\":\"Primary\"" : "\"old\":\"Secondary\"", i / 2 + 1));
    }
    char *all = expect("\"number\":", 12);
    long long last = 0, number;
    for (char *line = strtok(all, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        ck_assert_int_eq(sscanf(line, "{\"number\":%lld,", &number), 1);
        ck_assert_int_gt(number, last);
        last = number;
        ck_assert(strstr(line, "\"type\":\"role\"") != NULL ||
                  strstr(line, "\"type\":\"status\"") != NULL);
    }
    free(all);
    /* And not again by another agent. */
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    program_agent_start(&agent);
    say("{\"status\": \"unhealthy\"}");
    free(expect("\"new\":\"UNHEALTHY\"", 1));
    free(expect("\"number\":", 13));
}
END_TEST

START_TEST(one_that_hangs_is_killed_and_the_next_goes_on) {
    configure(hook("role", 300,
                   file_of("echo begin $REPLICANTE_EVENT_NEW >>%1$s;"
                           " test $REPLICANTE_EVENT_NEW = Secondary || sleep 1000;"
                           " echo end $REPLICANTE_EVENT_NEW >>%1$s")));
    program_agent_start(&agent);
    free(expect("begin Primary", 1));
    say("{\"role\": \"secondary\"}");
    char *all = expect("end Secondary", 1);
    ck_assert_ptr_null(strstr(all, "end Primary"));
    free(all);
    program_agent_expect(&agent, "hook h did not end within 300 ms", 1);
}
END_TEST

START_TEST(a_failure_is_logged_and_no_more) {
    configure(hook("role", 5000, file_of("echo ran >>%s; exit 3")));
    program_agent_start(&agent);
    free(expect("ran", 1));
    say("{\"role\": \"secondary\"}");
    free(expect("ran", 2));
    program_agent_expect(&agent, "it ended with 3", 2);
}
END_TEST

/* Never two at once, even if the agent is killed while one runs. */
START_TEST(one_that_outlives_its_agent_is_waited_for) {
    char text[512];
    snprintf(text, sizeof(text),
             "echo begin >>%s; until test -e %s; do sleep 0.02; done; echo end >>%s", told, gate,
             told);
    configure(hook("role", 60000, text));
    program_agent_start(&agent);
    free(expect("begin", 1));
    /* It is written down right after it began. */
    program_pause_ms(300);
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    program_agent_start(&agent);
    program_pause_ms(300);
    char *all = program_read_file(told);
    ck_assert_str_eq(all, "begin\n");
    free(all);
    program_write_file(gate, "");
    all = expect("end", 2);
    ck_assert_str_eq(all, "begin\nend\nbegin\nend\n");
    free(all);
}
END_TEST

START_TEST(a_reload_changes_hooks) {
    configure(hook("role", 5000, file_of("echo one >>%s")));
    program_agent_start(&agent);
    free(expect("one", 1));
    configure(hook("role", 5000, file_of("echo two >>%s")));
    ck_assert_int_eq(kill(agent.pid, SIGHUP), 0);
    program_agent_expect(&agent, "reloaded", 1);
    say("{\"role\": \"secondary\"}");
    free(expect("two", 1));
    free(expect("one", 1));
}
END_TEST

START_TEST(what_makes_no_sense_is_refused) {
    struct program_output output;
    configure(hook("rolls", 5000, "true"));
    program_run(&output, (const char *[]){"run", "-c", agent.config, "--check-config", NULL});
    ck_assert_int_ne(output.status, 0);
    ck_assert_ptr_nonnull(strstr(output.err, "\"rolls\" is no type of event"));
    program_output_free(&output);
    configure("  h: {events: [role]}\n");
    program_run(&output, (const char *[]){"run", "-c", agent.config, "--check-config", NULL});
    ck_assert_int_ne(output.status, 0);
    ck_assert_ptr_nonnull(strstr(output.err, "hooks.h.command is missing"));
    program_output_free(&output);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hooks");
    TCase *tcase = tcase_create("hooks");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_hook_is_told_of_each_event_in_order);
    tcase_add_test(tcase, one_that_hangs_is_killed_and_the_next_goes_on);
    tcase_add_test(tcase, a_failure_is_logged_and_no_more);
    tcase_add_test(tcase, one_that_outlives_its_agent_is_waited_for);
    tcase_add_test(tcase, a_reload_changes_hooks);
    tcase_add_test(tcase, what_makes_no_sense_is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
