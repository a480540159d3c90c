#include "http/worker.h"

#include "base/thread.h"

static repli__http_exchange *pop(repli__http_worker *worker) {
    repli__http_exchange *exchange = worker->first;
    if (exchange != NULL)
        worker->first = exchange->next;
    return exchange;
}

static void *run(void *argument) {
    repli__http_worker *worker = argument;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping) {
        repli__http_exchange *exchange = pop(worker);
        if (exchange == NULL) {
            pthread_cond_wait(&worker->changed, &worker->mutex);
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        repli__http_exchange_answer(exchange);
        pthread_mutex_lock(&worker->mutex);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

int32_t repli__http_worker_init(repli__http_worker *worker, repli_error *err) {
    const int32_t code = repli__cond_init(&worker->changed, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_init(&worker->mutex, NULL);
    worker->made = 1;
    return REPLI_OK;
}

int32_t repli__http_worker_start(repli__http_worker *worker, repli_error *err) {
    const int32_t code = repli__thread_start(&worker->thread, "repli-http-db", run, worker, err);
    worker->started = code == REPLI_OK;
    return code;
}

void repli__http_worker_add(repli__http_worker *worker, repli__http_exchange *exchange) {
    exchange->next = NULL;
    pthread_mutex_lock(&worker->mutex);
    if (worker->first == NULL)
        worker->first = exchange;
    else
        worker->last->next = exchange;
    worker->last = exchange;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

int repli__http_worker_waits(repli__http_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    const int waits = worker->first != NULL;
    pthread_mutex_unlock(&worker->mutex);
    return waits;
}

int repli__http_worker_run(repli__http_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    repli__http_exchange *exchange = pop(worker);
    pthread_mutex_unlock(&worker->mutex);
    if (exchange != NULL)
        repli__http_exchange_answer(exchange);
    return exchange != NULL;
}

static void end_thread(repli__http_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = 1;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
}

void repli__http_worker_dispose(repli__http_worker *worker) {
    if (!worker->made)
        return;
    if (worker->started)
        end_thread(worker);
    for (repli__http_exchange *exchange = pop(worker); exchange != NULL; exchange = pop(worker))
        repli__http_exchange_unref(exchange);
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->changed);
}
