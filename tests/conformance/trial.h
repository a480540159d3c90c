#ifndef TRIAL_H
#define TRIAL_H

#include <sys/types.h>

/* "repliagent check" with one of the drivers here, on a store of its own (store/store.c). Whatever
 * goes wrong here ends the test. */
struct trial {
    const char *driver; /* as in drivers/NAME.c */
    char directory[64];
    int owner, output; /* descriptors: of the lock that the store looks at, and of what was said */
    pid_t pid;
    int status; /* exit status, once it ended */
    char *said; /* to be freed */
};

void trial_start(struct trial *trial, const char *driver);
/* 1 once it ended; the store is gone then. 0 if it still runs. */
int trial_ended(struct trial *trial);

#endif
