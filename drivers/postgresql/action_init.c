#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "accounts.h"
#include "datadir.h"
#include "files.h"
#include "follow.h"
#include "job.h"
#include "postgresql.h"
#include "program.h"
#include "session.h"

static int32_t done(repli__pg_task *task, repli_error *err) {
    const repli__pg *pg = task->pg;
    repli__pg_task_set(task, "system_identifier", pg->last.system_identifier);
    repli__pg_task_set(task, "timeline", pg->last.timeline ? pg->last.timeline : "");
    return repli__pg_task_done(task, err);
}

/* The server runs. A primary that is meant to be the first of a cluster lacks no more than the
 * account that the others come with. */
static int32_t adopt(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_observation *seen = &pg->last;
    if (seen->in_recovery || seen->replication_role || !pg->config.replication.user ||
        repli__pg_config_lone_is_member(&pg->config))
        return done(task, err);
    const int32_t code = repli__pg_accounts_add_replication(task, err);
    return code ? code : done(task, err);
}

static int32_t check(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    repli_error error = REPLI_ERROR_INIT;
    int32_t state = 0;
    int32_t code = repli__pg_observe(pg, task->op, REPLI__PG_ASK_NODE, &error);
    if (code == REPLI_OK)
        return adopt(task, err);
    if (code != REPLI_EREFUSED && code != REPLI_ELOST)
        return repli__pg_pass(pg, err, &error, "a server is there already, but");
    code = repli__pg_datadir_look(pg, &state, err);
    if (code != REPLI_OK)
        return code;
    if (state == REPLI__PG_DATADIR_FOREIGN)
        return repli__pg_fail(pg, err, REPLI_ECONFLICT, NULL,
                              "%s is neither empty nor a data directory of PostgreSQL; nothing was "
                              "changed",
                              pg->config.data_directory);
    return repli__pg_task_go(task, state == REPLI__PG_DATADIR_COMPLETE ? "start" : "initdb", err);
}

static int32_t start_initdb(repli__pg_task *task, const repli__pg_job *job, repli_error *err) {
    repli__pg *pg = task->pg;
    char program[600], encoding[64], locale[96];
    int32_t code = repli__pg_datadir_mark(pg, err);
    if (code == REPLI_OK)
        code = repli__pg_datadir_empty(pg, err);
    if (code == REPLI_OK)
        code = repli__pg_program(pg, "initdb", 0, program, sizeof(program), err);
    if (code != REPLI_OK)
        return code;
    if (!pg->plan && mkdir(pg->config.data_directory, 0700) != 0)
        chmod(pg->config.data_directory, 0700);
    snprintf(encoding, sizeof(encoding), "--encoding=%s", task->args.encoding);
    snprintf(locale, sizeof(locale), "--locale=%s", task->args.locale);
    const char *argv[] = {
        program,  "--pgdata", pg->config.data_directory, "--data-checksums",
        encoding, locale,     "--auth-local=peer",       "--auth-host=scram-sha-256",
        NULL};
    return repli__pg_job_start(pg, job, argv, repli__pg_environment, err);
}

static int32_t initdb(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_job job = {"initdb", task->id};
    repli__pg_job_state seen;
    char words[240];
    int32_t code = repli__pg_job_look(pg, &job, &seen, err);
    if (code != REPLI_OK)
        return code;
    if (seen.state == REPLI__PG_JOB_ENDED && seen.exit_code == 0)
        return repli__pg_task_go(task, "configure", err);
    if (seen.state == REPLI__PG_JOB_ENDED) {
        repli__pg_job_words(pg, &job, words, sizeof(words));
        return repli__pg_fail(pg, err, REPLI_EINTERNAL, words, "initdb failed with exit code %d",
                              (int)seen.exit_code);
    }
    if (seen.state == REPLI__PG_JOB_OTHERS) {
        code = repli__pg_job_kill(pg, &seen, err);
    } else if (seen.state != REPLI__PG_JOB_RUNNING) {
        code = start_initdb(task, &job, err);
        if (code == REPLI_OK)
            code = repli__pg_job_look(pg, &job, &seen, err);
    }
    return code ? code : repli__pg_task_wait(task, 100, &seen.process, err, "initdb");
}

/* What the other actions rely on; what the configuration says wins, being written later. */
static int32_t configure(repli__pg_task *task, repli_error *err) {
    static const repli__pg_setting settings[] = {
        {"wal_level", "replica"}, {"hot_standby", "on"}, {"wal_log_hints", "on"}};
    int changed = 0;
    int32_t code = repli__pg_datadir_configure(task->pg, settings,
                                               sizeof(settings) / sizeof(*settings), &changed, err);
    if (code == REPLI_OK)
        code = repli__pg_datadir_configure(task->pg, NULL, 0, &changed, err);
    if (code == REPLI_OK)
        code = repli__pg_accounts_admit(task->pg, err);
    return code ? code : repli__pg_task_go(task, "accounts", err);
}

static int32_t accounts(repli__pg_task *task, repli_error *err) {
    int32_t code = repli__pg_accounts_make(task, err);
    if (code == REPLI_OK)
        code = repli__pg_datadir_unmark(task->pg, err);
    return code ? code : repli__pg_task_go(task, "start", err);
}

static int32_t wait(repli__pg_task *task, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    if (repli__pg_observe(task->pg, task->op, REPLI__PG_ASK_NODE, &error) == REPLI_OK)
        return adopt(task, err);
    return repli__pg_start_failed(task, &error, err);
}

int32_t repli__pg_act_init(repli__pg_task *task, repli_error *err) {
    if (repli__pg_task_in(task, ""))
        return check(task, err);
    if (repli__pg_task_in(task, "initdb"))
        return initdb(task, err);
    if (repli__pg_task_in(task, "configure"))
        return configure(task, err);
    if (repli__pg_task_in(task, "accounts"))
        return accounts(task, err);
    if (repli__pg_task_in(task, "start"))
        return repli__pg_start(task, "wait", err);
    return wait(task, err);
}
