#ifndef REPLI_EVENT_HOOK_H
#define REPLI_EVENT_HOOK_H

#include <pthread.h>
#include <stdatomic.h>

#include <replicante/agent.h>

#include "base/log.h"
#include "base/process.h"
#include "store/store.h"

/*
 * Commands that are run for events, each hook for one event at a time and in their order. How far a
 * hook has come is on disk, and so is the process that runs for it: an agent that was killed finds
 * that process again, waits for it, and then runs the command once more, as nobody knows how it
 * ended. One thread runs them; it never waits for a process.
 */

/* What a hook is; the texts are owned. */
typedef struct repli__hook {
    char *name;
    char **command; /* NULL-terminated */
    uint32_t types; /* a bit for each REPLI_EVENT_* that it is run for */
    int64_t timeout_ms;
} repli__hook;

enum { REPLI__HOOKS_MAX = 64, REPLI__HOOK_NAME_MAX = 64 };

/* REPLI_EINVALID, or REPLI_ENOMEM. */
int32_t repli__hook_make(repli__hook *hook, const repli_hook *from, const repli__mem *mem,
                         repli_error *err);
int32_t repli__hook_copy(repli__hook *to, const repli__hook *from, const repli__mem *mem);
void repli__hook_dispose(repli__hook *hook, const repli__mem *mem);

typedef struct repli__hook_stats {
    char name[REPLI__HOOK_NAME_MAX + 1];
    uint64_t runs; /* that ended */
    uint64_t failures;
    uint64_t timeouts;
    int64_t done; /* the newest event that it is done with */
} repli__hook_stats;

typedef struct repli__hook_run repli__hook_run;

typedef struct repli__hooks {
    repli__mem mem;
    repli__log *log;
    repli__store *store;
    const char *node_id; /* outlives the hooks */
    int64_t begin;       /* where a hook begins that is new */
    atomic_int wanted;   /* there are hooks */

    pthread_mutex_t mutex;  /* guards what follows */
    repli__hook_run *fresh; /* to take the place of the present ones */
    int changed;
    int ends;
    repli__hook_stats stats[REPLI__HOOKS_MAX];
    size_t stats_count;

    repli__hook_run *runs; /* of whoever runs */
} repli__hooks;

void repli__hooks_init(repli__hooks *hooks, repli__store *store, const char *node_id,
                       const repli__mem *mem, repli__log *log);
void repli__hooks_dispose(repli__hooks *hooks);
/* From now on these, which are copied. Those that go are killed if they run. */
int32_t repli__hooks_set(repli__hooks *hooks, const repli__hook *list, size_t count,
                         repli_error *err);
/* Kill what runs, to be run again by the next agent. */
void repli__hooks_end(repli__hooks *hooks);
/* Do what is due; returns when to go on, as a worker does. Waits for nothing but the disk. */
uint64_t repli__hooks_run(repli__hooks *hooks);
/* How many there are; ret_stats has room for REPLI__HOOKS_MAX. */
size_t repli__hooks_stats_get(repli__hooks *hooks, repli__hook_stats *ret_stats);

#endif
