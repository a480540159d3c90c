#ifndef REPLI_HTTP_WORKER_H
#define REPLI_HTTP_WORKER_H

#include <pthread.h>

#include "http/exchange.h"

/* A thread for calls that wait for the database of actions, so that a slow disk holds up nobody who
 * asks for the node. One at a time: they would wait for each other anyway. */
typedef struct repli__http_worker {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    int started;
    int stopping;
    repli__http_exchange *first;
    repli__http_exchange *last;
} repli__http_worker;

int32_t repli__http_worker_start(repli__http_worker *worker, repli_error *err);
/* Takes over a reference. */
void repli__http_worker_add(repli__http_worker *worker, repli__http_exchange *exchange);
/* Finish the call in progress, drop the others. Fine on a worker that was not started. */
void repli__http_worker_stop(repli__http_worker *worker);

#endif
