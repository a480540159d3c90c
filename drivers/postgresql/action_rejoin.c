#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datadir.h"
#include "files.h"
#include "follow.h"
#include "job.h"
#include "postgresql.h"
#include "program.h"
#include "source.h"

/*
 * "source", "stop", "checkpoint", "save", "rewind", "restore", and then the stages of following.
 * pg_rewind makes the data directory that of the source, its configuration files included, so those
 * of this node are put aside before and back afterwards.
 */

static const char saved[] = "saved-configuration";
/* Written last, and removed once they are back: while it is there, what stands in the data
 * directory may be another node's, even if the action that got so far is over. */
static const char complete[] = "complete";

static int32_t saved_directory(const repli__pg_task *task, char *ret_path, size_t size,
                               repli_error *err) {
    const char *work = NULL;
    const int32_t code = repli__pg_work_directory(task->pg, &work, err);
    return code ? code : repli__pg_path(task->pg, ret_path, size, work, saved, err);
}

/* A primary that runs gives way to a newer one only: the other way round is a mistake, and the end
 * of all that was written since the promotion. */
static int32_t compare(const repli__pg_task *task, const repli__pg_source *source,
                       repli_error *err) {
    const repli__pg_observation *seen = &task->pg->last;
    const long own = seen->timeline ? strtol(seen->timeline, NULL, 10) : 0;
    const long other = strtol(source->timeline, NULL, 10);
    if (seen->in_recovery || other > own)
        return REPLI_OK;
    return repli__pg_fail(
        task->pg, err, REPLI_ECONFLICT, NULL,
        "this node is the primary of timeline %ld, and the source %s:%s is not on "
        "a later one, but on %ld: promote the source first, or stop this server "
        "if it is to give way all the same",
        own, task->args.source_host, task->args.source_port, other);
}

static int32_t check(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const char *directory = pg->config.data_directory;
    repli__pg_source source;
    int32_t state = 0;
    char name[300];
    int32_t code = repli__pg_datadir_look(pg, &state, err);
    if (code != REPLI_OK)
        return code;
    if (state != REPLI__PG_DATADIR_COMPLETE)
        return repli__pg_fail(pg, err, REPLI_ECONFLICT, NULL,
                              "%s is not a whole data directory: use cluster.join", directory);
    snprintf(name, sizeof(name), "%s:%s", task->args.source_host, task->args.source_port);
    repli__pg_task_set(task, "source", name);
    repli__pg_task_set(task, "slot", task->args.slot);

    repli_error ignored = REPLI_ERROR_INIT;
    const int answers = repli__pg_observe(pg, task->op, REPLI__PG_ASK_NODE, &ignored) == REPLI_OK;
    if (answers && repli__pg_follows(task)) {
        repli__pg_task_set(task, "timeline", pg->last.timeline ? pg->last.timeline : "");
        repli__pg_task_set(task, "system_identifier", pg->last.system_identifier);
        return repli__pg_task_done(task, err);
    }
    code = repli__pg_source_identify(task, &source, err);
    if (code == REPLI_OK && answers)
        code = compare(task, &source, err);
    return code ? code : repli__pg_task_go(task, "source", err);
}

/* See to a checkpoint on the source. After a promotion the server makes one by itself, only later,
 * so that an account which may not ask for it can wait for it. */
static int32_t checkpoint(repli__pg_task *task, const char *next, repli_error *err) {
    char identifier[24] = "";
    repli_error error = REPLI_ERROR_INIT;
    repli__pg_datadir_identifier(task->pg->config.data_directory, identifier, sizeof(identifier));
    const int32_t code = repli__pg_source_checkpoint(task, identifier, &error);
    if (code == REPLI_OK)
        return repli__pg_task_go(task, next, err);
    const int comes = code == REPLI_EPERMISSION || code == REPLI_ETIMEOUT;
    if (!comes || repli__pg_task_late(task))
        return repli__pg_pass(task->pg, err, &error, "a checkpoint on the source");
    return repli__pg_task_wait(task, 1000, NULL, err, "a checkpoint on the source: %.200s",
                               error.message);
}

/* All that can go wrong at the source is found out before the server is stopped. */
static int32_t prepare_source(repli__pg_task *task, repli_error *err) {
    const int32_t code = repli__pg_source_slot(task, err);
    return code ? code : checkpoint(task, "stop", err);
}

static int32_t save(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    char directory[4096];
    int32_t code = saved_directory(task, directory, sizeof(directory), err);
    if (code == REPLI_OK && !repli__pg_exists(directory, complete)) {
        code = repli__pg_empty_directory(pg, directory, err);
        if (code == REPLI_OK)
            code = repli__pg_copy_files(pg, pg->config.data_directory, directory, ".conf", err);
        if (code == REPLI_OK)
            code = repli__pg_write_file(pg, directory, complete, task->id, err);
    }
    return code ? code : repli__pg_task_go(task, "rewind", err);
}

static int32_t start_rewind(repli__pg_task *task, const repli__pg_job *job, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_config *config = &pg->config;
    char program[600];
    int32_t code = repli__pg_source_passwords(pg, err);
    if (code == REPLI_OK)
        code = repli__pg_program(pg, "pg_rewind", 0, program, sizeof(program), err);
    if (code != REPLI_OK)
        return code;
    repli__pg_text conninfo;
    repli__pg_text_init(&conninfo, pg->host);
    repli__pg_source_conninfo(task, &config->rewind, config->application_name, &conninfo);
    repli__pg_text_conninfo(&conninfo, "dbname", config->dbname ? config->dbname : "postgres");
    repli__pg_text_printf(&conninfo, " options='-c search_path=pg_catalog'");

    char source[16] = "--source-server";
    const char *argv[] = {program,
                          "--target-pgdata",
                          config->data_directory,
                          source,
                          repli__pg_text_get(&conninfo),
                          config->config_file ? "--config-file" : NULL,
                          config->config_file,
                          NULL};
    code = argv[4] ? repli__pg_job_start(pg, job, argv, repli__pg_environment, err)
                   : repli__pg_nomem(pg, err);
    repli__pg_text_free(&conninfo);
    return code;
}

static int32_t rewind_failed(repli__pg_task *task, const repli__pg_job *job, int32_t exit_code,
                             repli_error *err) {
    char words[240];
    repli__pg_job_words(task->pg, job, words, sizeof(words));
    return repli__pg_fail(
        task->pg, err, REPLI_EINTERNAL, words,
        "pg_rewind failed with exit code %d; the server is stopped. Its output is "
        "in %s/rewind.log. If it cannot be repeated, empty %s and use "
        "cluster.join",
        (int)exit_code, task->pg->config.work_directory, task->pg->config.data_directory);
}

static int32_t rewind_data(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_job job = {"rewind", task->id};
    repli__pg_job_state seen;
    int32_t code = repli__pg_job_look(pg, &job, &seen, err);
    if (code != REPLI_OK)
        return code;
    switch (seen.state) {
    case REPLI__PG_JOB_ENDED:
        return seen.exit_code ? rewind_failed(task, &job, seen.exit_code, err)
                              : repli__pg_task_go(task, "restore", err);
    case REPLI__PG_JOB_KILLED:
        if (*repli__pg_task_fact(task, "attempt"))
            return rewind_failed(task, &job, 137, err);
        repli__pg_task_set(task, "attempt", "2");
        break;
    case REPLI__PG_JOB_OTHERS:
        return repli__pg_task_wait(task, 500, &seen.process, err,
                                   "pg_rewind of an earlier action to end");
    case REPLI__PG_JOB_RUNNING:
        return repli__pg_task_wait(task, 250, &seen.process, err, "pg_rewind from %s",
                                   repli__pg_task_fact(task, "source"));
    default: break;
    }
    code = start_rewind(task, &job, err);
    if (code == REPLI_OK)
        code = repli__pg_job_look(pg, &job, &seen, err);
    return code ? code
                : repli__pg_task_wait(task, 50, &seen.process, err, "pg_rewind from %s",
                                      repli__pg_task_fact(task, "source"));
}

static int32_t restore(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    char directory[4096];
    int32_t code = saved_directory(task, directory, sizeof(directory), err);
    if (code == REPLI_OK)
        code = repli__pg_copy_files(pg, directory, pg->config.data_directory, ".conf", err);
    if (code == REPLI_OK)
        code = repli__pg_remove_file(pg, directory, complete, err);
    return code ? code : repli__pg_task_go(task, "configure", err);
}

int32_t repli__pg_act_rejoin(repli__pg_task *task, repli_error *err) {
    if (repli__pg_task_in(task, ""))
        return check(task, err);
    if (repli__pg_task_in(task, "source"))
        return prepare_source(task, err);
    if (repli__pg_task_in(task, "stop"))
        return repli__pg_stop(task, "checkpoint", err);
    if (repli__pg_task_in(task, "checkpoint"))
        return checkpoint(task, "save", err);
    if (repli__pg_task_in(task, "save"))
        return save(task, err);
    if (repli__pg_task_in(task, "rewind"))
        return rewind_data(task, err);
    if (repli__pg_task_in(task, "restore"))
        return restore(task, err);
    return repli__pg_follow(task, err);
}
