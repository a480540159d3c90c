#include "net.h"

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The test itself is 10.77.0.254. */
static const char *const network = "10.77.0";
/* Nobody has it: what is sent there is lost. */
static const char *const nowhere = "02:00:00:00:de:ad";

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...) {
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    const int status = system(command);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int net_possible(const char **ret_why) {
    *ret_why = "ip (iproute2) is not installed";
    if (!run("ip -V >/dev/null 2>&1"))
        return 0;
    *ret_why = "this process may not make network namespaces, or the kernel has no bridges";
    return run("unshare -n sh -c 'ip link add br0 type bridge && ip link add v0 type veth peer "
               "name v1' >/dev/null 2>&1");
}

/* A process that does nothing but keep a namespace. */
static pid_t make_machine(void) {
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void join_machine(cluster_node *node) {
    const int n = node->number;
    snprintf(node->address, sizeof(node->address), "%s.%d", network, n);
    ck_assert(run("ip link add v%d type veth peer name eth0 netns %d", n, (int)node->machine));
    ck_assert(run("ip link set v%d master br0 up", n));
    ck_assert(run("nsenter -t %d -n sh -c 'ip link set lo up; ip addr add %s/24 dev eth0; "
                  "ip link set eth0 up'",
                  (int)node->machine, node->address));
}

void net_make(cluster *c) {
    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    ck_assert(run("ip link set lo up; ip link add br0 type bridge && ip addr add %s.254/24 dev br0 "
                  "&& ip link set br0 up",
                  network));
    for (size_t i = 0; i < c->count; i++) {
        c->nodes[i].machine = make_machine();
        join_machine(&c->nodes[i]);
    }
}

void net_dispose(cluster *c) {
    for (size_t i = 0; i < c->count; i++) {
        kill(c->nodes[i].machine, SIGKILL);
        waitpid(c->nodes[i].machine, NULL, 0);
    }
}

/* Have from send whatever is for to into the void, or no longer. */
static void lose(const cluster_node *from, const cluster_node *to, int lost) {
    if (lost)
        ck_assert(run("nsenter -t %d -n ip neigh replace %s lladdr %s dev eth0 nud permanent",
                      (int)from->machine, to->address, nowhere));
    else
        run("nsenter -t %d -n ip neigh del %s dev eth0 2>/dev/null", (int)from->machine,
            to->address);
}

static void set(const cluster *c, unsigned side, int lost) {
    for (size_t a = 0; a < c->count; a++)
        for (size_t b = 0; b < c->count; b++)
            if (a != b && (!lost || (side >> a & 1) != (side >> b & 1)))
                lose(&c->nodes[a], &c->nodes[b], lost);
}

void net_split(const cluster *c, unsigned side) {
    set(c, side, 1);
}

void net_heal(const cluster *c) {
    set(c, 0, 0);
}
