#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "memory.h"

/*
 * alldata serve as a process: what memory it holds when idle, alone and as one of three, and after
 * many events; and what it costs to be idle.
 */

enum { NODES = 3, SETTLE_MS = 5000, IDLE_MS = 20000, EVENTS = 200000 };

static char directory[] = "/tmp/alldata-bench-XXXXXX";
static char program[512];
static pid_t nodes[NODES];

static void must(int good, const char *what) {
    if (good)
        return;
    perror(what);
    for (int i = 0; i < NODES; i++)
        if (nodes[i] > 0)
            kill(nodes[i], SIGKILL);
    exit(EXIT_FAILURE);
}

static void pause_ms(long ms) {
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void path_of(char to[128], int i, const char *name) {
    snprintf(to, 128, "%s/n%d.%s", directory, i, name);
}

static void configure(int i, const char *more) {
    char path[128];
    char data[128];
    char socket[128];
    path_of(path, i, "yaml");
    path_of(data, i, "data");
    path_of(socket, i, "socket");
    FILE *file = fopen(path, "we");
    must(file != NULL, path);
    fprintf(file, "data_dir: %s\nclients: {bind: \"\", unix_socket: %s}\nlog: {mode: terminal}\n%s",
            data, socket, more);
    must(fclose(file) == 0, path);
}

static void start(int i) {
    char config[128];
    char log[128];
    char socket[128];
    struct stat info;
    path_of(config, i, "yaml");
    path_of(log, i, "log");
    path_of(socket, i, "socket");
    nodes[i] = fork();
    must(nodes[i] >= 0, "fork");
    if (nodes[i] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        must(freopen(log, "w", stderr) != NULL, log);
        execl(program, "alldata", "serve", "-c", config, (char *)NULL);
        _exit(127);
    }
    for (int turns = 0; stat(socket, &info) != 0; turns++) {
        must(turns < 1000, "the node does not listen");
        pause_ms(20);
    }
}

static void end(int i) {
    int status;
    kill(nodes[i], SIGTERM);
    must(waitpid(nodes[i], &status, 0) == nodes[i] && status == 0, "a node did not end well");
    nodes[i] = 0;
}

/* The address of the first node's gossip. */
static void find_seed(char to[64]) {
    char path[128];
    char line[512];
    path_of(path, 0, "log");
    FILE *file = fopen(path, "re");
    must(file != NULL, path);
    to[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, "gossiping as ");
        if (at != NULL)
            snprintf(to, 64, "%.*s", (int)strcspn(at + 13, "\n"), at + 13);
    }
    fclose(file);
    must(to[0] != '\0', "the first node does not gossip");
}

/* Events of 100 bytes, many in a request. */
static void put_many(int count) {
    char command[1024];
    char socket[128];
    path_of(socket, 0, "socket");
    snprintf(
        command, sizeof(command),
        "seq -f '{\"number\": %%.0f, \"text\": \"%064d\"}' %d | '%s' put -a unix:%s >/dev/null",
        0, count, program, socket);
    must(system(command) == 0, "put");
}

/* CPU time of a process so far. */
static double cpu_ms(pid_t pid) {
    char path[64];
    unsigned long long user = 0;
    unsigned long long system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    must(file != NULL &&
             fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                    &system) == 2,
         path);
    fclose(file);
    return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static double idle_percent(pid_t pid) {
    const int ms = figures_quick() ? IDLE_MS / 10 : IDLE_MS;
    const double before = cpu_ms(pid);
    pause_ms(ms);
    return (cpu_ms(pid) - before) * 100 / ms;
}

static double resident_mib(pid_t pid) {
    return memory_kib(pid, "VmRSS:") / 1024;
}

static void measure(const char *whose, int events) {
    char what[96];
    pause_ms(SETTLE_MS);
    snprintf(what, sizeof(what), "%s: resident, idle", whose);
    figures_alone(what, resident_mib(nodes[0]), "MiB", AT_MOST(10));
    snprintf(what, sizeof(what), "%s: CPU, idle", whose);
    figures_alone(what, idle_percent(nodes[0]), "%", AT_MOST(1));
    put_many(events);
    snprintf(what, sizeof(what), "%s: resident, after %d events", whose, events);
    figures_alone(what, resident_mib(nodes[0]), "MiB", NO_TARGET);
}

int main(void) {
    const char *build = getenv("BUILD");
    const int events = figures_quick() ? EVENTS / 10 : EVENTS;
    char command[64];
    char seed[64] = "";
    char more[256];
    snprintf(program, sizeof(program), "%s/bin/alldata", build != NULL ? build : "build");
    must(mkdtemp(directory) != NULL, directory);
    puts("alldata serve");
    configure(0, "");
    start(0);
    measure("alone", events);
    end(0);
    snprintf(command, sizeof(command), "rm -rf %s/*", directory);
    must(system(command) == 0, "rm");
    for (int i = 0; i < NODES; i++) {
        snprintf(more, sizeof(more),
                 "peers: {bind: \"127.0.0.1:0\"}\nreplication: {factor: 3}\n"
                 "gossip: {bind: \"127.0.0.1:0\", seeds: [%s%s%s]}\n",
                 i > 0 ? "\"" : "", seed, i > 0 ? "\"" : "");
        configure(i, more);
        start(i);
        pause_ms(500);
        if (i == 0)
            find_seed(seed);
    }
    measure("one of three", events);
    for (int i = 0; i < NODES; i++)
        end(i);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
