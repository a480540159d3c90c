/* run.sh timeout: 900 */

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program.h"

/*
 * kill -9 at a random instant of starting, stopping and restarting a real server, again and again.
 *
 * The server is redis-server on a UNIX socket, of which any number could run beside each other, one
 * taking the socket from the other. What must hold, whenever the agent is killed: the action is
 * DONE, the server is as it was asked to be, a restart made another process of it, and there were
 * never two.
 *
 * KILL_SEED repeats a run as far as chance allows, KILL_ROUNDS makes it longer or shorter.
 */

enum { ROUNDS = 80, LATEST_US = 120000, DONE_MS = 60000 };

static const char *const verbs[] = {"start", "stop", "restart"};

static struct program_agent agent;

static void configure(void) {
    char text[2048];
    const char *d = agent.directory;
    snprintf(text, sizeof(text),
             "service:\n"
             "  pid: [cat, \"%s/redis.pid\"]\n"
             "  start: [redis-server, --port, \"0\", --unixsocket, \"%s/redis.sock\", --pidfile,\n"
             "          \"%s/redis.pid\", --dir, \"%s\", --daemonize, \"yes\", --save, \"\"]\n"
             "  stop: [redis-cli, -s, \"%s/redis.sock\", shutdown, nosave]\n"
             "  timeout_ms: 30000\n",
             d, d, d, d, d);
    program_agent_configure(&agent, text);
}

/* Servers of this test, by their titles, and one of them. A process that is about to become one has
 * the program's name only. */
static int count_servers(long *ret_pid) {
    int count = 0;
    DIR *processes = opendir("/proc");
    for (const struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        char path[300], title[512];
        const long pid = strtol(entry->d_name, NULL, 10);
        snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        FILE *file = pid > 0 ? fopen(path, "re") : NULL;
        if (file == NULL)
            continue;
        title[fread(title, 1, sizeof(title) - 1, file)] = '\0';
        fclose(file);
        if (strstr(title, "redis-server unixsocket:") != NULL &&
            strstr(title, agent.directory) != NULL) {
            *ret_pid = pid;
            count++;
        }
    }
    closedir(processes);
    return count;
}

static void schedule(const char *verb, char id[40]) {
    char kind[64];
    struct program_output output;
    snprintf(kind, sizeof(kind), "agent.replicante.io/service.%s", verb);
    program_run(&output, (const char *[]){"schedule", kind, "-a", agent.address, NULL});
    ck_assert_msg(output.status == 0, "%s", output.err);
    snprintf(id, 40, "%.36s", output.out);
    program_output_free(&output);
}

static void expect_done(const char *verb, const char *id) {
    const long begin = program_now_ms();
    for (;;) {
        struct program_output output;
        long pid = 0;
        program_run(&output, (const char *[]){"action", id, "--json", "-a", agent.address, NULL});
        ck_assert_msg(output.status == 0, "%s", output.err);
        ck_assert_int_le(count_servers(&pid), 1);
        const int done = strstr(output.out, "\"phase\":\"DONE\"") != NULL;
        ck_assert_msg(strstr(output.out, "FAILED") == NULL, "%s: %s", verb, output.out);
        ck_assert_msg(program_now_ms() - begin < DONE_MS, "%s: %s", verb, output.out);
        program_output_free(&output);
        if (done)
            return;
        program_pause_ms(5);
    }
}

static unsigned number_from(const char *variable, unsigned otherwise) {
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

static void round_of(const char *verb, unsigned *chance) {
    char id[40];
    long before = 0, after = 0;
    const int ran = count_servers(&before);
    schedule(verb, id);
    const struct timespec pause = {0, (long)((unsigned)rand_r(chance) % LATEST_US) * 1000};
    nanosleep(&pause, NULL);
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    program_agent_start(&agent);
    program_agent_expect(&agent, "listening on unix", 1);
    expect_done(verb, id);
    ck_assert_msg(count_servers(&after) == (strcmp(verb, "stop") != 0), "after %s", verb);
    if (strcmp(verb, "start") == 0 && ran)
        ck_assert_int_eq(before, after);
    if (strcmp(verb, "restart") == 0)
        ck_assert_int_ne(before, after);
}

START_TEST(the_service_ends_up_as_asked) {
    const int rounds = (int)number_from("KILL_ROUNDS", ROUNDS);
    const unsigned seed = number_from("KILL_SEED", (unsigned)time(NULL));
    printf("KILL_SEED=%u, %d rounds\n", seed, rounds);
    fflush(stdout);
    unsigned chance = seed;
    long pid = 0;
    program_agent_init(&agent, NULL);
    configure();
    program_agent_start(&agent);
    for (int i = 0; i < rounds; i++)
        round_of(verbs[rand_r(&chance) % 3], &chance);
    if (count_servers(&pid) > 0)
        kill((pid_t)pid, SIGKILL);
    program_agent_stop(&agent, SIGTERM, 20000);
    program_agent_dispose(&agent);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("service");
    tcase_set_timeout(tcase, 800);
    tcase_add_test(tcase, the_service_ends_up_as_asked);
    Suite *suite = suite_create("kill: service actions");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
