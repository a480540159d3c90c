#ifndef REPLI_AGENT_DRIVE_H
#define REPLI_AGENT_DRIVE_H

#include <stdatomic.h>

#include "agent/sources.h"
#include "base/worker.h"

/*
 * Runs the workers of an agent that has no threads, on threads of the host: one that dispatches,
 * and, for workers that may block, any number that were lent. A descriptor, which is an epoll set,
 * is readable while dispatch has something to do. In it are an eventfd, rung whenever a worker is
 * told, a timerfd, armed whenever dispatch returns, and what sources wait for.
 */

enum { REPLI__CREW_MAX = 7 };

/* Workers that the same threads run. */
typedef struct repli__crew {
    repli__worker *workers[REPLI__CREW_MAX];
    size_t count;
} repli__crew;

typedef struct repli__drive {
    repli__mem mem;
    int epoll_fd;
    int event_fd;
    int timer_fd;
    repli__sources sources;
    repli__crew dispatched;
    repli__crew lent;
    atomic_int woken; /* by repli_agent_wakeup(), and nobody took notice yet */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t rung;   /* lent threads: something to do, or closed */
    pthread_cond_t left;   /* who waits for visitors: there are fewer */
    uint64_t rings;        /* for lent threads */
    int visitors;          /* threads of the host that are inside */
    int dispatching;
    pthread_t dispatcher;
    int closed; /* workers are run no more */
} repli__drive;

int32_t repli__drive_new(const repli__mem *mem, repli__drive **ret_drive, repli_error *err);
/* NULL is fine. Nobody is inside. */
void repli__drive_free(repli__drive *drive);
/* Before the worker starts: have it run by the thread that dispatches, or by lent ones. */
void repli__drive_add(repli__drive *drive, repli__worker *worker, int lent);

/* See repli_agent_dispatch() and its neighbours; deadlines are monotonic. */
int32_t repli__drive_dispatch(repli__drive *drive, repli_error *err);
int32_t repli__drive_run(repli__drive *drive, uint64_t deadline_ns, repli_error *err);
int32_t repli__drive_work(repli__drive *drive, uint64_t deadline_ns, repli_error *err);
uint64_t repli__drive_due_ns(repli__drive *drive);
/* Make the descriptor readable. Async-signal-safe. */
void repli__drive_ring(repli__drive *drive);

/* Not 0 in the thread that dispatches. */
int repli__drive_is_within(repli__drive *drive);
/* Run no worker any more, and send visitors home: the workers are going to be joined. */
void repli__drive_close(repli__drive *drive);
/* Wait until no more visitors are inside than those of lost workers; 0 if there are at
 * deadline_ns. */
int repli__drive_wait(repli__drive *drive, int lost, uint64_t deadline_ns);
/* For how long something has been due without being dispatched, in nanoseconds. */
uint64_t repli__drive_stuck_ns(repli__drive *drive);

#endif
