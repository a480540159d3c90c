#ifndef ALLDATA_ROUSER_H
#define ALLDATA_ROUSER_H

#include <pthread.h>
#include <stdint.h>

#include <replicante/error.h>

/* A descriptor that is readable once a time has come, or when it is rung: what a host waits for
 * that runs workers itself. */
typedef struct alldata__rouser {
    int fd; /* -1: it is not needed */
    pthread_mutex_t mutex;
    int rung; /* since it was reset */
} alldata__rouser;

int32_t alldata__rouser_init(alldata__rouser *rouser, const char *origin, repli_error *err);
void alldata__rouser_dispose(alldata__rouser *rouser);
/* Readable at once. The argument is the rouser. */
void alldata__rouser_ring(void *rouser);
/* What was rung for is going to be done. */
void alldata__rouser_reset(alldata__rouser *rouser);
/* Readable at that monotonic time, unless it was rung since it was reset; UINT64_MAX: never. */
void alldata__rouser_arm(alldata__rouser *rouser, uint64_t at_ns);

#endif
