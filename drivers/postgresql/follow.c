#include "follow.h"

#include <stdio.h>
#include <string.h>

#include "datadir.h"
#include "files.h"
#include "postgresql.h"
#include "service.h"
#include "source.h"

#define STREAMING "the standby to stream from %s:%s"

/* How long a server that was asked to start may be without a process, in seconds. */
enum { START_GRACE_S = 5 };

int repli__pg_follows(const repli__pg_task *task) {
    const repli__pg_observation *seen = &task->pg->last;
    return seen->in_recovery && seen->receiver && strcmp(seen->receiver, "streaming") == 0 &&
           seen->receiver_host && strcmp(seen->receiver_host, task->args.source_host) == 0 &&
           seen->receiver_port && strcmp(seen->receiver_port, task->args.source_port) == 0;
}

static int32_t configure(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const char *slot = task->args.slot;
    const repli__pg_account *account = &pg->config.replication;
    int changed = 0;
    int32_t code = repli__pg_source_passwords(pg, err);
    if (code != REPLI_OK)
        return code;

    repli__pg_text conninfo;
    repli__pg_text_init(&conninfo, pg->host);
    repli__pg_source_conninfo(task, account, slot, &conninfo);
    const repli__pg_setting settings[] = {
        {"primary_conninfo", repli__pg_text_get(&conninfo)},
        {"primary_slot_name", *slot ? slot : NULL},
    };
    if (settings[0].value)
        code = repli__pg_datadir_configure(pg, settings, sizeof(settings) / sizeof(*settings),
                                           &changed, err);
    else
        code = repli__pg_nomem(pg, err);
    repli__pg_text_free(&conninfo);
    if (code == REPLI_OK && !repli__pg_exists(pg->config.data_directory, "standby.signal"))
        code = repli__pg_write_file(pg, pg->config.data_directory, "standby.signal", "", err);

    int32_t state = REPLI__PG_SERVICE_STOPPED;
    if (code == REPLI_OK)
        code = repli__pg_service_state(pg, task->op, &state, err);
    if (code == REPLI_OK && state == REPLI__PG_SERVICE_RUNNING && (changed || task->interrupted))
        code = repli__pg_service_reload(pg, task->op, err);
    return code ? code : repli__pg_task_go(task, "start", err);
}

/* Run a command of the service; that it failed does not matter if the server then is in the state
 * wanted, because it went there by itself in between. */
static int32_t bring(repli__pg_task *task,
                     int32_t (*command)(const repli__pg *, const repli_op *, repli_error *),
                     int32_t wanted, repli_error *err) {
    int32_t state = REPLI__PG_SERVICE_UNKNOWN;
    const int32_t code = command(task->pg, task->op, err);
    if (code == REPLI_OK)
        return REPLI_OK;
    const int32_t looked = repli__pg_service_state(task->pg, task->op, &state, NULL);
    return looked == REPLI_OK && state == wanted ? REPLI_OK : code;
}

int32_t repli__pg_stop(repli__pg_task *task, const char *next, repli_error *err) {
    repli__pg *pg = task->pg;
    int32_t state = REPLI__PG_SERVICE_UNKNOWN;
    int32_t code = repli__pg_service_state(pg, task->op, &state, err);
    if (code != REPLI_OK)
        return code;
    if (state == REPLI__PG_SERVICE_UNKNOWN)
        return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                              "whether the server runs cannot be told: the driver's configuration "
                              "has neither data_directory, nor service.status, nor service.unit");
    if (state == REPLI__PG_SERVICE_STOPPED) {
        repli__pg_task_set(task, "stopping", "");
        return repli__pg_task_go(task, next, err);
    }
    if (repli__pg_task_late(task))
        return repli__pg_fail(pg, err, REPLI_ETIMEOUT, NULL,
                              "the server was asked to stop and still runs; does it hang?");
    /* Asked once; again if the agent was stopped meanwhile, which does no harm. */
    if (!*repli__pg_task_fact(task, "stopping") || task->interrupted) {
        repli__pg_disconnect(&pg->watch);
        code = bring(task, repli__pg_service_stop, REPLI__PG_SERVICE_STOPPED, err);
        if (code != REPLI_OK)
            return code;
        repli__pg_task_set(task, "stopping", "yes");
    }
    return repli__pg_task_wait(task, 100, NULL, err, "the server to stop");
}

int32_t repli__pg_start(repli__pg_task *task, const char *next, repli_error *err) {
    int32_t state = REPLI__PG_SERVICE_UNKNOWN;
    int32_t code = repli__pg_service_state(task->pg, task->op, &state, err);
    if (code == REPLI_OK && state != REPLI__PG_SERVICE_RUNNING)
        code = bring(task, repli__pg_service_start, REPLI__PG_SERVICE_RUNNING, err);
    return code ? code : repli__pg_task_go(task, next, err);
}

int32_t repli__pg_start_failed(repli__pg_task *task, const repli_error *error, repli_error *err) {
    repli__pg *pg = task->pg;
    char words[200];
    if (pg->plan)
        return repli__pg_task_wait(task, 200, NULL, err, "the server to start");
    if (error->code == REPLI_EAUTH || error->code == REPLI_EPERMISSION ||
        error->code == REPLI_ENOTFOUND || error->code == REPLI_ECANCELLED)
        return repli__pg_pass(pg, err, error, "the server was started, but");
    if (error->code == REPLI_EREFUSED && repli__pg_task_seconds(task) >= START_GRACE_S) {
        int32_t state = REPLI__PG_SERVICE_UNKNOWN;
        const int32_t code = repli__pg_service_state(pg, task->op, &state, err);
        if (code != REPLI_OK)
            return code;
        repli__pg_service_words(pg, words, sizeof(words));
        if (state == REPLI__PG_SERVICE_STOPPED)
            return repli__pg_fail(pg, err, REPLI_EINTERNAL, words,
                                  "the server was started but does not run; see its log");
    }
    if (repli__pg_task_late(task))
        return repli__pg_pass(pg, err, error, "the server does not come up in time");
    return repli__pg_task_wait(task, 200, NULL, err, "the server to start: %.200s", error->message);
}

static int32_t stream(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    repli_error error = REPLI_ERROR_INIT;
    if (pg->plan)
        return repli__pg_task_wait(task, 200, NULL, err, STREAMING, task->args.source_host,
                                   task->args.source_port);
    if (repli__pg_observe(pg, task->op, REPLI__PG_ASK_NODE, &error) != REPLI_OK)
        return repli__pg_start_failed(task, &error, err);
    if (repli__pg_follows(task)) {
        repli__pg_task_set(task, "timeline", pg->last.timeline ? pg->last.timeline : "");
        repli__pg_task_set(task, "system_identifier", pg->last.system_identifier);
        return repli__pg_task_done(task, err);
    }
    char words[200];
    repli__pg_service_words(pg, words, sizeof(words));
    if (!pg->last.in_recovery)
        return repli__pg_fail(pg, err, REPLI_ECONFLICT, words,
                              "the server runs as a primary although standby.signal was written: "
                              "is data_directory that of the server at %s:%s?",
                              PQhost(pg->watch.conn), PQport(pg->watch.conn));
    if (repli__pg_task_late(task))
        return repli__pg_fail(pg, err, REPLI_ETIMEOUT, words,
                              "the standby runs, but does not stream from %s:%s; it goes on trying",
                              task->args.source_host, task->args.source_port);
    return repli__pg_task_wait(task, 200, NULL, err, STREAMING, task->args.source_host,
                               task->args.source_port);
}

int32_t repli__pg_follow(repli__pg_task *task, repli_error *err) {
    if (repli__pg_task_in(task, "configure"))
        return configure(task, err);
    if (repli__pg_task_in(task, "start"))
        return repli__pg_start(task, "stream", err);
    if (repli__pg_task_in(task, "stream"))
        return stream(task, err);
    return repli__pg_fail(task->pg, err, REPLI_EINTERNAL, NULL,
                          "the payload of this action names an unknown step \"%s\"", task->stage);
}
