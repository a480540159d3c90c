#ifndef REPLI_REDIS_TASK_H
#define REPLI_REDIS_TASK_H

#include <replicante/driver.h>

#include "config.h"

/* Arguments of an action. Which of them a kind takes is said in its description. */
typedef struct repli__redis_args {
    char source[160];
    char address[160];
    char node[160];
    char to[160];
    char replicate[64];
    int32_t force;
    int32_t takeover;
    int64_t timeout_s;
} repli__redis_args;

/* What a plan has to tell and has not told yet; see plan.h. */
typedef struct repli__redis_plan {
    char summary[400]; /* empty: nothing */
    char command[640];
    char waits_for[400];
    int destructive;
} repli__redis_plan;

/*
 * One step of an action. What an action has reached is asked of the servers; the payload says what
 * it did last and when, what it waits for, and what came of it.
 */
typedef struct repli__redis_task {
    repli__redis *redis;
    const repli_op *op;
    repli_sink *sink;
    int interrupted;         /* this step may have happened, at least in part */
    int cancelled;           /* the action is to end */
    int ends;                /* at its deadline: there is no other step */
    repli__redis_plan *plan; /* NULL: it is done, and not only told */
    repli__redis_args args;
    char stage[24];    /* empty at the beginning */
    char entered[24];  /* when the stage was */
    char begun[24];    /* when the action began */
    char primary[160]; /* of whom the node was made a replica, or who became primary */
} repli__redis_task;

/* An action: does a step and calls one of the functions below, or fails. */
typedef int32_t (*repli__redis_action_fn)(repli__redis_task *task, repli_error *err);

int32_t repli__redis_act_init(repli__redis_task *task, repli_error *err);
int32_t repli__redis_act_add(repli__redis_task *task, repli_error *err);
int32_t repli__redis_act_join(repli__redis_task *task, repli_error *err);
int32_t repli__redis_act_remove(repli__redis_task *task, repli_error *err);
int32_t repli__redis_act_failover(repli__redis_task *task, repli_error *err);
int32_t repli__redis_act_promote(repli__redis_task *task, repli_error *err);

void repli__redis_task_load(repli__redis_task *task, const char *payload_json);

int repli__redis_task_in(const repli__redis_task *task, const char *stage);
/* Go on with another stage, in milliseconds. */
int32_t repli__redis_task_go(repli__redis_task *task, const char *stage, int64_t milliseconds,
                             repli_error *err);
/* Look again soon; the format says what is waited for. Fails once the action has lasted longer than
 * its timeout. */
int32_t repli__redis_task_wait(repli__redis_task *task, repli_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int32_t repli__redis_task_done(repli__redis_task *task, repli_error *err);
int repli__redis_task_late(const repli__redis_task *task);
/* How long the present stage has lasted. */
int64_t repli__redis_task_seconds(const repli__redis_task *task);

#endif
