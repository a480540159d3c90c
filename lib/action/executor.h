#ifndef REPLI_ACTION_EXECUTOR_H
#define REPLI_ACTION_EXECUTOR_H

#include <replicante/agent.h>

#include "action/registry.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"
#include "store/store.h"

/* Steps actions, one at a time and at most one step a run of its worker, which sleeps until the
 * store claims one. The worker has a thread unless it is driven. */
typedef struct repli__executor repli__executor;

typedef struct repli__executor_options {
    int64_t step_timeout_ms; /* deadline of one step */
    int64_t max_interval_ms; /* longest pause between steps of an action that asks for none */
} repli__executor_options;

typedef struct repli__executor_stats {
    uint64_t steps;
    uint64_t done;
    uint64_t failed;
    uint64_t overruns;      /* steps that did not end by their deadline */
    uint64_t errors;        /* times that an outcome could not be recorded, or a claim be read */
    uint64_t busy_ns;       /* spent in steps */
    uint64_t loops;         /* times an action was stepped or found waiting */
    int running;            /* 1 while an action is being executed */
    int stuck;              /* 1 while a step is past its deadline */
    uint64_t step_since_ns; /* monotonic start of the step in progress; 0: none */
} repli__executor_stats;

/* The action that ran last. */
typedef struct repli__executor_recent {
    char id[REPLI_UUID_SIZE]; /* empty: none did */
    char kind[256];
    uint64_t ended_ns; /* monotonic; UINT64_MAX: it runs */
} repli__executor_recent;

int32_t repli__executor_new(repli__store *store, const repli__registry *registry,
                            const repli_host *host, const repli__executor_options *options,
                            const repli__mem *mem, repli__log *log, repli__executor **ret_executor,
                            repli_error *err);
repli__worker *repli__executor_worker(repli__executor *executor);
/* Once. A database that cannot be written at present is no failure. */
int32_t repli__executor_start(repli__executor *executor, repli_error *err);
/* Takes effect with the next step. */
void repli__executor_set_options(repli__executor *executor, const repli__executor_options *options);
/* No new step is started; the one in progress is cancelled (cancel tells the driver) and waited
 * for. An action that was not brought to its end stays RUNNING. REPLI_ETIMEOUT: the step did not
 * return; it may be waited for again by another stop. */
int32_t repli__executor_stop(repli__executor *executor, int64_t timeout_ms, repli_error *err);
/* After a stop that timed out the executor is only forgotten, and what was given to it must stay.
 * That also keeps the database owned, so that nobody repeats the step beside the one that still
 * runs. */
void repli__executor_free(repli__executor *executor);

/* How the driver is told to give up the step in progress, beside op being marked as cancelled;
 * called from repli__executor_stop() and repli__executor_watch(). To be set before the start. */
void repli__executor_on_cancel(repli__executor *executor,
                               void (*cancel)(void *user_data, repli_op *op), void *user_data);
/* Who is to call repli__executor_watch() soon, as a step begins that may have to be cut short: told
 * on the executor's thread. To be set before the start. */
void repli__executor_on_watch(repli__executor *executor, void (*watch)(void *user_data),
                              void *user_data);
/* Cancel a step that is past its deadline, and say so if it does not return then. On a thread that
 * is not in the driver. Returns the monotonic time at which to be called again at the latest. */
uint64_t repli__executor_watch(repli__executor *executor);
/* The kind of the action that runs now, copied; empty if none does. */
void repli__executor_running(repli__executor *executor, char *ret_kind, size_t size);
void repli__executor_recent_get(repli__executor *executor, repli__executor_recent *ret_recent);
/* Answer between two steps what an action would do, by a handler that has a plan. See
 * repli_agent_plan(). REPLI_ESTATE: it is stopped. */
int32_t repli__executor_plan(repli__executor *executor, const repli__handler *handler,
                             const char *args_json, repli_planned_fn planned, void *user_data,
                             repli_error *err);
void repli__executor_stats_get(repli__executor *executor, repli__executor_stats *ret_stats);

/* Serialises steps with whatever else must not run beside them, such as swapping the driver on
 * reload. */
void repli__executor_pause(repli__executor *executor); /* returns once no step is in progress */
void repli__executor_resume(repli__executor *executor);

#endif
