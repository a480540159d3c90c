#ifndef REPLI_BASE_WORKER_H
#define REPLI_BASE_WORKER_H

#include <pthread.h>
#include <stdint.h>

#include <replicante/error.h>

/*
 * A function that is run whenever it is told to, and when the time has come that it asked for. It
 * does a bounded piece of work and says when it wants to go on, so it does not matter who runs it:
 * a thread of its own, or whoever drives it, one at a time.
 */

/* Returns the monotonic time of its next run unless told earlier; 0: at once; UINT64_MAX: only when
 * told. */
typedef uint64_t (*repli__work_fn)(void *user_data);

typedef struct repli__worker {
    const char *name;
    repli__work_fn work;
    void *user_data;
    void (*ring)(void *user_data); /* NULL: it has a thread of its own */
    void *ring_data;
    pthread_t thread;
    int started; /* of whoever starts and joins */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t
        cond;          /* the thread: something to do; who joins one that is driven: a run ended */
    uint64_t due_ns;   /* when the next run is due */
    uint64_t told_ns;  /* when it was told to run, first after the last run began; 0: was not */
    uint64_t since_ns; /* begin of the run in progress; 0: none */
    int quits;
    int alive; /* between start and its last run */
} repli__worker;

/* name: 15 bytes at most, static. */
int32_t repli__worker_init(repli__worker *worker, const char *name, repli__work_fn work,
                           void *user_data, repli_error *err);
void repli__worker_dispose(repli__worker *worker);
/* Before the start: without a thread. ring says, on any thread and without locks of the worker's,
 * that repli__worker_run() has something to do. */
void repli__worker_drive(repli__worker *worker, void (*ring)(void *user_data), void *ring_data);
/* The first run is at once. */
int32_t repli__worker_start(repli__worker *worker, repli_error *err);
/* Run soon, even if a run is in progress. Never blocks. */
void repli__worker_tell(repli__worker *worker);
/* Run until it asks for a later time, at least once, then end. */
void repli__worker_quit(repli__worker *worker);
/* After quit. Not 0 once it has ended (or never began), 0 if it is still in a run at deadline_ns.
 * The last runs of one that is driven are made by the caller, unless they are in progress. */
int repli__worker_join(repli__worker *worker, uint64_t deadline_ns);
/* Let one go that does not end. What it uses, the worker included, must stay. */
void repli__worker_forget(repli__worker *worker);
/* For how long it has been in one run, or late for one, in nanoseconds. */
uint64_t repli__worker_stuck_ns(repli__worker *worker);

/* Of one that is driven: run it if that is due and nobody else does. Not 0 if it was run. */
int repli__worker_run(repli__worker *worker);
/* When repli__worker_run() has something to do; 0: now. */
uint64_t repli__worker_due_ns(repli__worker *worker);

#endif
