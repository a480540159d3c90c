#ifndef REPLI_HTTP_WORKER_H
#define REPLI_HTTP_WORKER_H

#include <pthread.h>

#include "http/exchange.h"

/* Calls that wait for the database of actions: one at a time, as they would wait for each other
 * anyway. A thread of their own makes them, so that a slow disk holds up nobody who asks for the
 * node; or the loop does, between two turns, if it may not have threads. */
typedef struct repli__http_worker {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    int made;
    int started; /* the thread was */
    int stopping;
    repli__http_exchange *first;
    repli__http_exchange *last;
} repli__http_worker;

int32_t repli__http_worker_init(repli__http_worker *worker, repli_error *err);
/* Give it a thread. */
int32_t repli__http_worker_start(repli__http_worker *worker, repli_error *err);
/* Takes over a reference. */
void repli__http_worker_add(repli__http_worker *worker, repli__http_exchange *exchange);
/* Without a thread: whether calls wait, and make the first one of them; 0 if there was none. */
int repli__http_worker_waits(repli__http_worker *worker);
int repli__http_worker_run(repli__http_worker *worker);
/* Finish the call in progress, drop the others. Fine on a zeroed worker. */
void repli__http_worker_dispose(repli__http_worker *worker);

#endif
