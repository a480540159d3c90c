#include "fault.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whatever a handler needs is made before: it may call next to nothing. */

enum { TEXT_SIZE = 256, THREAD_NAME_SIZE = 16 };

static struct {
    int fd;
    volatile sig_atomic_t starting;
    char before[TEXT_SIZE], after[TEXT_SIZE]; /* of the line */
    char opening[TEXT_SIZE], observing[TEXT_SIZE], acting[TEXT_SIZE];
} fault;

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
               {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"}, {SIGSYS, "SIGSYS"}};

static void append(char *line, size_t *size, const char *text) {
    while (*text != '\0' && *size < 4 * (size_t)TEXT_SIZE - 1)
        line[(*size)++] = *text++;
}

static const char *name_of(int number) {
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signals[i].number == number)
            return signals[i].name;
    return "a signal";
}

static void append_place(char *line, size_t *size) {
    char thread[THREAD_NAME_SIZE] = "";
    prctl(PR_GET_NAME, thread, 0, 0, 0);
    if (fault.starting && syscall(SYS_gettid) == getpid()) {
        append(line, size, fault.opening);
    } else if (strcmp(thread, "repli-driver") == 0) {
        append(line, size, fault.observing);
    } else if (strcmp(thread, "repli-executor") == 0) {
        append(line, size, fault.acting);
    } else {
        append(line, size, " in the thread ");
        append(line, size, thread);
    }
}

static void say(int number) {
    char line[4 * TEXT_SIZE];
    size_t size = 0;
    append(line, &size, fault.before);
    append(line, &size, "the agent ends because of ");
    append(line, &size, name_of(number));
    append_place(line, &size);
    append(line, &size, fault.after);
    const ssize_t written = write(fault.fd, line, size);
    (void)written;
    /* By now the signal means again what it did before. */
    raise(number);
}

static void write_texts(const char *driver) {
    snprintf(fault.opening, TEXT_SIZE, " while the driver %s is opened", driver);
    snprintf(fault.observing, TEXT_SIZE, " while the driver %s observes the node", driver);
    snprintf(fault.acting, TEXT_SIZE, " while an action is executed (driver %s)", driver);
}

static void write_format(int format) {
    switch (format) {
    case LOGSINK_JSON:
        strcpy(fault.before, "{\"level\":\"error\",\"origin\":\"repliagent\",\"message\":\"");
        strcpy(fault.after, "\"}\n");
        break;
    case LOGSINK_JOURNAL:
        strcpy(fault.before, "<2>repliagent: ");
        strcpy(fault.after, "\n");
        break;
    default: strcpy(fault.before, "repliagent: "); strcpy(fault.after, "\n");
    }
}

void fault_prepare(const char *driver, const struct logsink *log) {
    fault.fd = log->fd;
    write_texts(driver);
    write_format(log->format);
    fault.starting = 1;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;
        if (sigaction(signals[i].number, NULL, &before) != 0 || before.sa_handler != SIG_DFL)
            continue;
        struct sigaction action = {.sa_handler = say, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
        sigemptyset(&action.sa_mask);
        sigaction(signals[i].number, &action, NULL);
    }
}

void fault_started(void) {
    fault.starting = 0;
}
