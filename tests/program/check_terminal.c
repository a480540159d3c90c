#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

/* What somebody at a terminal sees: progress in place, colour, and the live view. */

static struct program_agent agent;
static int outer, inner; /* the terminal's two sides */
static char seen[1 << 16];
static size_t seen_size;

static void setup(void) {
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(outer, 0);
    ck_assert_int_eq(grantpt(outer), 0);
    ck_assert_int_eq(unlockpt(outer), 0);
    inner = open(ptsname(outer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(inner, 0);
    const struct winsize size = {.ws_row = 24, .ws_col = 40};
    ck_assert_int_eq(ioctl(inner, TIOCSWINSZ, &size), 0);
    seen_size = 0;
    seen[0] = '\0';
    program_agent_init(&agent, NULL);
    program_agent_start(&agent);
}

static void teardown(void) {
    program_agent_dispose(&agent);
    close(inner);
    close(outer);
}

/* Take what was written until text was seen, or for as long as it is quiet. */
static int sees(const char *text, int quiet_ms) {
    while (text == NULL || strstr(seen, text) == NULL) {
        struct pollfd wait = {.fd = outer, .events = POLLIN};
        if (poll(&wait, 1, quiet_ms) != 1)
            return 0;
        const ssize_t size = read(outer, seen + seen_size, sizeof(seen) - 1 - seen_size);
        ck_assert_int_gt(size, 0);
        seen_size += (size_t)size;
        seen[seen_size] = '\0';
    }
    return 1;
}

static void expect(const char *text) {
    ck_assert_msg(sees(text, 10000), "\"%s\" is not in:\n%s", text, seen);
}

static pid_t start(const char *const *arguments) {
    return program_spawn(arguments, inner, inner, inner);
}

START_TEST(colours) {
    const pid_t pid = start((const char *[]){"node", "--fresh", "-a", agent.address, NULL});
    expect("\033[32mHEALTHY\033[0m");
    expect("\033[1mATTRIBUTE\033[0m");
    ck_assert_int_eq(program_wait(pid, 10000), 0);
}
END_TEST

START_TEST(no_colours_if_told_so) {
    setenv("NO_COLOR", "1", 1);
    const pid_t pid = start((const char *[]){"node", "--fresh", "-a", agent.address, NULL});
    expect("HEALTHY");
    ck_assert_int_eq(program_wait(pid, 10000), 0);
    sees(NULL, 100);
    ck_assert_ptr_null(strchr(seen, '\033'));
}
END_TEST

START_TEST(progress_in_place) {
    const pid_t pid =
        start((const char *[]){"schedule", "--wait", "fake.test/steps",
                               "{\"steps\": 4, \"pause_ms\": 150}", "-a", agent.address, NULL});
    expect("\r\033[K");
    expect("RUNNING  {\"step\":2,");
    ck_assert_int_eq(program_wait(pid, 10000), 0);
    expect("\033[32mDONE\033[0m");
    /* No line of it is wider than the terminal, so each can be taken back. */
    for (char *line = strstr(seen, "\033[K"); line != NULL; line = strstr(line, "\033[K")) {
        line += strlen("\033[K");
        ck_assert_uint_lt(strcspn(line, "\r\033"), 40);
    }
}
END_TEST

START_TEST(live_view) {
    const pid_t pid =
        start((const char *[]){"watch", "--interval", "0.05", "-a", agent.address, NULL});
    expect("\033[H\033[2J");
    expect("node");
    expect("SHARD");
    expect("Ctrl-C ends this");
    kill(pid, SIGINT);
    ck_assert_int_eq(program_wait(pid, 10000), 0);
}
END_TEST

START_TEST(live_view_of_an_agent_that_goes) {
    const pid_t pid =
        start((const char *[]){"watch", "--interval", "0.05", "-a", agent.address, NULL});
    expect("test-1");
    program_agent_stop(&agent, SIGTERM, 10000);
    expect("cannot reach the agent");
    program_agent_start(&agent);
    seen_size = 0;
    expect("test-1");
    kill(pid, SIGINT);
    ck_assert_int_eq(program_wait(pid, 10000), 0);
}
END_TEST

START_TEST(waiting_can_be_interrupted) {
    const pid_t pid = start((const char *[]){"schedule", "--wait", "fake.test/slow",
                                             "{\"ms\": 1500}", "-a", agent.address, NULL});
    expect("RUNNING");
    kill(pid, SIGINT);
    ck_assert_int_eq(program_wait(pid, 10000), 128 + SIGINT);
    program_agent_expect(&agent, "(fake.test/slow) is DONE", 1);
}
END_TEST

START_TEST(logs_for_people) {
    program_agent_stop(&agent, SIGTERM, 10000);
    agent.pid = start((const char *[]){"run", "-c", agent.config, NULL});
    expect("\033[32mINFO   \033[0m repliagent: repliagent ");
    expect("listening on unix:");
    ck_assert_int_eq(program_agent_stop(&agent, SIGINT, 10000), 0);
    expect("repliagent: stopped\r\n");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("terminal");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, colours);
    tcase_add_test(tcase, no_colours_if_told_so);
    tcase_add_test(tcase, progress_in_place);
    tcase_add_test(tcase, live_view);
    tcase_add_test(tcase, live_view_of_an_agent_that_goes);
    tcase_add_test(tcase, waiting_can_be_interrupted);
    tcase_add_test(tcase, logs_for_people);
    Suite *suite = suite_create("terminal");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
