#include "session.h"

#include "postgresql.h"

int32_t repli__pg_admin(repli__pg_task *task, repli__pg_link *link, repli_error *err) {
    const repli__pg_config *config = &task->pg->config;
    const repli__pg_target target =
        repli__pg_here(task->pg, config->admin.user ? &config->admin : &config->monitor);
    return repli__pg_connect(task->pg, task->op, &target, link, err);
}

int32_t repli__pg_need_primary(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const int32_t code = repli__pg_observe(pg, task->op, REPLI__PG_ASK_NODE, err);
    if (code != REPLI_OK || !pg->last.in_recovery)
        return code;
    return repli__pg_fail(pg, err, REPLI_ENOTLEADER, NULL,
                          "this node is a standby of %s:%s: ask the primary's agent",
                          pg->last.receiver_host ? pg->last.receiver_host : "an unknown server",
                          pg->last.receiver_port ? pg->last.receiver_port : "");
}
