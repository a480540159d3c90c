#include "action/plan.h"

#include <string.h>

#include "base/error.h"
#include "base/json_out.h"
#include "driver/sink.h"

repli__plan_question *repli__plan_question_new(const repli__mem *mem, const repli__handler *handler,
                                               const char *args_json, repli_planned_fn planned,
                                               void *user_data) {
    const size_t size = strlen(args_json);
    repli__plan_question *question = repli__alloc(mem, sizeof(*question) + size + 1);
    if (question == NULL)
        return NULL;
    *question = (repli__plan_question){.mem = *mem,
                                       .handler = handler,
                                       .planned = planned,
                                       .user_data = user_data,
                                       .args_size = size};
    memcpy(question->args, args_json, size + 1);
    return question;
}

void repli__plans_add(repli__plans *plans, repli__plan_question *question) {
    if (plans->last != NULL)
        plans->last->next = question;
    else
        plans->first = question;
    plans->last = question;
}

repli__plan_question *repli__plans_take(repli__plans *plans) {
    repli__plan_question *question = plans->first;
    if (question == NULL)
        return NULL;
    plans->first = question->next;
    if (plans->first == NULL)
        plans->last = NULL;
    question->next = NULL;
    return question;
}

static void free_question(repli__plan_question *question) {
    const repli__mem mem = question->mem;
    repli__free(&mem, question);
}

static int32_t plan_to_json(const char *kind, const repli_plan_step *steps, size_t count,
                            repli_buf *ret_json, repli_error *err) {
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "kind");
    repli__json_string(&out, kind);
    repli__json_name(&out, "steps");
    repli__json_open(&out, '[');
    for (size_t i = 0; i < count; i++) {
        repli__json_open(&out, '{');
        repli__json_name(&out, "summary");
        repli__json_string(&out, steps[i].summary);
        repli__json_name(&out, "command");
        repli__json_string(&out, steps[i].command);
        repli__json_name(&out, "waits_for");
        repli__json_string(&out, steps[i].waits_for);
        repli__json_name(&out, "destructive");
        repli__json_boolean(&out, (steps[i].flags & REPLI_PLAN_DESTRUCTIVE) != 0);
        repli__json_close(&out, '}');
    }
    repli__json_close(&out, ']');
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

static void tell(const repli__plan_question *question, int32_t code, const repli_sink *sink,
                 repli_error *error) {
    repli_buf json = {.allocator = &question->mem};
    repli_plan plan = {.struct_size = sizeof(plan), .kind = question->handler->kind.kind};
    if (code == REPLI_OK) {
        plan.steps = sink->plan;
        plan.step_count = sink->plan_count;
        code = plan_to_json(plan.kind, plan.steps, plan.step_count, &json, error);
        plan.json = json.data;
        plan.json_size = json.size;
    }
    question->planned(question->user_data, code, code == REPLI_OK ? &plan : NULL,
                      code == REPLI_OK ? NULL : error);
    repli_buf_dispose(&json);
}

void repli__plan_answer(repli__plan_question *question, const repli_host *host, repli_op *op) {
    const repli__handler *handler = question->handler;
    repli_error error = REPLI_ERROR_INIT;
    repli_sink sink;
    repli__sink_init(&sink, REPLI__SINK_PLAN, &question->mem);
    int32_t code = handler->plan(handler->user_data, host, op, handler->kind.kind, question->args,
                                 question->args_size, &sink, &error);
    code = repli__sink_finish(&sink, code, &error);
    tell(question, code, &sink, &error);
    repli__sink_dispose(&sink); /* gives back to the memory of the question */
    free_question(question);
}

void repli__plans_refuse(repli__plan_question *first) {
    while (first != NULL) {
        repli__plan_question *question = first;
        first = question->next;
        repli_error error = REPLI_ERROR_INIT;
        const int32_t code = repli__error(&error, REPLI_ECANCELLED, "agent",
                                          "the agent stopped before it could tell the steps of %s",
                                          question->handler->kind.kind);
        tell(question, code, NULL, &error);
        free_question(question);
    }
}
