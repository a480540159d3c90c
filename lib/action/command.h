#ifndef REPLI_ACTION_COMMAND_H
#define REPLI_ACTION_COMMAND_H

#include <replicante/agent.h>

#include "action/registry.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * Commands that actions run, in files beside the database, so that after a crash of the agent they
 * are found again and never run twice: see base/child.h. One action is stepped at a time, so one
 * command at a time is looked after.
 */
typedef struct repli__commands {
    repli__mem mem;
    repli__log *log;
    const char *base;         /* path of the database */
    int waits;                /* a step may wait for a command to end */
    char id[REPLI_UUID_SIZE]; /* the action that was stepped last */
    char kind[256];
    uint64_t began_ns;              /* when, monotonic */
    uint64_t deadline_ns;           /* of the short command; monotonic */
    int begun;                      /* the short command was, by this agent */
    void (*ended)(void *user_data); /* an action came to its end */
    void *user_data;
    uint64_t ends_ns; /* since when the group is being ended; 0: it is not */
} repli__commands;

enum { REPLI__COMMAND_PATH = 4200 };

/* The file of an action's own command, and of the short one that is run for it (suffix NULL). */
void repli__command_path(const repli__commands *commands, const char *id, char *ret_path);

/* To be called first in a step. Not 0 if this agent has not looked after the action before. */
int repli__commands_turn_to(repli__commands *commands, const repli_action *action);
/* How long until it is worth looking again: soon at first, later on an eighth of what it took; at
 * once if the steps themselves wait. */
int64_t repli__commands_pause_ms(const repli__commands *commands);
/* If a step may wait: until the process has ended, but not long. */
void repli__commands_wait(const repli__commands *commands, const repli_process *process,
                          const repli_host *host, const repli_op *op);

/*
 * A short command, which ends by itself. errand says for what it is run: one word. begin starts it;
 * look returns REPLI_EBUSY while it runs, then REPLI_OK with how it ended, or REPLI_ETIMEOUT when
 * it had not by deadline_ns (as first given) and was killed. REPLI_ENOTFOUND: there was none, or it
 * was not of this errand and is ended.
 */
int32_t repli__errand_begin(repli__commands *commands, const char *errand,
                            const repli_command *command, uint64_t deadline_ns, repli_error *err);
int32_t repli__errand_look(repli__commands *commands, const char *errand, uint64_t deadline_ns,
                           repli_process *ret_process, repli_error *err);
/* Is what look returned of no use, if the command only tells something? It was begun by another
 * agent, or told already. REPLI_ESTATE: nobody can say how it ended. */
int32_t repli__errand_is_old(const repli__commands *commands, const repli_process *process,
                             int *ret_old, repli_error *err);
/* Whatever short command there is, it is not wanted any more. */
void repli__errand_drop(repli__commands *commands);
/* What it wrote, from the beginning, in a buffer to be freed. REPLI_EFULL: too much. */
int32_t repli__errand_output(const repli__commands *commands, char **ret_text, repli_error *err);

/* End what is left of a process's group: politely at first. REPLI_EBUSY: it is not over yet. If
 * there is no time left, it is over when this returns, which takes a moment if steps may wait. */
int32_t repli__commands_end(repli__commands *commands, const repli_process *process, int is_last);

/* Say that a command would be run: part of a plan. waits_for may be NULL. */
int32_t repli__commands_plan(const repli__commands *commands, const repli_host *host,
                             repli_sink *sink, const char *summary, const char *const *argv,
                             const char *waits_for, repli_error *err);

/* At the start of an agent: end what runs for kinds of action that nobody offers any more. */
void repli__commands_sweep(const repli__commands *commands, const repli__registry *registry);
/* Forget the files of what has ended, but for one action's. */
void repli__commands_forget(const repli__commands *commands, const char *id);

#endif
