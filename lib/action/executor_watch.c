#include "action/executor_internal.h"

#include <string.h>

#include "base/clock.h"

/* To end an action that is past its deadline: whoever set that does not want to wait for long. */
enum { LAST_STEP_MS = 10000 };

/* What a step that was cancelled is given to return before that is said aloud. */
static const uint64_t grace_ns = 1000 * (uint64_t)REPLI__NS_PER_MS;

int repli__step_begin(repli__executor *executor, repli_op *op, uint64_t end_ns) {
    pthread_mutex_lock(&executor->mutex);
    const int may = executor->pauses == 0 && !executor->stops;
    if (may) {
        executor->stepping = 1;
        executor->stats.step_since_ns = repli__mono_ns();
        const int64_t most_ms = executor->options.step_timeout_ms;
        const int is_last = (executor->run.flags & REPLI_STEP_DEADLINE) != 0;
        op->deadline_ns =
            repli__deadline_ns(is_last && most_ms > LAST_STEP_MS ? LAST_STEP_MS : most_ms);
        if (end_ns < op->deadline_ns)
            op->deadline_ns = end_ns;
        executor->step_deadline_ns = op->deadline_ns;
        executor->overrun = REPLI__IN_TIME;
        pthread_mutex_lock(&executor->op_mutex);
        executor->op = op;
        pthread_mutex_unlock(&executor->op_mutex);
    }
    pthread_mutex_unlock(&executor->mutex);
    if (may && op->deadline_ns == end_ns && executor->watch != NULL)
        executor->watch(executor->watch_data);
    return may;
}

uint64_t repli__step_leave(repli__executor *executor) {
    pthread_mutex_lock(&executor->op_mutex);
    executor->op = NULL;
    pthread_mutex_unlock(&executor->op_mutex);
    pthread_mutex_lock(&executor->mutex);
    const uint64_t took_ns = repli__mono_ns() - executor->stats.step_since_ns;
    executor->stats.step_since_ns = 0;
    executor->stats.stuck = 0;
    executor->stepping = 0;
    pthread_cond_broadcast(&executor->idle);
    pthread_mutex_unlock(&executor->mutex);
    return took_ns;
}

void repli__step_cancel(repli__executor *executor, uint64_t deadline_ns) {
    pthread_mutex_lock(&executor->op_mutex);
    if (executor->op != NULL && executor->op->deadline_ns <= deadline_ns) {
        atomic_store(&executor->op->cancelled, 1);
        if (executor->cancel != NULL)
            executor->cancel(executor->cancel_data, executor->op);
    }
    pthread_mutex_unlock(&executor->op_mutex);
}

void repli__executor_on_cancel(repli__executor *executor,
                               void (*cancel)(void *user_data, repli_op *op), void *user_data) {
    executor->cancel = cancel;
    executor->cancel_data = user_data;
}

void repli__executor_on_watch(repli__executor *executor, void (*watch)(void *user_data),
                              void *user_data) {
    executor->watch = watch;
    executor->watch_data = user_data;
}

/* Returns when to look again. */
static uint64_t notice(repli__executor *executor, uint64_t now_ns, int *ret_told, int *ret_stuck) {
    const uint64_t deadline_ns = executor->step_deadline_ns;
    if (!executor->stepping || executor->overrun == REPLI__STUCK)
        return UINT64_MAX;
    if (now_ns < deadline_ns)
        return deadline_ns;
    *ret_told = executor->overrun == REPLI__IN_TIME;
    executor->overrun = REPLI__TOLD;
    if (now_ns < deadline_ns + grace_ns)
        return deadline_ns + grace_ns;
    *ret_stuck = executor->stats.stuck = 1;
    executor->overrun = REPLI__STUCK;
    return UINT64_MAX;
}

uint64_t repli__executor_watch(repli__executor *executor) {
    const uint64_t now_ns = repli__mono_ns();
    char kind[REPLI__RUNNING_SIZE];
    int told = 0;
    int stuck = 0;
    pthread_mutex_lock(&executor->mutex);
    const uint64_t next_ns = notice(executor, now_ns, &told, &stuck);
    memcpy(kind, executor->kind, sizeof(kind));
    pthread_mutex_unlock(&executor->mutex);
    if (told)
        repli__step_cancel(executor, now_ns);
    if (stuck)
        repli__log_printf(executor->log, REPLI_LOG_WARNING, "agent",
                          "a step of the running action (%s) is past its deadline and was "
                          "cancelled, but does not return; no other action runs until it does",
                          kind);
    return next_ns;
}

void repli__executor_pause(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    executor->pauses++;
    while (executor->stepping)
        pthread_cond_wait(&executor->idle, &executor->mutex);
    pthread_mutex_unlock(&executor->mutex);
}

void repli__executor_resume(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    executor->pauses--;
    pthread_mutex_unlock(&executor->mutex);
    repli__worker_tell(&executor->worker);
}
