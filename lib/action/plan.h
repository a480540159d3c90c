#ifndef REPLI_ACTION_PLAN_H
#define REPLI_ACTION_PLAN_H

#include "action/registry.h"

/* What actions would do, asked for by those who are told later: a queue of questions. */

typedef struct repli__plan_question {
    struct repli__plan_question *next;
    repli__mem mem;
    const repli__handler *handler;
    repli_planned_fn planned;
    void *user_data;
    size_t args_size;
    char args[]; /* NUL-terminated */
} repli__plan_question;

typedef struct repli__plans {
    repli__plan_question *first, *last;
    int closed; /* nobody asks any more */
} repli__plans;

/* NULL without memory. */
repli__plan_question *repli__plan_question_new(const repli__mem *mem, const repli__handler *handler,
                                               const char *args_json, repli_planned_fn planned,
                                               void *user_data);
void repli__plans_add(repli__plans *plans, repli__plan_question *question);
/* The first, or NULL. */
repli__plan_question *repli__plans_take(repli__plans *plans);

/* Have the question answered by who does such actions, tell who asked, and free it. */
void repli__plan_answer(repli__plan_question *question, const repli_host *host, repli_op *op);
/* Tell all of a list that nobody answers them, and free them. */
void repli__plans_refuse(repli__plan_question *first);

#endif
