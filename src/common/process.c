#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "exits.h"
#include "name.h"

int process_prepare_descriptors(void) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -1;
    int bad = dup2(null, STDIN_FILENO) < 0;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            bad |= dup2(null, fd) < 0;
    if (null > STDERR_FILENO)
        close(null);
    return bad ? -1 : 0;
}

int process_prepare_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void process_mask_ends(int how) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(how, &ends, NULL);
}

int process_wait(int signals, const struct process_watch *watch) {
    int64_t next = clock_now_ms();
    for (;;) {
        if (clock_now_ms() >= next) {
            watch->look(watch->user_data);
            next = clock_now_ms() + watch->interval_ms;
        }
        struct pollfd wait = {.fd = signals, .events = POLLIN};
        const int64_t left = next - clock_now_ms();
        poll(&wait, 1, left > 0 ? (int)left : 0);
        struct signalfd_siginfo info;
        if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
            continue;
        if (info.ssi_signo != SIGHUP)
            return (int)info.ssi_signo;
        watch->reload(watch->user_data);
    }
}

void process_allow_ends(int64_t timeout_ms) {
    enum { GRACE_S = 5 };
    process_mask_ends(SIG_UNBLOCK);
    alarm((unsigned)(timeout_ms / 1000 + GRACE_S));
}

int process_cannot_prepare(void) {
    fprintf(stderr, "%s: ", program_name);
    perror("cannot prepare the process");
    return EXITS_NEGATIVE;
}
