#include "base/worker.h"

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

void repli__worker_drive(repli__worker *worker, void (*ring)(void *user_data), void *ring_data) {
    worker->ring = ring;
    worker->ring_data = ring_data;
}

/* When the next run is due. The mutex is held. */
static uint64_t next_ns(const repli__worker *worker) {
    return worker->told_ns != 0 || worker->quits ? 0 : worker->due_ns;
}

/* The mutex is held, but for the run itself. */
static void run_once(repli__worker *worker) {
    const int last = worker->quits;
    worker->told_ns = 0;
    worker->since_ns = repli__mono_ns();
    pthread_mutex_unlock(&worker->mutex);
    const uint64_t due_ns = worker->work(worker->user_data);
    pthread_mutex_lock(&worker->mutex);
    const uint64_t now_ns = repli__mono_ns();
    worker->since_ns = 0;
    worker->due_ns = due_ns > now_ns ? due_ns : now_ns;
    if (last && due_ns > now_ns)
        worker->alive = 0;
}

static void *run_thread(void *argument) {
    repli__worker *worker = argument;
    pthread_mutex_lock(&worker->mutex);
    while (worker->alive) {
        const uint64_t due_ns = next_ns(worker);
        if (due_ns == 0 || repli__mono_ns() >= due_ns)
            run_once(worker);
        else
            repli__cond_wait_until(&worker->cond, &worker->mutex, due_ns);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* Outside the mutex, which whoever is woken wants at once. */
static void wake(repli__worker *worker) {
    if (worker->ring != NULL)
        worker->ring(worker->ring_data);
    else
        pthread_cond_signal(&worker->cond);
}

int32_t repli__worker_start(repli__worker *worker, repli_error *err) {
    pthread_mutex_lock(&worker->mutex);
    worker->due_ns = repli__mono_ns();
    worker->quits = 0;
    worker->alive = 1;
    pthread_mutex_unlock(&worker->mutex);
    int32_t code = REPLI_OK;
    if (worker->ring != NULL)
        wake(worker);
    else
        code = repli__thread_start(&worker->thread, worker->name, run_thread, worker, err);
    worker->started = code == REPLI_OK;
    return code;
}

void repli__worker_tell(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    if (worker->told_ns == 0)
        worker->told_ns = repli__mono_ns();
    pthread_mutex_unlock(&worker->mutex);
    wake(worker);
}

void repli__worker_quit(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->quits = 1;
    pthread_mutex_unlock(&worker->mutex);
    wake(worker);
}

/* Wait for the run in progress, and make the last ones. */
static int finish(repli__worker *worker, uint64_t deadline_ns) {
    pthread_mutex_lock(&worker->mutex);
    while (worker->since_ns != 0 &&
           repli__cond_wait_until(&worker->cond, &worker->mutex, deadline_ns))
        continue;
    while (worker->alive && worker->since_ns == 0)
        run_once(worker);
    const int ended = !worker->alive;
    pthread_mutex_unlock(&worker->mutex);
    return ended;
}

int repli__worker_join(repli__worker *worker, uint64_t deadline_ns) {
    if (worker->started &&
        (worker->ring != NULL ? finish(worker, deadline_ns)
                              : repli__thread_join_until(worker->thread, deadline_ns)))
        worker->started = 0;
    return !worker->started;
}

void repli__worker_forget(repli__worker *worker) {
    if (worker->ring == NULL)
        pthread_detach(worker->thread);
}

uint64_t repli__worker_stuck_ns(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    uint64_t expected_ns = worker->due_ns;
    if (worker->told_ns != 0 && worker->told_ns < expected_ns)
        expected_ns = worker->told_ns;
    if (worker->since_ns != 0)
        expected_ns = worker->since_ns;
    pthread_mutex_unlock(&worker->mutex);
    const uint64_t now_ns = repli__mono_ns();
    return now_ns > expected_ns ? now_ns - expected_ns : 0;
}

int repli__worker_run(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    const int runs = worker->alive && worker->since_ns == 0 && repli__mono_ns() >= next_ns(worker);
    if (runs) {
        run_once(worker);
        pthread_cond_broadcast(&worker->cond);
    }
    pthread_mutex_unlock(&worker->mutex);
    return runs;
}

uint64_t repli__worker_due_ns(repli__worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    const uint64_t due_ns = worker->alive && worker->since_ns == 0 ? next_ns(worker) : UINT64_MAX;
    pthread_mutex_unlock(&worker->mutex);
    return due_ns;
}
