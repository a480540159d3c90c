#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "program.h"

/* Drivers that crash or hang: the last lines of the log say which, and what it was doing. */

static struct program_agent agent;

static void setup(void) {
    program_agent_init(&agent, NULL);
}

static void teardown(void) {
    program_agent_dispose(&agent);
}

static void configure(const char *mode, const char *more) {
    char text[2048];
    snprintf(text, sizeof(text),
             "node_id: \"test-1\"\n"
             "driver: \"unruly\"\n"
             "driver_dir: \"%s\"\n"
             "store_path: \"%s/agent.db\"\n"
             "unruly:\n  mode: \"%s\"\n"
             "http:\n  bind: \"\"\n  unix_socket: \"%s\"\n%s",
             program_build_path("tests/plugins"), agent.directory, mode, agent.socket, more);
    program_write_file(agent.config, text);
}

/* The agent died of its own fault, and said so. A sanitizer tells of it in its own way. */
static void expect_fault(const char *words) {
    const int status = program_wait(agent.pid, 30000);
    agent.pid = 0;
    char *log = program_agent_log(&agent);
    if (getenv("SANITIZE") == NULL || getenv("SANITIZE")[0] == '\0') {
        ck_assert_msg(status == 128 + SIGSEGV, "status %d:\n%s", status, log);
        ck_assert_msg(strstr(log, words) != NULL, "\"%s\" is not in:\n%s", words, log);
    }
    ck_assert_msg(strstr(log, "opening version 1.0.0 of the driver") != NULL, "%s", log);
    free(log);
}

START_TEST(a_crash_in_open_is_named) {
    configure("open:crash", "");
    program_agent_spawn(&agent);
    expect_fault(
        "\"message\":\"the agent ends because of SIGSEGV while the driver unruly is opened");
}
END_TEST

START_TEST(a_crash_in_an_observation_is_named) {
    configure("node_info:crash", "");
    program_agent_spawn(&agent);
    expect_fault("because of SIGSEGV while the driver unruly observes the node\"}\n");
}
END_TEST

START_TEST(a_crash_in_an_action_is_named) {
    configure("action_step:crash", "telemetry:\n  logs:\n    mode: \"terminal\"\n");
    program_agent_start(&agent);
    struct program_output output;
    program_run(&output,
                (const char *[]){"schedule", "unruly.test/act", "-a", agent.address, NULL});
    program_output_free(&output);
    expect_fault(
        "repliagent: the agent ends because of SIGSEGV while an action is executed (driver "
        "unruly)\n");
    /* What crashed the agent was accepted, and is asked for again: nothing is lost. */
    configure("", "");
    program_agent_start(&agent);
    program_agent_expect(&agent, "is resumed after an interruption", 1);
    program_agent_expect(&agent, "is DONE", 1);
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 20000), 0);
}
END_TEST

START_TEST(a_driver_that_hangs_in_open_can_be_ended) {
    configure("open:hang", "");
    program_agent_spawn(&agent);
    program_agent_expect(&agent, "opening version 1.0.0 of the driver", 1);
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 20000), 128 + SIGTERM);
}
END_TEST

START_TEST(a_driver_that_hangs_in_a_step_can_be_ended) {
    configure("action_step:hang", "stop_timeout: 1\n");
    program_agent_start(&agent);
    struct program_output output;
    program_run(&output,
                (const char *[]){"schedule", "unruly.test/act", "-a", agent.address, NULL});
    ck_assert_int_eq(output.status, 0);
    program_output_free(&output);
    program_agent_expect(&agent, "begins", 1);
    ck_assert_int_ne(program_agent_stop(&agent, SIGTERM, 20000), 0);
    char *log = program_agent_log(&agent);
    ck_assert_msg(strstr(log, "did not return when it was cancelled") != NULL, "%s", log);
    free(log);
}
END_TEST

START_TEST(a_driver_that_hangs_in_close_can_be_ended) {
    configure("close:hang", "stop_timeout: 1\n");
    program_agent_start(&agent);
    ck_assert_int_ne(program_agent_stop(&agent, SIGTERM, 30000), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("fault");
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_crash_in_open_is_named);
    tcase_add_test(tcase, a_crash_in_an_observation_is_named);
    tcase_add_test(tcase, a_crash_in_an_action_is_named);
    tcase_add_test(tcase, a_driver_that_hangs_in_open_can_be_ended);
    tcase_add_test(tcase, a_driver_that_hangs_in_a_step_can_be_ended);
    tcase_add_test(tcase, a_driver_that_hangs_in_close_can_be_ended);
    Suite *suite = suite_create("fault");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
