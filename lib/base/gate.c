#include "base/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"
#include "base/spawn.h"

#define ORIGIN "process"

/* All that the process needs, made before the fork. */
typedef struct becoming {
    const repli__gate_options *options;
    char path[PATH_MAX];
    char **environment;
    int input;
    int gate;
    unsigned most_files;
} becoming;

/* In the process: only what is async-signal-safe. What a library must not do to its host is done to
 * the process by system calls, so that a look at the library's imports still tells. */

static void close_range_of(unsigned first, unsigned last) {
#ifdef SYS_close_range
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
#endif
    for (unsigned fd = first; fd <= last; fd++)
        close((int)fd);
}

/* At once, since the lock of the database is among them. */
static void close_the_rest(const becoming *plan) {
    close_range_of(3, (unsigned)plan->gate - 1);
    close_range_of((unsigned)plan->gate + 1, plan->most_files);
}

/* exec() keeps what is ignored. All zeros are the default, whatever the kernel's structure is. */
static void reset_signals(void) {
    static const char by_default[128];
    for (int number = 1; number <= 64; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, 8);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int is_let_through(const becoming *plan) {
    char byte;
    ssize_t got;
    do
        got = recv(plan->gate, &byte, 1, 0);
    while (got == -1 && errno == EINTR);
    return got == 1;
}

/* 0, or why it could not be done. */
static int leave_mark(const repli__gate_options *options, off_t *ret_before) {
    struct stat before;
    const size_t size = strlen(options->mark);
    if (fstat(STDOUT_FILENO, &before) != 0 ||
        write(STDOUT_FILENO, options->mark, size) != (ssize_t)size ||
        (options->durable && fsync(STDOUT_FILENO) != 0))
        return errno;
    *ret_before = before.st_size;
    return 0;
}

/* Only returns if it cannot be done, with the reason. */
static int run_command(const becoming *plan) {
    const repli_command *command = plan->options->command;
    const int marks = plan->options->mark != NULL;
    off_t before = 0;
    const int failed = marks ? leave_mark(plan->options, &before) : 0;
    if (failed != 0)
        return failed;
    if (command->directory == NULL || syscall(SYS_chdir, command->directory) == 0)
        execve(plan->path, (char *const *)command->argv, plan->environment);
    const int reason = errno;
    return !marks || ftruncate(STDOUT_FILENO, before) == 0 ? reason : errno;
}

static int become(const becoming *plan) {
    setsid();
    if (dup2(plan->input, STDIN_FILENO) == -1 || dup2(plan->options->record, STDOUT_FILENO) == -1 ||
        dup2(plan->options->record, STDERR_FILENO) == -1)
        return errno;
    close_the_rest(plan);
    if (!is_let_through(plan))
        return 0;
    reset_signals();
    return run_command(plan);
}

static void live(const becoming *plan) {
    const int reason = become(plan);
    if (reason != 0)
        send(plan->gate, &reason, sizeof(reason), MSG_NOSIGNAL);
    syscall(SYS_exit_group, 127);
}

/* Before the fork. */

static const char *search_path(void) {
    static const char name[] = "PATH=";
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, sizeof(name) - 1) == 0)
            return *entry + sizeof(name) - 1;
    return "/usr/bin:/bin";
}

/* Where the program is, or 0. */
static int find_program(const char *name, char *ret_path) {
    if (strchr(name, '/') != NULL)
        return snprintf(ret_path, PATH_MAX, "%s", name) < PATH_MAX;
    const char *directory = search_path();
    for (;;) {
        const size_t size = strcspn(directory, ":");
        struct stat info;
        const int length =
            snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)size, size > 0 ? directory : ".", name);
        if (length < PATH_MAX && stat(ret_path, &info) == 0 && S_ISREG(info.st_mode) &&
            access(ret_path, X_OK) == 0)
            return 1;
        if (directory[size] == '\0')
            return 0;
        directory += size + 1;
    }
}

/* Handlers of pthread_atfork() are for children that go on as the host. */
static pid_t fork_alone(void) {
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
    return _Fork();
#endif
#endif
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int32_t fork_to(const becoming *plan, repli__gate *gate, repli_error *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork_alone();
    const int failed = errno;
    if (pid == 0)
        live(plan);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid == -1)
        return repli__spawn_explain(plan->options->command, failed, err);
    gate->process.pid = pid;
    return repli__process_identify(pid, &gate->process, err);
}

static unsigned most_files(void) {
    struct rlimit limit;
    const unsigned most = 1024 * 1024; /* an old kernel is asked to close each */
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > most)
        return most;
    return (unsigned)limit.rlim_cur;
}

/* Sockets rather than pipes, as writing to one that nobody reads any more raises no signal. */
static int32_t open_gate(becoming *plan, repli__gate *gate, repli_error *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
        return repli__error(err, REPLI_EIO, ORIGIN, "cannot make a pair of sockets: %s",
                            strerror(errno));
    gate->key = ends[0];
    plan->gate = repli__spawn_above_standard(ends[1]);
    if (plan->gate == -1)
        return repli__error(err, REPLI_EIO, ORIGIN, "cannot prepare a socket: %s", strerror(errno));
    return REPLI_OK;
}

int32_t repli__gate_fork(const repli__gate_options *options, repli__gate *ret_gate,
                         repli_error *err) {
    becoming plan = {.options = options, .input = -1, .gate = -1};
    repli__gate gate = {.key = -1};
    if (!find_program(options->command->argv[0], plan.path))
        return repli__spawn_explain(options->command, ENOENT, err);
    plan.most_files = most_files();
    plan.environment = repli__spawn_environment(options->command);
    if (plan.environment == NULL)
        return repli__error_nomem(err, ORIGIN, "starting a process");
    int32_t code = repli__spawn_input(options->command, &plan.input, err);
    if (code == REPLI_OK)
        code = open_gate(&plan, &gate, err);
    if (code == REPLI_OK)
        code = fork_to(&plan, &gate, err);
    repli__free(&repli__mem_default, plan.environment);
    repli__spawn_close(&plan.input);
    repli__spawn_close(&plan.gate);
    if (code == REPLI_OK)
        *ret_gate = gate;
    else
        repli__gate_shut(&gate);
    return code;
}

static void reap(const repli__gate *gate) {
    pid_t reaped;
    do
        reaped = gate->process.pid > 1 ? waitpid((pid_t)gate->process.pid, NULL, 0) : 0;
    while (reaped == -1 && errno == EINTR);
}

int32_t repli__gate_open(repli__gate *gate, const repli_command *command, repli_error *err) {
    int reason = 0;
    ssize_t got;
    send(gate->key, "", 1, MSG_NOSIGNAL);
    /* The other end is closed when it becomes the command. */
    do
        got = recv(gate->key, &reason, sizeof(reason), 0);
    while (got == -1 && errno == EINTR);
    repli__spawn_close(&gate->key);
    if (got != (ssize_t)sizeof(reason))
        return REPLI_OK;
    reap(gate);
    return repli__spawn_explain(command, reason, err);
}

void repli__gate_shut(repli__gate *gate) {
    repli__spawn_close(&gate->key);
    reap(gate);
}
