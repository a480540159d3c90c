#include "process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

int process_cannot_prepare(void) {
    fprintf(stderr, "%s: ", program_name);
    perror("cannot prepare the process");
    return EXITS_NEGATIVE;
}
