#include "agent/worker.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

int32_t repli__worker_init(repli__worker *worker, const char *name, repli__work_fn work,
                           void *user_data, repli_error *err) {
    *worker = (repli__worker){.name = name, .work = work, .user_data = user_data};
    const int32_t code = repli__cond_init(&worker->cond, err);
    if (code == REPLI_OK)
        pthread_mutex_init(&worker->mutex, NULL);
    return code;
}

void repli__worker_dispose(repli__worker *worker) {
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->cond);
}

static void *run(void *argument) {
    repli__worker *worker = argument;
    pthread_mutex_lock(&worker->mutex);
    for (int last = 0; !last;) {
        while (!worker->told && !worker->quits && repli__mono_ns() < worker->due_ns)
            repli__cond_wait_until(&worker->cond, &worker->mutex, worker->due_ns);
        worker->told = 0;
        last = worker->quits;
        worker->since_ns = repli__mono_ns();
        pthread_mutex_unlock(&worker->mutex);
        const uint64_t due_ns = worker->work(worker->user_data);
        pthread_mutex_lock(&worker->mutex);
        worker->since_ns = 0;
        worker->due_ns = due_ns;
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

int32_t repli__worker_start(repli__worker *worker, repli_error *err) {
    worker->due_ns = repli__mono_ns();
    const int32_t code = repli__thread_start(&worker->thread, worker->name, run, worker, err);
    if (code == REPLI_OK)
        worker->started = 1;
    return code;
}

void repli__worker_tell(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->told = 1;
    pthread_cond_signal(&worker->cond);
    pthread_mutex_unlock(&worker->mutex);
}

void repli__worker_quit(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->quits = 1;
    pthread_cond_signal(&worker->cond);
    pthread_mutex_unlock(&worker->mutex);
}

int repli__worker_join(repli__worker *worker, uint64_t deadline_ns) {
    if (worker->started && repli__thread_join_until(worker->thread, deadline_ns))
        worker->started = 0;
    return !worker->started;
}

void repli__worker_forget(repli__worker *worker) {
    pthread_detach(worker->thread);
}

uint64_t repli__worker_stuck_ns(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    const uint64_t expected_ns = worker->since_ns != 0 ? worker->since_ns : worker->due_ns;
    pthread_mutex_unlock(&worker->mutex);
    const uint64_t now_ns = repli__mono_ns();
    return now_ns > expected_ns ? now_ns - expected_ns : 0;
}
