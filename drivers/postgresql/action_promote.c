#include <string.h>

#include "postgresql.h"
#include "session.h"
#include "task.h"

static int32_t done(repli__pg_task *task, repli_error *err) {
    const char *timeline = task->pg->last.timeline;
    repli__pg_task_set(task, "timeline", timeline ? timeline : "");
    return repli__pg_task_done(task, err);
}

/* It does not wait here, where it would block the step: the promotion is watched instead. */
static int32_t ask(repli__pg_task *task, repli_error *err) {
    repli__pg_link link = {NULL, ""};
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__pg_admin(task, &link, &error);
    if (code == REPLI_OK)
        code = repli__pg_execute(task->pg, task->op, &link, "SELECT pg_promote(false)", 0, NULL,
                                 &error);
    repli__pg_disconnect(&link);
    if (code == REPLI_EPERMISSION)
        return repli__pg_pass(task->pg, err, &error,
                              "missing privilege: GRANT EXECUTE ON FUNCTION pg_promote(boolean, "
                              "integer) to the account that acts");
    /* It was promoted since we looked. */
    if (code != REPLI_OK && code != REPLI_ESTATE)
        return repli__pg_pass(task->pg, err, &error, "promoting");
    return repli__pg_task_go(task, "promote", err);
}

int32_t repli__pg_act_promote(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    repli_error error = REPLI_ERROR_INIT;
    const int asked = repli__pg_task_in(task, "promote");
    const int32_t code = repli__pg_observe(pg, task->op, REPLI__PG_ASK_NODE, &error);
    if (code == REPLI_OK && !pg->last.in_recovery)
        return done(task, err);
    if (code != REPLI_OK && (!asked || repli__pg_task_late(task)))
        return repli__pg_pass(pg, err, &error, "promoting");
    if (!asked)
        return ask(task, err);
    if (repli__pg_task_late(task))
        return repli__pg_fail(pg, err, REPLI_ETIMEOUT, NULL,
                              "the server was asked to become a primary and is still in recovery; "
                              "it goes on trying");
    return repli__pg_task_wait(task, 50, NULL, err, "the end of recovery");
}
