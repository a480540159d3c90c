#ifndef REPLI_PG_TASK_H
#define REPLI_PG_TASK_H

#include <replicante/driver.h>

#include "config.h"

/* Arguments of an action. Which of them a kind takes is said in its description. */
typedef struct repli__pg_args {
    char source_host[256];
    char source_port[8];
    char slot[64];
    char node[256];
    char address[256];
    char encoding[32];
    char locale[64];
    char max_rate[16];
    int64_t timeout_s;
    int32_t force;
} repli__pg_args;

/*
 * One step of an action. An action is a row of stages; the payload holds the name of the one it is
 * in and when that was entered, and the facts that later stages need.
 */
typedef struct repli__pg_task {
    repli__pg *pg;
    const repli_op *op;
    repli_sink *sink;
    const char *id;  /* of the action */
    int interrupted; /* this step may have happened, at least in part */
    int cancelled;   /* the action is to end */
    int ends;        /* at its deadline: there is no other step */
    repli__pg_args args;
    char stage[24];   /* empty at the beginning */
    char entered[24]; /* when the stage was */
    struct {
        const char *name;
        char value[160];
    } facts[9];
} repli__pg_task;

/* An action: does a step and calls one of the functions below, or fails. */
typedef int32_t (*repli__pg_action_fn)(repli__pg_task *task, repli_error *err);

int32_t repli__pg_act_init(repli__pg_task *task, repli_error *err);
int32_t repli__pg_act_add(repli__pg_task *task, repli_error *err);
int32_t repli__pg_act_remove(repli__pg_task *task, repli_error *err);
int32_t repli__pg_act_join(repli__pg_task *task, repli_error *err);
int32_t repli__pg_act_promote(repli__pg_task *task, repli_error *err);
int32_t repli__pg_act_restart(repli__pg_task *task, repli_error *err);
int32_t repli__pg_act_rejoin(repli__pg_task *task, repli_error *err);

void repli__pg_task_load(repli__pg_task *task, const char *payload_json);

int repli__pg_task_in(const repli__pg_task *task, const char *stage);
/* Go on with another stage at once. */
int32_t repli__pg_task_go(repli__pg_task *task, const char *stage, repli_error *err);
/* Come back in milliseconds; the format says what is waited for. process may be NULL. */
int32_t repli__pg_task_wait(repli__pg_task *task, int64_t milliseconds,
                            const repli_process *process, repli_error *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int32_t repli__pg_task_done(repli__pg_task *task, repli_error *err);
/* Not 0 once the stage has lasted longer than the action's timeout. */
int repli__pg_task_late(const repli__pg_task *task);
int64_t repli__pg_task_seconds(const repli__pg_task *task);

/* Facts; an unknown one is "". */
const char *repli__pg_task_fact(const repli__pg_task *task, const char *name);
void repli__pg_task_set(repli__pg_task *task, const char *name, const char *value);

#endif
