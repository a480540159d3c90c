#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hba.h"
#include "postgresql.h"
#include "session.h"
#include "task.h"

/* How a replication slot stands, as far as adding and removing nodes goes. */
typedef struct slot {
    int exists;
    int is_physical;
    int64_t active_pid;   /* 0: not in use */
    char user_of_it[200]; /* who uses it, for people */
} slot;

static int32_t look(repli__pg_task *task, slot *ret_slot, repli_error *err) {
    static const char statement[] =
        "SELECT s.slot_type, coalesce(s.active_pid, 0), coalesce(r.application_name, '?')"
        " || ' from ' || coalesce(host(r.client_addr), 'this machine')"
        " FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid"
        " WHERE s.slot_name = $1";
    const char *const parameters[] = {task->args.slot};
    PGresult *result = NULL;
    const int32_t code = repli__pg_query(task->pg, task->op, &task->pg->watch, statement, 1,
                                         parameters, &result, err);
    if (code != REPLI_OK)
        return code;
    *ret_slot = (slot){.exists = PQntuples(result) > 0};
    if (ret_slot->exists) {
        ret_slot->is_physical = strcmp(PQgetvalue(result, 0, 0), "physical") == 0;
        ret_slot->active_pid = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
        snprintf(ret_slot->user_of_it, sizeof(ret_slot->user_of_it), "%s",
                 PQgetvalue(result, 0, 2));
    }
    PQclear(result);
    return REPLI_OK;
}

static int32_t create(repli__pg_task *task, repli_error *err) {
    const char *const parameters[] = {task->args.slot};
    repli__pg_link link = {NULL, ""};
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__pg_admin(task, &link, &error);
    if (code == REPLI_OK)
        code = repli__pg_execute(task->pg, task->op, &link,
                                 "SELECT pg_create_physical_replication_slot($1)", 1, parameters,
                                 &error);
    repli__pg_disconnect(&link);
    if (code == REPLI_OK || code == REPLI_EDONE)
        return REPLI_OK;
    return repli__pg_pass(task->pg, err, &error,
                          code == REPLI_EPERMISSION
                              ? "missing privilege: the account that acts needs the REPLICATION "
                                "attribute"
                              : "making the slot");
}

static int32_t need_physical(const repli__pg_task *task, const slot *seen, repli_error *err) {
    if (!seen->exists || seen->is_physical)
        return REPLI_OK;
    return repli__pg_fail(task->pg, err, REPLI_ECONFLICT, NULL,
                          "the slot \"%s\" is one for logical replication and belongs to no node",
                          task->args.slot);
}

int32_t repli__pg_act_add(repli__pg_task *task, repli_error *err) {
    slot seen = {0};
    int32_t code = repli__pg_need_primary(task, err);
    if (code == REPLI_OK)
        code = look(task, &seen, err);
    if (code == REPLI_OK)
        code = need_physical(task, &seen, err);
    if (code == REPLI_OK && !seen.exists)
        code = create(task, err);
    if (code == REPLI_OK && *task->args.address)
        code = repli__pg_hba_admit(task, task->args.node, task->args.address, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_task_set(task, "node", task->args.node);
    repli__pg_task_set(task, "slot", task->args.slot);
    return repli__pg_task_done(task, err);
}

static int32_t in_use(const repli__pg_task *task, const slot *seen, repli_error *err) {
    return repli__pg_fail(task->pg, err, REPLI_ECONFLICT, NULL,
                          "the slot \"%s\" is in use by process %lld (%s): stop that node first, "
                          "or give \"force\": true to end its connection",
                          task->args.slot, (long long)seen->active_pid, seen->user_of_it);
}

static int32_t end_connection(repli__pg_task *task, repli__pg_link *link, repli_error *err) {
    static const char statement[] =
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
        " WHERE slot_name = $1 AND active_pid IS NOT NULL";
    const char *const parameters[] = {task->args.slot};
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        repli__pg_execute(task->pg, task->op, link, statement, 1, parameters, &error);
    if (code == REPLI_EPERMISSION)
        return repli__pg_pass(task->pg, err, &error,
                              "missing privilege: GRANT pg_signal_backend to the account that "
                              "acts");
    return code ? repli__pg_pass(task->pg, err, &error, "ending the connection") : REPLI_OK;
}

/* Drop the slot. A node whose connection was ended is back before long, so that there is no time to
 * lose: until the slot is free, it is tried again and again for a moment. */
static int32_t drop(repli__pg_task *task, repli__pg_link *link, int patient, int *ret_gone,
                    repli_error *err) {
    const struct timespec pause = {0, 2 * 1000 * 1000};
    const char *const parameters[] = {task->args.slot};
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_ECONFLICT;
    for (int tries = patient ? 100 : 1; code == REPLI_ECONFLICT && tries > 0; tries--) {
        code = repli__pg_execute(task->pg, task->op, link, "SELECT pg_drop_replication_slot($1)", 1,
                                 parameters, &error);
        if (code == REPLI_ECONFLICT && tries > 1)
            nanosleep(&pause, NULL);
    }
    *ret_gone = code == REPLI_OK || code == REPLI_ENOTFOUND;
    if (*ret_gone || code == REPLI_ECONFLICT)
        return REPLI_OK;
    return repli__pg_pass(task->pg, err, &error,
                          code == REPLI_EPERMISSION
                              ? "missing privilege: the account that acts needs the REPLICATION "
                                "attribute"
                              : "dropping the slot");
}

/* *ret_gone is not 0 when the slot is no longer there. */
static int32_t remove_slot(repli__pg_task *task, const slot *seen, int *ret_gone,
                           repli_error *err) {
    *ret_gone = !seen->exists;
    if (!seen->exists)
        return REPLI_OK;
    repli__pg_link link = {NULL, ""};
    int32_t code = repli__pg_admin(task, &link, err);
    if (code == REPLI_OK && seen->active_pid > 0)
        code = end_connection(task, &link, err);
    if (code == REPLI_OK)
        code = drop(task, &link, seen->active_pid > 0, ret_gone, err);
    repli__pg_disconnect(&link);
    return code;
}

int32_t repli__pg_act_remove(repli__pg_task *task, repli_error *err) {
    slot seen = {0};
    int gone = 0;
    int32_t code = repli__pg_need_primary(task, err);
    if (code == REPLI_OK)
        code = look(task, &seen, err);
    if (code == REPLI_OK)
        code = need_physical(task, &seen, err);
    if (code == REPLI_OK && seen.active_pid > 0 && !task->args.force)
        return in_use(task, &seen, err);
    if (code == REPLI_OK)
        code = remove_slot(task, &seen, &gone, err);
    if (code != REPLI_OK)
        return code;
    if (!gone) {
        /* The node came back, or has not quite left. */
        if (!task->args.force || repli__pg_task_seconds(task) > 60)
            return in_use(task, &seen, err);
        return repli__pg_task_wait(task, 20, NULL, err, "slot %s to be free", task->args.slot);
    }
    repli_error error = REPLI_ERROR_INIT;
    code = repli__pg_hba_forget(task, task->args.node, &error);
    if (code != REPLI_OK)
        repli__pg_log(task->pg, REPLI_LOG_INFO,
                      "pg_hba.conf was not searched for lines of node %s: %s", task->args.node,
                      error.message);
    repli__pg_task_set(task, "node", task->args.node);
    repli__pg_task_set(task, "slot", task->args.slot);
    return repli__pg_task_done(task, err);
}
