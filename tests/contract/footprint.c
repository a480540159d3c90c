#include "footprint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void add_signals(FILE *to) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) == 0)
            fprintf(to, "signal %d: handler %p flags %x blocked %d\n", i,
                    (void *)(size_t)action.sa_handler, (unsigned)action.sa_flags,
                    sigismember(&mask, i));
    }
}

static void add_settings(FILE *to) {
    char directory[4096];
    char name[16] = "";
    const mode_t mask = umask(0);
    umask(mask);
    prctl(PR_GET_NAME, name);
    fprintf(to, "locale %s, of the thread %d\n", setlocale(LC_ALL, NULL),
            uselocale((locale_t)0) != LC_GLOBAL_LOCALE);
    fprintf(to, "umask %o\ndirectory %s\nname %s\n", (unsigned)mask,
            getcwd(directory, sizeof(directory)), name);
    fprintf(to, "rounding %d\nexceptions that trap %d\n", fegetround(), fegetexcept());
    fprintf(to, "priority %d\n", getpriority(PRIO_PROCESS, 0));
    fprintf(to, "dumpable %d\n", prctl(PR_GET_DUMPABLE));
    for (char **at = environ; *at != NULL; at++)
        fprintf(to, "environment %s\n", *at);
    for (int i = 0; i < (int)RLIMIT_NLIMITS; i++) {
        struct rlimit limit;
        if (getrlimit(i, &limit) == 0)
            fprintf(to, "limit %d: %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
                    (unsigned long long)limit.rlim_max);
    }
    for (int i = 0; i < 3; i++) {
        struct itimerval timer;
        if (getitimer(i, &timer) == 0)
            fprintf(to, "timer %d: %d\n", i,
                    timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0);
    }
}

static void add_descriptor(FILE *to, int fd) {
    char path[64];
    char target[512];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(path, target, sizeof(target) - 1);
    if (size < 0)
        return;
    target[size] = '\0';
    fprintf(to, "descriptor %d: %s, close-on-exec %d, flags %x\n", fd, target,
            fcntl(fd, F_GETFD) & FD_CLOEXEC, (unsigned)fcntl(fd, F_GETFL));
}

static void add_threads(FILE *to) {
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *at; tasks != NULL && (at = readdir(tasks)) != NULL;)
        if (at->d_name[0] != '.')
            fprintf(to, "thread %s\n", at->d_name);
    if (tasks != NULL)
        closedir(tasks);
}

enum { DESCRIPTORS = 1024 };

char *footprint(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (to == NULL)
        abort();
    add_signals(to);
    add_settings(to);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        add_descriptor(to, fd);
    add_threads(to);
    siginfo_t child = {0};
    const int found = waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT);
    fprintf(to, "children %d\n", found == 0 ? 1 : -errno);
    fclose(to);
    return text;
}

static size_t line_of(const char *text) {
    return strcspn(text, "\n");
}

static int has_line(const char *text, const char *line, size_t size) {
    for (; *text != '\0'; text += line_of(text) + 1)
        if (line_of(text) == size && memcmp(text, line, size) == 0)
            return 1;
    return 0;
}

static int only_in(const char *text, const char *other, const char *what, char *ret, size_t size) {
    for (; *text != '\0'; text += line_of(text) + 1)
        if (!has_line(other, text, line_of(text))) {
            snprintf(ret, size, "%s: %.*s", what, (int)line_of(text), text);
            return 1;
        }
    return 0;
}

int footprint_differs(const char *before, const char *after, char *text, size_t size) {
    return only_in(before, after, "no more", text, size) ||
           only_in(after, before, "new", text, size);
}

/* The signals that a thread holds back. */
static unsigned long long blocked_of(const char *task) {
    char path[300];
    char line[256];
    unsigned long long mask = ~0ull; /* it has ended meanwhile */
    snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "SigBlk: %llx", &mask) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return mask;
}

static int takes_signals(const char *task, unsigned long long *ret_blocked) {
    *ret_blocked = 0;
    /* Memcheck holds signals itself, and the kernel sees only what it blocks. */
    if (getenv("VALGRIND") != NULL && getenv("VALGRIND")[0] == '1')
        return 0;
    /* Those of faults; 32 and 33 are the C library's own, which cannot be blocked. */
    static const int open_ones[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGTRAP, SIGABRT,
                                    SIGSYS,  SIGKILL, SIGSTOP, 32,     33};
    unsigned long long wanted = ~0ull;
    for (size_t i = 0; i < sizeof(open_ones) / sizeof(open_ones[0]); i++)
        wanted &= ~(1ull << (open_ones[i] - 1));
    *ret_blocked = blocked_of(task);
    return (*ret_blocked & wanted) != wanted;
}

/* What is wrong with something that is new, by its line. */
static int strays(const char *line, char *text, size_t size) {
    char task[32];
    unsigned long long blocked;
    int fd;
    int by_exec;
    if (sscanf(line, "thread %31[0-9]", task) == 1 && takes_signals(task, &blocked)) {
        snprintf(text, size, "thread %s takes signals: it blocks %llx", task, blocked);
        return 1;
    }
    if (sscanf(line, "descriptor %d: %*[^,], close-on-exec %d", &fd, &by_exec) == 2 && !by_exec) {
        snprintf(text, size, "not closed by exec: %.*s", (int)line_of(line), line);
        return 1;
    }
    return 0;
}

int footprint_strays(const char *before, char *text, size_t size) {
    char *now = footprint();
    int found = 0;
    for (const char *at = now; !found && *at != '\0'; at += line_of(at) + 1)
        found = !has_line(before, at, line_of(at)) && strays(at, text, size);
    free(now);
    return found;
}
