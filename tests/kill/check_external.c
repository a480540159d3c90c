/* run.sh timeout: 900, run.sh takes: 30 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <replicante/model.h>

#include "program.h"

/*
 * kill -9 at a random instant of actions that are done by commands, again and again.
 *
 * Each command appends "begin ID" and "end ID" to one file. There are four kinds: a command that is
 * quick and one that takes a while, each alone and with a check command, which looks into that
 * file. What must hold, whenever the agent is killed:
 *
 * - every action comes to its end;
 * - no command runs twice, and that of an action that is DONE ran once, to its end;
 * - no command begins before that of the action before has ended or was ended;
 * - an action with a check command is DONE, as its command always does its work; one without may
 *   also be FAILED, and then says that it was interrupted.
 *
 * KILL_SEED repeats a run as far as chance allows, KILL_ROUNDS makes it longer or shorter.
 */

enum { ROUNDS = 300, KINDS = 4, LATEST_US = 45000, DRAIN_MS = 300000 };

static const char *const kinds[KINDS] = {"quick", "slow", "quick_checked", "slow_checked"};

static struct program_agent agent;
static char runs_path[128];
static unsigned seed;
static int scheduled;

static void id_of(int number, char id[REPLI_UUID_SIZE]) {
    snprintf(id, REPLI_UUID_SIZE, "%08x-0000-4000-8000-%012x", seed, (unsigned)number);
}

static void configure(void) {
    char text[4096];
    const char *d = agent.directory;
    snprintf(text, sizeof(text),
             "actions:\n"
             "  queue_limit: 100000\n"
             "  external:\n"
             "    quick: {action: [sh, \"%s/run\", \"0\"]}\n"
             "    slow: {action: [sh, \"%s/run\", \"0.03\"]}\n"
             "    quick_checked: {action: [sh, \"%s/run\", \"0\"], check: [sh, \"%s/check\"]}\n"
             "    slow_checked: {action: [sh, \"%s/run\", \"0.03\"], check: [sh, \"%s/check\"]}\n",
             d, d, d, d, d, d);
    program_agent_configure(&agent, text);
    static const char find_id[] = "id=$(sed 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/')\n"
                                  "file=\"${0%/*}/runs\"\n";
    char path[128];
    snprintf(path, sizeof(path), "%s/run", d);
    snprintf(text, sizeof(text),
             "%secho \"begin $id\" >>\"$file\"\n[ \"$1\" = 0 ] || sleep \"$1\"\n"
             "echo \"end $id\" >>\"$file\"\n",
             find_id);
    program_write_file(path, text);
    snprintf(path, sizeof(path), "%s/check", d);
    snprintf(text, sizeof(text),
             "%sif grep -q \"end $id\" \"$file\"; then echo '{\"status\": \"finished\"}'\n"
             "else echo '{\"status\": \"failed\", \"error\": \"it did not run\"}'; fi\n",
             find_id);
    program_write_file(path, text);
}

/* As many as there is time for are done in a round, so there is always one more. */
static void schedule(void) {
    char id[REPLI_UUID_SIZE], kind[64];
    struct program_output output;
    id_of(scheduled, id);
    snprintf(kind, sizeof(kind), "external.agent.replicante.io/%s", kinds[scheduled % KINDS]);
    program_run(&output, (const char *[]){"schedule", kind, "--id", id, "-a", agent.address, NULL});
    ck_assert_msg(output.status == 0, "%s%s", output.err, program_agent_log(&agent));
    program_output_free(&output);
    scheduled++;
}

static void pause_us(unsigned us) {
    const struct timespec time = {0, us * 1000L};
    nanosleep(&time, NULL);
}

static void drain(void) {
    const long begin = program_now_ms();
    for (int empty = 0; !empty;) {
        struct program_output output;
        program_run(&output, (const char *[]){"actions", "--json", "-a", agent.address, NULL});
        ck_assert_int_eq(output.status, 0);
        empty = strcmp(output.out, "{\"actions\":[]}\n") == 0;
        program_output_free(&output);
        ck_assert_msg(program_now_ms() - begin < DRAIN_MS, "the queue does not become empty");
        program_pause_ms(20);
    }
}

static int count(const char *text, const char *word, const char *id) {
    char line[64];
    int found = 0;
    snprintf(line, sizeof(line), "%s %s\n", word, id);
    for (; (text = strstr(text, line)) != NULL; text += strlen(line))
        found++;
    return found;
}

/* What became of each, by its record and by the file. */
static void check_records(const char *runs) {
    int done = 0, never_ran = 0, interrupted = 0;
    for (int i = 0; i < scheduled; i++) {
        char id[REPLI_UUID_SIZE];
        struct program_output output;
        id_of(i, id);
        program_run(&output, (const char *[]){"action", id, "--json", "-a", agent.address, NULL});
        ck_assert_int_eq(output.status, 0);
        const int is_done = strstr(output.out, "\"state\":{\"error\":null") != NULL;
        const int begun = count(runs, "begin", id), ended = count(runs, "end", id);
        ck_assert_msg(begun <= 1, "%s ran %d times: %s", id, begun, output.out);
        if (is_done) {
            ck_assert_msg(begun == 1 && ended == 1, "DONE, but began %d times and ended %d: %s",
                          begun, ended, output.out);
        } else {
            ck_assert_msg(i % KINDS < 2, "it was to be checked: %s", output.out);
            ck_assert_msg(strstr(output.out, "interrupted") != NULL, "%s", output.out);
            never_ran += begun == 0;
        }
        done += is_done;
        interrupted += !is_done;
        program_output_free(&output);
    }
    printf("%d actions, %d done, %d interrupted, of which %d had not begun to write\n", scheduled,
           done, interrupted, never_ran);
    ck_assert_int_gt(done, scheduled / 2);
}

/* One at a time, also over the end of an agent. */
static void check_order(const char *runs) {
    char open[REPLI_UUID_SIZE] = "";
    for (const char *line = runs; *line != '\0'; line = strchr(line, '\n') + 1) {
        char word[8], id[REPLI_UUID_SIZE];
        ck_assert_int_eq(sscanf(line, "%7s %36s", word, id), 2);
        if (strcmp(word, "begin") == 0) {
            ck_assert_msg(open[0] == '\0', "%s began before %s had ended", id, open);
            strcpy(open, id);
        } else {
            ck_assert_str_eq(open, id);
            open[0] = '\0';
        }
    }
}

static unsigned number_from(const char *variable, unsigned otherwise) {
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

START_TEST(no_command_runs_twice) {
    const int rounds = (int)number_from("KILL_ROUNDS", ROUNDS);
    seed = number_from("KILL_SEED", (unsigned)time(NULL));
    printf("KILL_SEED=%u, %d rounds\n", seed, rounds);
    fflush(stdout);
    unsigned chance = seed;
    program_agent_init(&agent, NULL);
    configure();
    snprintf(runs_path, sizeof(runs_path), "%s/runs", agent.directory);
    program_write_file(runs_path, "");
    for (int i = 0; i < rounds; i++) {
        program_agent_start(&agent);
        /* What a killed agent had just forked may still hold its socket for a moment. */
        program_agent_expect(&agent, "listening on unix", 1);
        schedule();
        pause_us((unsigned)rand_r(&chance) % LATEST_US);
        ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    }
    program_agent_start(&agent);
    drain();
    char *runs = program_read_file(runs_path);
    check_order(runs);
    check_records(runs);
    free(runs);
    program_agent_stop(&agent, SIGTERM, 20000);
    program_agent_dispose(&agent);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("external");
    tcase_set_timeout(tcase, 800);
    tcase_add_test(tcase, no_command_runs_twice);
    Suite *suite = suite_create("kill: external actions");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
