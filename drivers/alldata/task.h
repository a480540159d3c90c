#ifndef REPLI_ALLDATA_TASK_H
#define REPLI_ALLDATA_TASK_H

#include "alldata.h"
#include "look.h"

/* Arguments of an action. Which of them a kind takes is said in its
 * description. */
typedef struct repli__alldata_args {
    char source[300];
    char node[160];
    char interval[64];
    int64_t timeout_s;
} repli__alldata_args;

/*
 * One step of an action, or its plan: then what would be done is told instead.
 * What an action has reached is asked of the node; the payload says when it
 * began and what it waits for.
 */
typedef struct repli__alldata_task {
    const repli__alldata *alldata;
    const repli_op *op;
    repli_sink *sink;
    int plans;
    repli__alldata_args args;
    char begun[24];   /* when the action did */
    char started[48]; /* when the process of the node did that was asked */
    int64_t request;  /* its number for what it was asked; 0: it was not asked */
    int64_t number;   /* what came of it */
    const char *number_name;
    char path[1024]; /* likewise */
} repli__alldata_task;

/* An action: does a step and calls one of the functions below, or fails. */
typedef int32_t (*repli__alldata_action_fn)(repli__alldata_task *task, repli_error *err);

int32_t repli__alldata_act_join(repli__alldata_task *task, repli_error *err);
int32_t repli__alldata_act_remove(repli__alldata_task *task, repli_error *err);
int32_t repli__alldata_act_repair(repli__alldata_task *task, repli_error *err);
int32_t repli__alldata_act_export(repli__alldata_task *task, repli_error *err);

void repli__alldata_task_load(repli__alldata_task *task, const char *payload_json);

/* POST /_alldata/WHAT?NAME=VALUE; without a value there is no query. */
int32_t repli__alldata_task_post(repli__alldata_task *task, const char *what, const char *name,
                                 const char *value, repli__alldata_answer *ret_answer,
                                 repli_error *err);
/* Take the number that it gave the request, which was for that. */
int32_t repli__alldata_task_number(repli__alldata_task *task, const repli__alldata_answer *answer,
                                   const char *what, repli_error *err);
/* Of a plan: what would be asked of the node, and what would then be waited
 * for, or NULL. */
int32_t repli__alldata_task_tell(repli__alldata_task *task, const char *what, const char *name,
                                 const char *value, const char *waits_for, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Look again soon; the format says what is waited for. Fails once the action
 * has lasted longer than its timeout. */
int32_t repli__alldata_task_wait(repli__alldata_task *task, repli_error *err, const char *format,
                                 ...) __attribute__((format(printf, 3, 4)));
int32_t repli__alldata_task_done(repli__alldata_task *task);

#endif
