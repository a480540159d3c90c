#include "conformance/surroundings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

extern char **environ;

static uint64_t sum_of_environment(void) {
    uint64_t sum = 1469598103934665603u; /* FNV-1a */
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        for (const char *c = *entry;; c++) {
            sum = (sum ^ (unsigned char)*c) * 1099511628211u;
            if (*c == '\0')
                break;
        }
    return sum;
}

void surroundings_take(struct surroundings *s) {
    memset(s, 0, sizeof(*s));
    for (int i = 1; i < NSIG; i++)
        sigaction(i, NULL, &s->actions[i]);
    pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
    const char *locale = setlocale(LC_ALL, NULL);
    snprintf(s->locale, sizeof(s->locale), "%s", locale != NULL ? locale : "?");
    if (getcwd(s->directory, sizeof(s->directory)) == NULL)
        s->directory[0] = '\0';
    s->umask = umask(0);
    umask(s->umask);
    s->environment = sum_of_environment();
}

static int same_mask(const sigset_t *one, const sigset_t *other) {
    for (int i = 1; i < NSIG; i++)
        if (sigismember(one, i) != sigismember(other, i))
            return 0;
    return 1;
}

static void compare_signals(const struct surroundings *before, const struct surroundings *now,
                            struct board *board) {
    for (int i = 1; i < NSIG; i++)
        if (before->actions[i].sa_handler != now->actions[i].sa_handler)
            board_fail(board, RULE_PROCESS_SIGNALS, "the handler of signal %d (%s) was changed", i,
                       strsignal(i));
    if (!same_mask(&before->mask, &now->mask))
        board_fail(board, RULE_PROCESS_SIGNALS, "the mask of blocked signals was changed");
    board_pass(board, RULE_PROCESS_SIGNALS, "handlers and masks are as they were");
}

static void compare_settings(const struct surroundings *before, const struct surroundings *now,
                             struct board *board) {
    if (strcmp(before->locale, now->locale) != 0)
        board_fail(board, RULE_PROCESS_SETTINGS, "the locale was changed from %s to %s",
                   before->locale, now->locale);
    if (strcmp(before->directory, now->directory) != 0)
        board_fail(board, RULE_PROCESS_SETTINGS, "the directory was changed to %.300s",
                   now->directory);
    if (before->umask != now->umask)
        board_fail(board, RULE_PROCESS_SETTINGS, "the umask was changed from %03o to %03o",
                   (unsigned)before->umask, (unsigned)now->umask);
    if (before->environment != now->environment)
        board_fail(board, RULE_PROCESS_SETTINGS, "the environment was changed");
    board_pass(board, RULE_PROCESS_SETTINGS, "all as they were");
}

static void compare_children(struct board *board) {
    const pid_t pid = waitpid(-1, NULL, WNOHANG);
    if (pid == 0)
        board_fail(board, RULE_PROCESS_CHILDREN, "a child process still runs");
    else if (pid > 0)
        board_fail(board, RULE_PROCESS_CHILDREN, "nobody waited for the child process %ld",
                   (long)pid);
    else
        board_pass(board, RULE_PROCESS_CHILDREN, "there is none");
}

void surroundings_compare(const struct surroundings *before, struct board *board, int started) {
    struct surroundings now;
    surroundings_take(&now);
    compare_signals(before, &now, board);
    compare_settings(before, &now, board);
    if (!started)
        compare_children(board);
}

/* Entries of a directory of the kernel's that are numbers. */
static size_t count_in(const char *path) {
    DIR *entries = opendir(path);
    size_t count = 0;
    if (entries == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

size_t surroundings_descriptors(void) {
    const size_t count = count_in("/proc/self/fd");
    return count > 0 ? count - 1 : 0; /* without the one that looked */
}

size_t surroundings_threads(void) {
    return count_in("/proc/self/task");
}

size_t surroundings_memory(void) {
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 33)
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
#else
    return 0;
#endif
}

unsigned char surroundings_is_open(int fd) {
    return fcntl(fd, F_GETFD) != -1;
}

int surroundings_inherited(const unsigned char *known, size_t known_size, char *text, size_t size) {
    for (int fd = 3; fd < 1024; fd++) {
        const int flags = fcntl(fd, F_GETFD);
        if (flags == -1 || (flags & FD_CLOEXEC) || ((size_t)fd < known_size && known[fd]))
            continue;
        char path[40];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        const ssize_t length = readlink(path, text, size - 1);
        text[length > 0 ? length : 0] = '\0';
        return fd;
    }
    return -1;
}
