#include "action/executor_internal.h"

#include "base/error.h"

int repli__executor_answer_plan(repli__executor *executor) {
    repli_op op = {.running_action =
                       executor->stage != REPLI__TAKE ? executor->run.claim.action->kind : NULL};
    atomic_init(&op.cancelled, 0);
    pthread_mutex_lock(&executor->mutex);
    const int asked = executor->plans.first != NULL;
    pthread_mutex_unlock(&executor->mutex);
    if (!asked || !repli__step_begin(executor, &op, UINT64_MAX))
        return 0;
    pthread_mutex_lock(&executor->mutex);
    repli__plan_question *question = repli__plans_take(&executor->plans);
    pthread_mutex_unlock(&executor->mutex);
    if (question != NULL)
        repli__plan_answer(question, executor->host, &op);
    repli__step_leave(executor);
    return 1;
}

int32_t repli__executor_plan(repli__executor *executor, const repli__handler *handler,
                             const char *args_json, repli_planned_fn planned, void *user_data,
                             repli_error *err) {
    repli__plan_question *question =
        repli__plan_question_new(&executor->mem, handler, args_json, planned, user_data);
    if (question == NULL)
        return repli__error_nomem(err, "agent", "asking what an action would do");
    pthread_mutex_lock(&executor->mutex);
    const int closed = executor->plans.closed || executor->stops;
    if (!closed)
        repli__plans_add(&executor->plans, question);
    pthread_mutex_unlock(&executor->mutex);
    if (closed) {
        repli__free(&executor->mem, question);
        return repli__error(err, REPLI_ESTATE, "agent", "the agent is stopped");
    }
    repli__worker_tell(&executor->worker);
    return REPLI_OK;
}

void repli__executor_refuse_plans(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    repli__plan_question *first = executor->plans.first;
    executor->plans = (repli__plans){.closed = 1};
    pthread_mutex_unlock(&executor->mutex);
    repli__plans_refuse(first);
}
