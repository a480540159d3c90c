#ifndef REPLI_AGENT_WORKER_H
#define REPLI_AGENT_WORKER_H

#include <pthread.h>
#include <stdint.h>

#include <replicante/error.h>

/*
 * A thread that runs a function whenever it is told to, and when the time has come that the
 * function asked for. All that a thread of the agent does is in such functions, so that a host with
 * a loop of its own could call them as well.
 */

/* Returns the monotonic time of its next run unless told earlier; UINT64_MAX: only when told. */
typedef uint64_t (*repli__work_fn)(void *user_data);

typedef struct repli__worker {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pthread_t thread;
    const char *name;
    repli__work_fn work;
    void *user_data;
    uint64_t due_ns;   /* when the next run is due */
    uint64_t since_ns; /* begin of the run in progress; 0: none */
    int told;
    int quits;
    int started;
} repli__worker;

/* name: 15 bytes at most, static. */
int32_t repli__worker_init(repli__worker *worker, const char *name, repli__work_fn work,
                           void *user_data, repli_error *err);
void repli__worker_dispose(repli__worker *worker);
/* The first run is at once. */
int32_t repli__worker_start(repli__worker *worker, repli_error *err);
/* Run soon, even if a run is in progress. Never blocks. */
void repli__worker_tell(repli__worker *worker);
/* Run once more, then end. */
void repli__worker_quit(repli__worker *worker);
/* Not 0 once the thread has ended (or never began), 0 if it still runs at deadline_ns. */
int repli__worker_join(repli__worker *worker, uint64_t deadline_ns);
/* Let a thread go that does not end. What it uses, the worker included, must stay. */
void repli__worker_forget(repli__worker *worker);
/* For how long the thread has been in one run, or late for one, in nanoseconds. */
uint64_t repli__worker_stuck_ns(repli__worker *worker);

#endif
