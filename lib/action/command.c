#include "action/command.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"

enum {
    SOON_MS = 5,
    LATE_MS = 500,
    GRACE_MS = 5000, /* between SIGTERM and SIGKILL */
    REAP_MS = 500,   /* a killed process is gone at once unless the kernel holds it */
    OUTPUT_MAX = 64 * 1024,
    NAME_SIZE = 320
};

static const char prefix[] = "-command";

void repli__command_path(const repli__commands *commands, const char *id, char *ret_path) {
    snprintf(ret_path, REPLI__COMMAND_PATH, "%s%s%s%s", commands->base, prefix,
             id != NULL ? "-" : "", id != NULL ? id : "");
}

int repli__commands_turn_to(repli__commands *commands, const repli_action *action) {
    if (strcmp(commands->id, action->id) == 0)
        return 0;
    snprintf(commands->id, sizeof(commands->id), "%s", action->id);
    snprintf(commands->kind, sizeof(commands->kind), "%s", action->kind);
    commands->began_ns = repli__mono_ns();
    commands->deadline_ns = 0;
    commands->begun = 0;
    commands->ends_ns = 0;
    return 1;
}

/* An eighth of the time that it took so far. */
static int64_t patience_ms(const repli__commands *commands) {
    const uint64_t since_ms = (repli__mono_ns() - commands->began_ns) / (uint64_t)REPLI__NS_PER_MS;
    const int64_t part_ms = (int64_t)(since_ms / 8);
    return part_ms < SOON_MS ? SOON_MS : part_ms > LATE_MS ? LATE_MS : part_ms;
}

int64_t repli__commands_pause_ms(const repli__commands *commands) {
    return commands->waits && commands->ends_ns == 0 ? 0 : patience_ms(commands);
}

/* Nobody takes note of its end here, which would lose its exit code. */
static int runs(const repli_process *process) {
    repli_process now;
    return repli__process_identify(process->pid, &now, NULL) == REPLI_OK &&
           now.start_time == process->start_time;
}

void repli__commands_wait(const repli__commands *commands, const repli_process *process,
                          const repli_host *host, const repli_op *op) {
    const uint64_t until_ns = repli__deadline_ns(patience_ms(commands));
    while (commands->waits && !host->cancelled(op) && repli__mono_ns() < until_ns && runs(process))
        repli__process_await(process, until_ns);
}

/* Errands. */

static void errand_name(const repli__commands *commands, const char *errand, char *ret_name,
                        size_t size) {
    snprintf(ret_name, size, "%s %s %s", commands->id, errand, commands->kind);
}

int32_t repli__errand_begin(repli__commands *commands, const char *errand,
                            const repli_command *command, uint64_t deadline_ns, repli_error *err) {
    char path[REPLI__COMMAND_PATH];
    char name[NAME_SIZE];
    repli_process process;
    repli__command_path(commands, NULL, path);
    errand_name(commands, errand, name, sizeof(name));
    commands->deadline_ns = deadline_ns;
    commands->begun = 1;
    commands->began_ns = repli__mono_ns();
    return repli__child_start(path, name, command, 0, &process, err);
}

/* Of another errand, of before a crash: what it was to find out nobody wants to know any more. What
 * it started, if it has ended itself, is none of our business. */
static int32_t end_stranger(repli__commands *commands, const char *path, const repli_process *left,
                            repli_error *err) {
    if (left->state == REPLI_PROCESS_RUNNING &&
        repli__commands_end(commands, left, 0) == REPLI_EBUSY)
        return REPLI_EBUSY;
    unlink(path);
    return repli__error(err, REPLI_ENOTFOUND, "agent", "no such command was run");
}

static int32_t too_much(repli_error *err) {
    return repli__error(err, REPLI_EFULL, "agent", "it wrote more than %d bytes", OUTPUT_MAX);
}

int32_t repli__errand_look(repli__commands *commands, const char *errand, uint64_t deadline_ns,
                           repli_process *ret_process, repli_error *err) {
    char path[REPLI__COMMAND_PATH];
    char name[NAME_SIZE];
    char found[NAME_SIZE];
    repli_process process;
    repli__command_path(commands, NULL, path);
    int32_t code = repli__child_find(path, &process, err);
    if (code != REPLI_OK)
        return code;
    errand_name(commands, errand, name, sizeof(name));
    repli__child_name(path, found, sizeof(found));
    if (strcmp(name, found) != 0)
        return end_stranger(commands, path, &process, err);
    *ret_process = process;
    if (process.state != REPLI_PROCESS_RUNNING)
        return REPLI_OK;
    char none[1];
    if (repli__child_output(path, none, sizeof(none)) > OUTPUT_MAX) {
        repli__process_group(&process, SIGKILL);
        return too_much(err);
    }
    /* After a crash it gets its time once more. */
    if (commands->deadline_ns == 0)
        commands->deadline_ns = deadline_ns;
    if (repli__mono_ns() < commands->deadline_ns)
        return REPLI_EBUSY;
    repli__process_group(&process, SIGKILL);
    return repli__error(
        err, REPLI_ETIMEOUT, "agent", "it had not ended after %llu ms, and was killed",
        (unsigned long long)((repli__mono_ns() - commands->began_ns) / (uint64_t)REPLI__NS_PER_MS));
}

int32_t repli__errand_is_old(const repli__commands *commands, const repli_process *process,
                             int *ret_old, repli_error *err) {
    const int exited = process->state == REPLI_PROCESS_EXITED;
    if (!exited && commands->begun)
        return repli__error(err, REPLI_ESTATE, "agent",
                            "its exit code is lost: this process ignores SIGCHLD, or another part "
                            "of it waits for any child");
    *ret_old = !exited || commands->deadline_ns == 0;
    return REPLI_OK;
}

void repli__errand_drop(repli__commands *commands) {
    char path[REPLI__COMMAND_PATH];
    repli_process process;
    repli__command_path(commands, NULL, path);
    if (repli__child_find(path, &process, NULL) == REPLI_OK &&
        process.state == REPLI_PROCESS_RUNNING)
        repli__process_group(&process, SIGKILL);
}

int32_t repli__errand_output(const repli__commands *commands, char **ret_text, repli_error *err) {
    char path[REPLI__COMMAND_PATH];
    repli__command_path(commands, NULL, path);
    char *text = repli__alloc(&commands->mem, OUTPUT_MAX + 1);
    if (text == NULL)
        return repli__error_nomem(err, "agent", "reading what a command wrote");
    if (repli__child_output(path, text, OUTPUT_MAX + 1) > OUTPUT_MAX) {
        repli__free(&commands->mem, text);
        return too_much(err);
    }
    *ret_text = text;
    return REPLI_OK;
}

/* Ending. */

static int32_t end_politely(repli__commands *commands, const repli_process *process) {
    const uint64_t now_ns = repli__mono_ns();
    repli_process leader = *process;
    /* What has ended is a member of the group until somebody takes note. */
    if (leader.pid > 1)
        repli__process_poll(&leader, NULL);
    if (!repli__process_group(process, 0)) {
        commands->ends_ns = 0;
        return REPLI_OK;
    }
    if (commands->ends_ns == 0) {
        commands->ends_ns = now_ns;
        commands->began_ns = now_ns;
        repli__process_group(process, SIGTERM);
        return REPLI_EBUSY;
    }
    const uint64_t ends_ms = (now_ns - commands->ends_ns) / (uint64_t)REPLI__NS_PER_MS;
    if (ends_ms < GRACE_MS)
        return REPLI_EBUSY;
    repli__process_group(process, SIGKILL);
    if (ends_ms < 2 * GRACE_MS)
        return REPLI_EBUSY;
    commands->ends_ns = 0;
    return REPLI_ETIMEOUT; /* the kernel holds it, or its ends are not taken note of */
}

static int32_t end_until(repli__commands *commands, const repli_process *process, int64_t ms) {
    const uint64_t until_ns = repli__deadline_ns(ms);
    int32_t code;
    while ((code = end_politely(commands, process)) == REPLI_EBUSY && repli__mono_ns() < until_ns) {
        const struct timespec pause = {0, SOON_MS * (long)REPLI__NS_PER_MS};
        nanosleep(&pause, NULL);
    }
    return code;
}

int32_t repli__commands_end(repli__commands *commands, const repli_process *process, int is_last) {
    if (!is_last)
        return end_politely(commands, process);
    if (end_until(commands, process, commands->waits ? GRACE_MS : 0) == REPLI_EBUSY) {
        repli__process_group(process, SIGKILL);
        end_until(commands, process, REAP_MS);
    }
    commands->ends_ns = 0;
    return REPLI_OK;
}

/* Plans. */

int32_t repli__commands_plan(const repli__commands *commands, const repli_host *host,
                             repli_sink *sink, const char *summary, const char *const *argv,
                             const char *waits_for, repli_error *err) {
    repli_buf text = {.allocator = &commands->mem};
    int code = REPLI_OK;
    for (size_t i = 0; argv[i] != NULL && code == REPLI_OK; i++) {
        const char *quote = argv[i][0] == '\0' || strpbrk(argv[i], " \t\n\"'\\$&;|<>*?") ? "'" : "";
        code = repli__buf_printf(&text, "%s%s%s%s", i > 0 ? " " : "", quote, argv[i], quote);
    }
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    step.summary = summary;
    step.command = text.data;
    step.waits_for = waits_for;
    code = code == REPLI_OK ? host->emit_plan_step(sink, &step)
                            : repli__error_nomem(err, "agent", "making a plan");
    repli_buf_dispose(&text);
    return code;
}

/* Files. */

/* Visit the file of each command: all, or only those of actions' own. */
static void each_file(const repli__commands *commands,
                      void (*visit)(const repli__commands *commands, const char *path,
                                    const void *user_data),
                      const void *user_data) {
    char directory[REPLI__COMMAND_PATH];
    char start[REPLI__COMMAND_PATH];
    char path[REPLI__COMMAND_PATH + 256];
    const char *slash = strrchr(commands->base, '/');
    const int length = slash != NULL ? (int)(slash - commands->base) + 1 : 0;
    snprintf(directory, sizeof(directory), "%.*s.", length, commands->base);
    snprintf(start, sizeof(start), "%s%s", commands->base + length, prefix);
    DIR *files = opendir(directory);
    for (const struct dirent *entry; files != NULL && (entry = readdir(files)) != NULL;) {
        if (strncmp(entry->d_name, start, strlen(start)) != 0)
            continue;
        snprintf(path, sizeof(path), "%.*s%s", length, commands->base, entry->d_name);
        visit(commands, path, user_data);
    }
    if (files != NULL)
        closedir(files);
}

static void sweep(const repli__commands *commands, const char *path, const void *registry) {
    char name[NAME_SIZE];
    repli_process process;
    if (repli__child_find(path, &process, NULL) != REPLI_OK ||
        process.state != REPLI_PROCESS_RUNNING)
        return;
    repli__child_name(path, name, sizeof(name));
    const char *kind = strrchr(name, ' ');
    if (repli__registry_find(registry, kind != NULL ? kind + 1 : name) != NULL)
        return;
    repli__log_printf(commands->log, REPLI_LOG_WARNING, "agent",
                      "process %lld, of an action of kind %s that is not offered any more, is "
                      "killed with its group",
                      (long long)process.pid, kind != NULL ? kind + 1 : name);
    repli__process_group(&process, SIGKILL);
}

void repli__commands_sweep(const repli__commands *commands, const repli__registry *registry) {
    each_file(commands, sweep, registry);
}

static void forget(const repli__commands *commands, const char *path, const void *kept) {
    (void)commands;
    repli_process process;
    const int runs = repli__child_find(path, &process, NULL) == REPLI_OK &&
                     process.state == REPLI_PROCESS_RUNNING;
    if (!runs && strcmp(path, kept) != 0)
        unlink(path);
}

void repli__commands_forget(const repli__commands *commands, const char *id) {
    char kept[REPLI__COMMAND_PATH];
    repli__command_path(commands, id, kept);
    each_file(commands, forget, kept);
}
