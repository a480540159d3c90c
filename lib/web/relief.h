#ifndef REPLI_WEB_RELIEF_H
#define REPLI_WEB_RELIEF_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <replicante/error.h>

/*
 * A loop whose user may block now and then has two threads that are the same. One turns the loop;
 * the other waits to go on with it in case the first is away for long, and that one waits in its
 * turn when it comes back. So a user can do at once what mostly takes microseconds, such as a write
 * to a file, and the loop still answers when that takes seconds.
 *
 * Being away and coming back is a few atomic operations. Who waits looks after the loop only while
 * it has something to do.
 */
typedef struct repli__web_relief {
    atomic_ullong away_ns; /* since when whoever has the loop is away (monotonic); 0: it is not */
    atomic_uint trips;     /* how often somebody was */
    atomic_int watched;    /* somebody looks again soon */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int over; /* the loop has ended; under the mutex */
    int made;
} repli__web_relief;

/* On a zeroed one. */
int32_t repli__web_relief_init(repli__web_relief *relief, repli_error *err);
void repli__web_relief_dispose(repli__web_relief *relief);

/* Whoever has the loop: it is away from now on. Returns what to come back with. */
uint64_t repli__web_relief_leave(repli__web_relief *relief);
/* Not 0: it has the loop still. */
int repli__web_relief_return(repli__web_relief *relief, uint64_t away_ns);
/* Who has not: wait until it has. Returns 0 if the loop is over. */
int repli__web_relief_wait(repli__web_relief *relief);
/* The loop is over. */
void repli__web_relief_end(repli__web_relief *relief);

#endif
