/* run.sh timeout: 600 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program.h"

/*
 * kill -9 at a random instant of an agent that runs a hook, again and again.
 *
 * The hook appends "begin N" and "end N" to a file, where N is the number of its event. Whenever
 * the agent is killed, no two of them run at once, none is for an earlier event than the one
 * before, and every event is told at last.
 *
 * KILL_SEED repeats a run as far as chance allows, KILL_ROUNDS makes it longer or shorter.
 */

enum { ROUNDS = 80, LATEST_US = 100000, DRAIN_MS = 120000 };

static struct program_agent agent;

static void configure(void) {
    char text[1024];
    snprintf(text, sizeof(text), "hooks:\n  told: {command: [sh, \"%s/told\"]}\n", agent.directory);
    program_agent_configure(&agent, text);
    char path[128];
    snprintf(path, sizeof(path), "%s/told", agent.directory);
    program_write_file(path, "cat >/dev/null\n"
                             "file=\"${0%/*}/runs\"\n"
                             "echo \"begin $REPLICANTE_EVENT_NUMBER\" >>\"$file\"\n"
                             "sleep 0.05\n"
                             "echo \"end $REPLICANTE_EVENT_NUMBER\" >>\"$file\"\n");
}

static void pause_us(unsigned us) {
    const struct timespec time = {0, us * 1000L};
    nanosleep(&time, NULL);
}

/* One at a time, in their order, with no event left out. Returns the last one that ended. */
static int check_runs(const char *runs) {
    int open = 0, told = 0;
    for (const char *line = runs; *line != '\0'; line = strchr(line, '\n') + 1) {
        char word[8];
        int number;
        ck_assert_int_eq(sscanf(line, "%7s %d", word, &number), 2);
        if (strcmp(word, "begin") == 0) {
            ck_assert_msg(open == 0, "%d began before %d had ended", number, open);
            ck_assert_msg(number == told || number == told + 1, "%d after %d", number, told);
            open = number;
        } else {
            ck_assert_int_eq(number, open);
            told = open;
            open = 0;
        }
    }
    return told;
}

static int is_last(int number) {
    char after[16];
    struct program_output output;
    snprintf(after, sizeof(after), "%d", number);
    program_run(&output,
                (const char *[]){"events", "--after", after, "--json", "-a", agent.address, NULL});
    ck_assert_msg(output.status == 0, "%s", output.err);
    const int last = strstr(output.out, "\"number\":") == NULL;
    program_output_free(&output);
    return last;
}

static void drain(const char *path) {
    const long begin = program_now_ms();
    for (int told = 0; told == 0 || !is_last(told);) {
        program_pause_ms(20);
        char *runs = program_read_file(path);
        told = check_runs(runs);
        free(runs);
        ck_assert_msg(program_now_ms() - begin < DRAIN_MS, "no more was told than %d", told);
    }
}

/* Each makes three events: that it waits, runs and is done. */
static void schedule(int count) {
    while (count-- > 0) {
        struct program_output output;
        program_run(&output, (const char *[]){"schedule", "agent.replicante.io/test.success", "-a",
                                              agent.address, NULL});
        ck_assert_msg(output.status == 0, "%s", output.err);
        program_output_free(&output);
    }
}

static unsigned number_from(const char *variable, unsigned otherwise) {
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

START_TEST(hooks_run_one_at_a_time_and_leave_nothing_out) {
    const int rounds = (int)number_from("KILL_ROUNDS", ROUNDS);
    unsigned chance = number_from("KILL_SEED", (unsigned)time(NULL));
    printf("KILL_SEED=%u, %d rounds\n", chance, rounds);
    fflush(stdout);
    program_agent_init(&agent, NULL);
    configure();
    char path[128];
    snprintf(path, sizeof(path), "%s/runs", agent.directory);
    program_write_file(path, "");
    program_agent_start(&agent);
    schedule(rounds / 10);
    program_agent_stop(&agent, SIGKILL, 10000);
    for (int i = 0; i < rounds; i++) {
        program_agent_spawn(&agent);
        pause_us((unsigned)rand_r(&chance) % LATEST_US);
        ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    }
    program_agent_start(&agent);
    program_agent_expect(&agent, "listening on unix", 1);
    drain(path);
    program_agent_stop(&agent, SIGTERM, 20000);
    program_agent_dispose(&agent);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("hooks");
    tcase_set_timeout(tcase, 500);
    tcase_add_test(tcase, hooks_run_one_at_a_time_and_leave_nothing_out);
    Suite *suite = suite_create("kill: hooks");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
