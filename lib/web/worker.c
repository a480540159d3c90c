#include "web/worker.h"

#include "base/thread.h"

static repli__web_exchange *pop(repli__web_worker *worker) {
    repli__web_exchange *exchange = worker->first;
    if (exchange != NULL)
        worker->first = exchange->next;
    return exchange;
}

static void *run(void *argument) {
    repli__web_worker *worker = argument;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping) {
        repli__web_exchange *exchange = pop(worker);
        if (exchange == NULL) {
            pthread_cond_wait(&worker->changed, &worker->mutex);
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        repli__web_exchange_work(exchange);
        pthread_mutex_lock(&worker->mutex);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

int32_t repli__web_worker_init(repli__web_worker *worker, repli_error *err) {
    const int32_t code = repli__cond_init(&worker->changed, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_init(&worker->mutex, NULL);
    worker->made = 1;
    return REPLI_OK;
}

int32_t repli__web_worker_start(repli__web_worker *worker, const char *name, repli_error *err) {
    const int32_t code = repli__thread_start(&worker->thread, name, run, worker, err);
    worker->started = code == REPLI_OK;
    return code;
}

void repli__web_worker_add(repli__web_worker *worker, repli__web_exchange *exchange) {
    exchange->next = NULL;
    pthread_mutex_lock(&worker->mutex);
    const int sleeps = worker->first == NULL; /* or will look again */
    if (sleeps)
        worker->first = exchange;
    else
        worker->last->next = exchange;
    worker->last = exchange;
    pthread_mutex_unlock(&worker->mutex);
    if (sleeps)
        pthread_cond_signal(&worker->changed);
}

int repli__web_worker_waits(repli__web_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    const int waits = worker->first != NULL;
    pthread_mutex_unlock(&worker->mutex);
    return waits;
}

int repli__web_worker_run(repli__web_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    repli__web_exchange *exchange = pop(worker);
    pthread_mutex_unlock(&worker->mutex);
    if (exchange != NULL)
        repli__web_exchange_work(exchange);
    return exchange != NULL;
}

static void end_thread(repli__web_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = 1;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
}

void repli__web_worker_dispose(repli__web_worker *worker) {
    if (!worker->made)
        return;
    if (worker->started)
        end_thread(worker);
    for (repli__web_exchange *exchange = pop(worker); exchange != NULL; exchange = pop(worker))
        repli__web_exchange_abandon(exchange);
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->changed);
}
