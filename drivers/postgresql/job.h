#ifndef REPLI_PG_JOB_H
#define REPLI_PG_JOB_H

#include "config.h"

/*
 * A command that takes longer than a step of an action: it is started, looked at from time to time,
 * and outlives the agent. What is known of it stands in three files of the work directory, so that
 * it can never be started twice, whenever the agent was stopped: NAME.pid, which the command's own
 * process writes first of all; NAME.status, written last; and NAME.log.
 */
typedef struct repli__pg_job {
    const char *name;
    const char *owner; /* id of the action that it belongs to */
} repli__pg_job;

enum {
    REPLI__PG_JOB_NONE = 1, /* the owner has not started it */
    REPLI__PG_JOB_RUNNING,
    REPLI__PG_JOB_ENDED,  /* exit_code is known */
    REPLI__PG_JOB_KILLED, /* it ended before it could say how */
    REPLI__PG_JOB_OTHERS  /* one that belongs to another action runs */
};

typedef struct repli__pg_job_state {
    int32_t state; /* REPLI__PG_JOB_* */
    int32_t exit_code;
    repli_process process; /* while one runs */
} repli__pg_job_state;

int32_t repli__pg_job_look(const repli__pg *pg, const repli__pg_job *job,
                           repli__pg_job_state *ret_state, repli_error *err);
/* Start it. argv[0] is a program's path; env is added to the environment. */
int32_t repli__pg_job_start(const repli__pg *pg, const repli__pg_job *job, const char *const *argv,
                            const char *const *env, repli_error *err);
/* End it and all that it started. */
int32_t repli__pg_job_kill(const repli__pg *pg, const repli__pg_job_state *state, repli_error *err);
/* The end of what it wrote, as one line. */
void repli__pg_job_words(const repli__pg *pg, const repli__pg_job *job, char *ret_text,
                         size_t size);

#endif
