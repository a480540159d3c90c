#ifndef REPLI_AGENT_CHORES_H
#define REPLI_AGENT_CHORES_H

#include <stdatomic.h>

#include "agent/config.h"
#include "agent/facts.h"
#include "agent/version.h"
#include "store/store.h"

/*
 * What must be done now and then and may take a while: writing facts down, finding out the version
 * of a store that is down, ending maintenance, deleting actions that finished long ago. It is done
 * a piece at a time, one thread at a time; any may ask.
 */
typedef struct repli__chores {
    repli__store *store;
    repli__facts *facts;
    repli__log *log;
    void (*found)(void *user_data); /* another version was found, or maintenance has ended */
    void *user_data;

    pthread_mutex_t mutex; /* guards config */
    repli_config *config;

    atomic_int detect; /* the version is wanted */
    atomic_int ends;   /* hurry, and begin nothing that takes long */

    /* Of whoever runs. */
    repli__search search; /* for the version */
    uint64_t record_ns;   /* facts are not written down before */
    uint64_t expire_ns;   /* maintenance is not ended before */
    uint64_t purge_ns;    /* when old actions are to be deleted next */
    uint64_t purged;      /* how many were, this time */
} repli__chores;

void repli__chores_init(repli__chores *chores, repli__store *store, repli__facts *facts,
                        repli__log *log, repli_config *config);
void repli__chores_dispose(repli__chores *chores);
void repli__chores_configure(repli__chores *chores, repli_config *config);
/* Do a piece of what is wanted or due; returns when to go on, as a worker does. Waits for nothing
 * but the disk, and, at the end, for a command to be killed. */
uint64_t repli__chores_run(repli__chores *chores);

#endif
