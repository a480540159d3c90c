#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "datadir.h"
#include "files.h"
#include "follow.h"
#include "job.h"
#include "postgresql.h"
#include "program.h"
#include "source.h"

/* How often a copy that was killed from outside is begun anew. */
enum { MOST_ATTEMPTS = 3 };

static int32_t refuse(const repli__pg_task *task, const char *why, repli_error *err) {
    return repli__pg_fail(
        task->pg, err, REPLI_ECONFLICT, NULL, "cannot copy %s:%s into %s: %s; nothing was changed",
        task->args.source_host, task->args.source_port, task->pg->config.data_directory, why);
}

/* What to do about what the data directory holds. */
static int32_t choose(repli__pg_task *task, int32_t state, const repli__pg_source *source,
                      const char **ret_stage, repli_error *err) {
    const char *directory = task->pg->config.data_directory;
    char identifier[24] = "";
    if (state == REPLI__PG_DATADIR_FOREIGN)
        return refuse(task, "it is not empty and not a data directory of PostgreSQL", err);
    if (state != REPLI__PG_DATADIR_COMPLETE)
        return *ret_stage = "copy", REPLI_OK;
    repli__pg_datadir_identifier(directory, identifier, sizeof(identifier));
    if (strcmp(identifier, source->system_identifier) != 0)
        return refuse(task, "it holds another cluster; empty it if it is not needed", err);
    if (!repli__pg_exists(directory, "standby.signal"))
        return refuse(task, "it holds a primary of the same cluster; use postgresql.org/rejoin",
                      err);
    return *ret_stage = "configure", REPLI_OK;
}

static int32_t check(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    repli__pg_source source;
    int32_t state = 0;
    const char *stage = NULL;
    char name[300];
    int32_t code = repli__pg_datadir_look(pg, &state, err);
    if (code == REPLI_OK)
        code = repli__pg_source_identify(task, &source, err);
    if (code == REPLI_OK)
        code = choose(task, state, &source, &stage, err);
    if (code == REPLI_OK)
        code = repli__pg_source_slot(task, err);
    if (code != REPLI_OK)
        return code;
    snprintf(name, sizeof(name), "%s:%s", task->args.source_host, task->args.source_port);
    repli__pg_task_set(task, "source", name);
    repli__pg_task_set(task, "slot", task->args.slot);
    return repli__pg_task_go(task, stage, err);
}

/* An empty directory that pg_basebackup takes, with the mode that the server insists on. */
static int32_t make_room(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    int32_t code = repli__pg_datadir_mark(pg, err);
    if (code == REPLI_OK)
        code = repli__pg_datadir_empty(pg, err);
    if (code == REPLI_OK && !pg->plan && mkdir(pg->config.data_directory, 0700) != 0)
        chmod(pg->config.data_directory, 0700);
    return code;
}

static int32_t start_copy(repli__pg_task *task, const repli__pg_job *job, repli_error *err) {
    repli__pg *pg = task->pg;
    repli__pg_source source;
    char program[600];
    int32_t code = repli__pg_source_identify(task, &source, err);
    if (code == REPLI_OK)
        code = repli__pg_source_passwords(pg, err);
    if (code == REPLI_OK)
        code = make_room(task, err);
    if (code == REPLI_OK)
        code = repli__pg_program(pg, "pg_basebackup", source.major, program, sizeof(program), err);
    if (code != REPLI_OK)
        return code;
    repli__pg_text conninfo;
    repli__pg_text_init(&conninfo, pg->host);
    repli__pg_source_conninfo(task, &pg->config.replication, pg->config.application_name,
                              &conninfo);
    const char *argv[20] = {program,
                            "--pgdata",
                            pg->config.data_directory,
                            "--wal-method",
                            "stream",
                            "--checkpoint",
                            "fast",
                            "--progress",
                            "--no-password",
                            "--dbname",
                            repli__pg_text_get(&conninfo)};
    size_t count = 11;
    if (!argv[10])
        code = repli__pg_nomem(pg, err);
    if (*task->args.slot) {
        argv[count++] = "--slot";
        argv[count++] = task->args.slot;
    }
    if (*task->args.max_rate) {
        argv[count++] = "--max-rate";
        argv[count++] = task->args.max_rate;
    }
    if (code == REPLI_OK)
        code = repli__pg_job_start(pg, job, argv, repli__pg_environment, err);
    repli__pg_text_free(&conninfo);
    return code;
}

/* The copy failed: leave nothing behind, so that the next join finds what this one found. */
static int32_t copy_failed(repli__pg_task *task, const repli__pg_job *job, int32_t exit_code,
                           repli_error *err) {
    repli__pg *pg = task->pg;
    char words[240];
    repli__pg_job_words(pg, job, words, sizeof(words));
    if (repli__pg_datadir_empty(pg, NULL) == REPLI_OK)
        repli__pg_datadir_unmark(pg, NULL);
    return repli__pg_fail(pg, err, REPLI_EINTERNAL, words,
                          "pg_basebackup from %s:%s failed with exit code %d; its output is in "
                          "%s/copy.log",
                          task->args.source_host, task->args.source_port, (int)exit_code,
                          pg->config.work_directory);
}

/* Tens of percent, which is often enough for a record that is kept. */
static void note_progress(repli__pg_task *task, const repli__pg_job *job) {
    char words[200];
    repli__pg_job_words(task->pg, job, words, sizeof(words));
    char *percent = strrchr(words, '%');
    while (percent && percent > words && percent[-1] >= '0' && percent[-1] <= '9')
        percent--;
    const long value = percent ? strtol(percent, NULL, 10) : 0;
    snprintf(words, sizeof(words), "%ld%%", value / 10 * 10);
    repli__pg_task_set(task, "progress", value >= 10 ? words : "");
}

static int32_t copied(repli__pg_task *task, repli_error *err) {
    const int32_t code = repli__pg_datadir_unmark(task->pg, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_task_set(task, "progress", "");
    return repli__pg_task_go(task, "configure", err);
}

static int32_t copy(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_job job = {"copy", task->id};
    repli__pg_job_state seen;
    int32_t code = repli__pg_job_look(pg, &job, &seen, err);
    if (code != REPLI_OK)
        return code;
    const long attempt = strtol(repli__pg_task_fact(task, "attempt"), NULL, 10);
    switch (seen.state) {
    case REPLI__PG_JOB_ENDED:
        return seen.exit_code ? copy_failed(task, &job, seen.exit_code, err) : copied(task, err);
    case REPLI__PG_JOB_KILLED:
        if (attempt >= MOST_ATTEMPTS)
            return copy_failed(task, &job, 137, err);
        break;
    case REPLI__PG_JOB_OTHERS:
        /* An action that is over left it behind: nobody waits for it. */
        code = repli__pg_job_kill(pg, &seen, err);
        return code ? code
                    : repli__pg_task_wait(task, 100, &seen.process, err,
                                          "the copy of an earlier action to end");
    case REPLI__PG_JOB_RUNNING:
        note_progress(task, &job);
        return repli__pg_task_wait(task, 250, &seen.process, err, "pg_basebackup from %s",
                                   repli__pg_task_fact(task, "source"));
    default: break;
    }
    code = start_copy(task, &job, err);
    if (code == REPLI_OK)
        code = repli__pg_job_look(pg, &job, &seen, err);
    if (code != REPLI_OK)
        return code;
    char number[16];
    snprintf(number, sizeof(number), "%d", (int)attempt + 1);
    repli__pg_task_set(task, "attempt", number);
    return repli__pg_task_wait(task, 100, &seen.process, err, "pg_basebackup from %s",
                               repli__pg_task_fact(task, "source"));
}

/* What does not end when asked is killed; its files are going to be removed. */
static int32_t end_copy(const repli__pg_task *task, const repli__pg_job *job, repli_error *err) {
    enum { PAUSE_MS = 50, PATIENCE_MS = 2000 };
    repli__pg *pg = task->pg;
    const struct timespec pause = {0, PAUSE_MS * 1000 * 1000};
    repli__pg_job_state seen;
    int32_t code = repli__pg_job_look(pg, job, &seen, err);
    for (int ms = 0; code == REPLI_OK && seen.state == REPLI__PG_JOB_RUNNING; ms += PAUSE_MS) {
        if (pg->host->cancelled(task->op))
            return repli__pg_fail(pg, err, REPLI_ETIMEOUT, NULL,
                                  "pg_basebackup was told to end and still runs");
        if (ms >= PATIENCE_MS)
            pg->host->process_signal(pg->host, &seen.process, SIGKILL, NULL);
        else if (ms == 0)
            code = repli__pg_job_kill(pg, &seen, err);
        nanosleep(&pause, NULL);
        if (code == REPLI_OK)
            code = repli__pg_job_look(pg, job, &seen, err);
    }
    return code;
}

/* The node becomes as it was, which is what the next join wants, too. */
static int32_t cancel_copy(repli__pg_task *task, repli_error *err) {
    repli__pg *pg = task->pg;
    const repli__pg_job job = {"copy", task->id};
    int32_t code = end_copy(task, &job, err);
    if (code == REPLI_OK && repli__pg_datadir_state(pg) != REPLI__PG_DATADIR_EMPTY)
        code = repli__pg_datadir_empty(pg, err);
    if (code == REPLI_OK)
        code = repli__pg_datadir_unmark(pg, err);
    if (code != REPLI_OK)
        return code;
    return repli__pg_fail(pg, err, REPLI_ECANCELLED, NULL,
                          "the copy was ended %s, and %s is empty as before; the replication slot "
                          "stays at the source",
                          task->ends ? "at its deadline" : "on request", pg->config.data_directory);
}

/* A node that holds a copy is brought to its end: it lacks little. */
static int32_t cancel(repli__pg_task *task, repli_error *err) {
    if (repli__pg_task_in(task, ""))
        return repli__pg_fail(task->pg, err, REPLI_ECANCELLED, NULL,
                              "ended before anything was copied; %s is as before",
                              task->pg->config.data_directory);
    if (repli__pg_task_in(task, "copy"))
        return cancel_copy(task, err);
    if (!task->ends)
        return repli__pg_follow(task, err);
    return repli__pg_fail(task->pg, err, REPLI_ECANCELLED, NULL,
                          "the copy is complete and stays in %s, but the server did not follow "
                          "%s:%s by the deadline (step %s)",
                          task->pg->config.data_directory, task->args.source_host,
                          task->args.source_port, task->stage);
}

int32_t repli__pg_act_join(repli__pg_task *task, repli_error *err) {
    if (task->cancelled)
        return cancel(task, err);
    if (repli__pg_task_in(task, ""))
        return check(task, err);
    if (repli__pg_task_in(task, "copy"))
        return copy(task, err);
    return repli__pg_follow(task, err);
}
