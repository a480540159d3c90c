#include "job.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "files.h"
#include "plan.h"
#include "postgresql.h"
#include "text.h"

/*
 * The wrapper around a command: $1 is the owner, $2 the path of the files without their endings,
 * the rest is the command. Fields 1 and 22 of a process's stat are its pid and its start time.
 */
static const char wrapper[] = "owner=$1 files=$2; shift 2\n"
                              "read -r stat </proc/$$/stat || exit 126\n"
                              "pid() { echo \"$owner $1 ${22}\" >\"$files.pid\"; }\n"
                              "pid $stat || exit 126\n"
                              "\"$@\"\n"
                              "echo \"$owner $?\" >\"$files.status\"\n";

static void file_name(const repli__pg_job *job, const char *ending, char *ret_name, size_t size) {
    snprintf(ret_name, size, "%s.%s", job->name, ending);
}

/* Read "OWNER NUMBER [NUMBER]\n". Returns 1; 0 if there is no such line yet; -1 if it cannot be
 * read. *ret_ours says whether the owner is that of job. */
static int read_line(const repli__pg *pg, const repli__pg_job *job, const char *ending,
                     int *ret_ours, uint64_t numbers[2], repli_error *err) {
    char name[80], *content = NULL;
    file_name(job, ending, name, sizeof(name));
    const int32_t code = repli__pg_read_file(pg, pg->config.work_directory, name, &content, err);
    if (code != REPLI_OK)
        return code == REPLI_ENOTFOUND ? 0 : -1;
    const size_t length = strlen(content), owner = strcspn(content, " ");
    const int whole = length > 0 && content[length - 1] == '\n' && content[owner] == ' ';
    if (whole) {
        *ret_ours = strlen(job->owner) == owner && strncmp(content, job->owner, owner) == 0;
        char *end = NULL;
        numbers[0] = strtoull(content + owner, &end, 10);
        numbers[1] = strtoull(end, NULL, 10);
    }
    pg->host->release(pg->host, content);
    return whole;
}

/* The process group of a process, or 0 if there is no such process or it is only waiting to be
 * buried. Its name may hold anything, so the fields begin after the last parenthesis. */
static long live_group_of(const char *pid) {
    char name[64], stat[512];
    snprintf(name, sizeof(name), "/proc/%.20s", pid);
    repli__pg_read_tail(name, "stat", stat, sizeof(stat));
    const char *fields = strrchr(stat, ')');
    char state = 'Z';
    long parent = 0, group = 0;
    if (!fields || sscanf(fields + 1, " %c %ld %ld", &state, &parent, &group) != 3)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : group;
}

/* Whether something that a process started outlives it. Its number is not given to a new process
 * while the group has members; so if it has been, there are none. */
static int left_children(const repli_process *process) {
    DIR *processes = opendir("/proc");
    int members = 0, is_given_away = 0;
    for (const struct dirent *entry; processes && (entry = readdir(processes));) {
        const long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || live_group_of(entry->d_name) != (long)process->pid)
            continue;
        if (pid == (long)process->pid)
            is_given_away = 1;
        else
            members = 1;
    }
    if (processes)
        closedir(processes);
    return members && !is_given_away;
}

int32_t repli__pg_job_look(const repli__pg *pg, const repli__pg_job *job,
                           repli__pg_job_state *ret_state, repli_error *err) {
    repli__pg_job_state state = {REPLI__PG_JOB_NONE, 0, REPLI_PROCESS_INIT};
    if (pg->plan) {
        if (strcmp(pg->plan->job, job->name) == 0)
            state.state = REPLI__PG_JOB_ENDED;
        *ret_state = state;
        return REPLI_OK;
    }
    uint64_t numbers[2] = {0, 0};
    int ours = 0;
    const char *work = NULL;
    int32_t code = repli__pg_work_directory(pg, &work, err);
    if (code != REPLI_OK)
        return code;

    const int started = read_line(pg, job, "pid", &ours, numbers, err);
    if (started < 0)
        return REPLI_EIO;
    if (started > 0) {
        state.process.state = REPLI_PROCESS_RUNNING;
        state.process.pid = (int64_t)numbers[0];
        state.process.start_time = numbers[1];
        code = pg->host->process_poll(pg->host, &state.process, err);
        if (code != REPLI_OK)
            return code;
        const int runs =
            state.process.state == REPLI_PROCESS_RUNNING || left_children(&state.process);
        if (runs || ours)
            state.state = !ours  ? REPLI__PG_JOB_OTHERS
                          : runs ? REPLI__PG_JOB_RUNNING
                                 : REPLI__PG_JOB_KILLED;
    }
    if (state.state == REPLI__PG_JOB_KILLED) {
        int same = 0;
        const int ended = read_line(pg, job, "status", &same, numbers, err);
        if (ended < 0)
            return REPLI_EIO;
        if (ended > 0 && same) {
            state.state = REPLI__PG_JOB_ENDED;
            state.exit_code = (int32_t)numbers[0];
        }
    }
    *ret_state = state;
    return REPLI_OK;
}

/* Remove the files of an earlier run. */
static void forget(const repli__pg *pg, const repli__pg_job *job) {
    static const char *const endings[] = {"pid", "status", "log"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        char name[80];
        file_name(job, endings[i], name, sizeof(name));
        repli__pg_remove_file(pg, pg->config.work_directory, name, NULL);
    }
}

/* Until the process has written down who it is, a crash of the agent could lose it. */
static int32_t wait_for_pid(const repli__pg *pg, const repli__pg_job *job, repli_process *process,
                            repli_error *err) {
    for (int turns = 0; turns < 1000; turns++) {
        uint64_t numbers[2];
        int ours = 0;
        if (read_line(pg, job, "pid", &ours, numbers, NULL) > 0)
            return REPLI_OK;
        const int32_t code = pg->host->process_poll(pg->host, process, err);
        if (code != REPLI_OK)
            return code;
        if (process->state != REPLI_PROCESS_RUNNING)
            break;
        const struct timespec pause = {0, 5 * 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    char words[200];
    repli__pg_job_words(pg, job, words, sizeof(words));
    return repli__pg_fail(pg, err, REPLI_EIO, words, "%s could not be started", job->name);
}

int32_t repli__pg_job_start(const repli__pg *pg, const repli__pg_job *job, const char *const *argv,
                            const char *const *env, repli_error *err) {
    enum { BEFORE = 6, MOST = 40 };
    if (pg->plan) {
        const int rewinds = strcmp(job->name, "rewind") == 0;
        snprintf(pg->plan->job, sizeof(pg->plan->job), "%s", job->name);
        return repli__pg_plan_program(
            pg, rewinds, argv,
            rewinds ? "undo in the data directory what the source does not have, and copy the rest"
            : strcmp(job->name, "copy") == 0 ? "copy the source's data directory"
                                             : "make a new data directory");
    }
    char log[80], log_path[4096], files[4096];
    file_name(job, "log", log, sizeof(log));
    const char *work = NULL;
    int32_t code = repli__pg_work_directory(pg, &work, err);
    if (code == REPLI_OK)
        code = repli__pg_path(pg, files, sizeof(files), work, job->name, err);
    if (code == REPLI_OK)
        code = repli__pg_path(pg, log_path, sizeof(log_path), work, log, err);
    if (code != REPLI_OK)
        return code;
    forget(pg, job);

    const char *full[BEFORE + MOST] = {"/bin/sh", "-c", wrapper, "repliagent", job->owner, files};
    size_t count = 0;
    for (; argv[count]; count++) {
        if (count + 1 == MOST)
            return repli__pg_fail(pg, err, REPLI_EINTERNAL, NULL, "%s has too many arguments",
                                  job->name);
        full[BEFORE + count] = argv[count];
    }
    full[BEFORE + count] = NULL;

    repli_command command = REPLI_COMMAND_INIT;
    command.argv = full;
    command.env = env;
    command.directory = "/";
    command.output_path = log_path;
    repli_process process = REPLI_PROCESS_INIT;
    code = pg->host->process_start(pg->host, &command, &process, err);
    return code ? code : wait_for_pid(pg, job, &process, err);
}

int32_t repli__pg_job_kill(const repli__pg *pg, const repli__pg_job_state *state,
                           repli_error *err) {
    const int32_t code = pg->host->process_signal(pg->host, &state->process, SIGTERM, err);
    return code == REPLI_ENOTFOUND ? REPLI_OK : code;
}

void repli__pg_job_words(const repli__pg *pg, const repli__pg_job *job, char *ret_text,
                         size_t size) {
    char name[80];
    file_name(job, "log", name, sizeof(name));
    repli__pg_read_tail(pg->config.work_directory, name, ret_text, size);
}
