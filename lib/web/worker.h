#ifndef REPLI_WEB_WORKER_H
#define REPLI_WEB_WORKER_H

#include <pthread.h>

#include "web/exchange.h"

/* Calls that may block, one at a time. A thread of their own makes them, so that they hold up
 * nobody else; or the loop does, one in a turn, if it may not have threads. */
typedef struct repli__web_worker {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    int made;
    int started; /* the thread was */
    int stopping;
    repli__web_exchange *first;
    repli__web_exchange *last;
} repli__web_worker;

int32_t repli__web_worker_init(repli__web_worker *worker, repli_error *err);
/* Give it a thread. */
int32_t repli__web_worker_start(repli__web_worker *worker, const char *name, repli_error *err);
/* Takes over a reference. */
void repli__web_worker_add(repli__web_worker *worker, repli__web_exchange *exchange);
/* Without a thread: whether calls wait, and make the first one of them; 0 if there was none. */
int repli__web_worker_waits(repli__web_worker *worker);
int repli__web_worker_run(repli__web_worker *worker);
/* Finish the call in progress, drop the others. Fine on a zeroed worker. */
void repli__web_worker_dispose(repli__web_worker *worker);

#endif
