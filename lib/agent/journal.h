#ifndef REPLI_AGENT_JOURNAL_H
#define REPLI_AGENT_JOURNAL_H

#include <pthread.h>

#include <replicante/agent.h>

#include "action/executor.h"
#include "base/log.h"
#include "driver/shard_index.h"
#include "store/store.h"

/*
 * Brings what observations find into the log of events. It hands over what is so, and the store,
 * who knows what the log said last, makes events of what differs: so nothing is told twice, and
 * what changed while no agent ran is told once. Any thread hands snapshots in; one does the work.
 */

enum { REPLI__JOURNAL_WAITING = 8 };

/* A snapshot whose news are to be written down. */
typedef struct repli__journal_entry {
    repli_snapshot *snapshot;
    char action_id[REPLI_UUID_SIZE]; /* of what ran meanwhile; empty: nothing did */
    char action_kind[256];
} repli__journal_entry;

typedef struct repli__journal {
    repli__mem mem;
    repli__log *log;
    repli__store *store;

    pthread_mutex_t mutex; /* guards what follows */
    repli__journal_entry waiting[REPLI__JOURNAL_WAITING];
    size_t count;
    int ends;

    /* Of whoever works. */
    uint32_t away; /* REPLI_EVENT_AWAY, but for the first agent of a database */
    int stage;
    int begun;                    /* the start was written down */
    int failed;                   /* the last time, which was logged */
    uint64_t retry_ns;            /* nothing is written before */
    repli__journal_entry present; /* what is being written down */
    repli_snapshot *last;         /* the one before it; NULL: there was none */
    repli_snapshot *with_shards;  /* the last one that had shards; NULL: there was none */
    repli__note *roles;           /* that may have changed; of shards of present and with_shards */
    size_t role_count, role_capacity;
    size_t next_role;
    size_t next_shard;         /* of present, as long as there was none before it with shards */
    size_t most;               /* roles that still become events of their own */
    repli__shard_index *index; /* of present's shards, while those that are gone are sought */
    repli_doc *page;           /* owner of after; NULL: none are sought */
    const char *after;         /* the last one that was looked at */
} repli__journal;

void repli__journal_init(repli__journal *journal, repli__store *store, const repli__mem *mem,
                         repli__log *log);
void repli__journal_dispose(repli__journal *journal);

/* The news in snapshot are to be written down. recent: the action that ran last, if it ran since
 * the snapshot before; or NULL. Never blocks. */
void repli__journal_add(repli__journal *journal, repli_snapshot *snapshot,
                        const repli__executor_recent *recent);
/* What waits is the last, and then that the agent stops. */
void repli__journal_end(repli__journal *journal);
/* Write down a piece; returns when to go on, as a worker does. Waits for nothing but the disk. */
uint64_t repli__journal_run(repli__journal *journal);

#endif
