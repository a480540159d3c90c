#include <stdio.h>
#include <string.h>

#include "files.h"
#include "follow.h"
#include "postgresql.h"
#include "service.h"
#include "task.h"

/*
 * Whether the server was restarted is told by when it started: that is noted before anything is
 * done, so that a step that is repeated after a crash of the agent sees what has happened already.
 */

/* "started" of a server that was not there, or said nothing: any that answers is a new one. */
static const char no_server[] = "none";

static int32_t note(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__pg_observe(pg, task->op, REPLI__PG_ASK_NODE, &error);
    if (code == REPLI_ECANCELLED)
        return repli__pg_pass(pg, err, &error, "restarting");
    repli__pg_task_set(task, "started", code == REPLI_OK ? pg->last.started : no_server);
    return repli__pg_task_go(task, repli__pg_service_restarts(pg) ? "restart" : "stop", err);
}

/* Whether the server that answers now is one that was started after the action began. */
static int is_new(repli__pg_task *task, repli_error *ret_error) {
    return repli__pg_observe(task->pg, task->op, REPLI__PG_ASK_NODE, ret_error) == REPLI_OK &&
           strcmp(task->pg->last.started, repli__pg_task_fact(task, "started")) != 0;
}

static int32_t done(repli__pg_task *task, repli_error *err) {
    repli__pg_task_set(task, "started", task->pg->last.started);
    return repli__pg_task_done(task, err);
}

static int32_t restart(repli__pg_task *task, repli_error *err) {
    repli_error ignored = REPLI_ERROR_INIT;
    if (task->interrupted && is_new(task, &ignored))
        return done(task, err);
    const int32_t code = repli__pg_service_restart(task->pg, task->op, err);
    return code ? code : repli__pg_task_go(task, "wait", err);
}

static int32_t stop(repli__pg_task *task, repli_error *err) {
    repli_error ignored = REPLI_ERROR_INIT;
    if (task->interrupted && is_new(task, &ignored))
        return done(task, err);
    return repli__pg_stop(task, "start", err);
}

static int32_t wait(repli__pg_task *task, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    if (is_new(task, &error))
        return done(task, err);
    if (error.code != REPLI_OK)
        return repli__pg_start_failed(task, &error, err);
    if (repli__pg_task_late(task))
        return repli__pg_fail(task->pg, err, REPLI_ETIMEOUT, NULL,
                              "the server was asked to restart, but the one that answers was "
                              "started before that, at %s",
                              task->pg->last.started);
    return repli__pg_task_wait(task, 100, NULL, err, "the server to restart");
}

int32_t repli__pg_act_restart(repli__pg_task *task, repli_error *err) {
    if (repli__pg_task_in(task, ""))
        return note(task, err);
    if (repli__pg_task_in(task, "restart"))
        return restart(task, err);
    if (repli__pg_task_in(task, "stop"))
        return stop(task, err);
    if (repli__pg_task_in(task, "start"))
        return repli__pg_start(task, "wait", err);
    return wait(task, err);
}
