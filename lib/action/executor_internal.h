#ifndef REPLI_ACTION_EXECUTOR_INTERNAL_H
#define REPLI_ACTION_EXECUTOR_INTERNAL_H

#include <pthread.h>

#include "action/executor.h"
#include "action/plan.h"
#include "action/run.h"
#include "driver/op.h"

/* Shared by the files of the executor only. */

enum { REPLI__RUNNING_SIZE = 256 };

/* What is done next. */
enum stage { REPLI__TAKE, REPLI__STEP, REPLI__RECORD };

struct repli__executor {
    repli__mem mem;
    repli__log *log;
    repli__store *store;
    const repli__registry *registry;
    const repli_host *host;
    void (*cancel)(void *user_data, repli_op *op);
    void *cancel_data;
    void (*watch)(void *user_data);
    void *watch_data;
    repli__worker worker;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t idle;   /* those who pause: no step is in progress */
    repli__executor_options options;
    repli__executor_stats stats;
    char kind[REPLI__RUNNING_SIZE]; /* of the action that runs; empty: none does */
    repli__executor_recent recent;
    int stops;
    int pauses;
    int stepping;
    uint64_t step_deadline_ns;                                  /* of the step in progress */
    enum { REPLI__IN_TIME, REPLI__TOLD, REPLI__STUCK } overrun; /* how far that was noticed */
    repli__plans plans;                                         /* to be answered */

    pthread_mutex_t op_mutex; /* keeps op while it is being cancelled */
    repli_op *op;             /* the step in progress, or NULL */

    /* Of the worker. */
    enum stage stage;
    uint64_t pause_ns; /* nothing is done before */
    int64_t retry_ms;  /* the last pause after a failure; 0: there was none */
    repli__run run;
};

/* executor_watch.c: a step in progress, or a plan that is asked for. */

/* Returns 0 if there may be none now; else it is in progress, and to end by end_ns. */
int repli__step_begin(repli__executor *executor, repli_op *op, uint64_t end_ns);
/* Returns how long it took, in nanoseconds. */
uint64_t repli__step_leave(repli__executor *executor);
/* Cancel the one in progress, if its deadline is not later. Any thread. */
void repli__step_cancel(repli__executor *executor, uint64_t deadline_ns);

/* executor_plan.c */

/* Not 0 if a question was answered. */
int repli__executor_answer_plan(repli__executor *executor);
/* Those that were not answered, and all that come. */
void repli__executor_refuse_plans(repli__executor *executor);

#endif
