#ifndef REPLI_AGENT_CHORES_H
#define REPLI_AGENT_CHORES_H

#include <stdatomic.h>

#include "agent/config.h"
#include "agent/facts.h"
#include "store/store.h"

/*
 * What must be done now and then and may take a while: writing facts down, finding out the version
 * of a store that is down, deleting actions that finished long ago. One thread runs, any may ask.
 */
typedef struct repli__chores {
    repli__store *store;
    repli__facts *facts;
    repli__log *log;
    void (*found)(void *user_data); /* another version was found */
    void *user_data;

    pthread_mutex_t mutex; /* guards config */
    repli_config *config;

    atomic_int detect; /* the version is wanted */
    atomic_int ends;   /* hurry, and begin nothing that takes long */
    uint64_t purge_ns; /* when old actions are to be deleted next; of the thread that runs */
} repli__chores;

void repli__chores_init(repli__chores *chores, repli__store *store, repli__facts *facts,
                        repli__log *log, repli_config *config);
void repli__chores_dispose(repli__chores *chores);
void repli__chores_configure(repli__chores *chores, repli_config *config);
/* Do what is wanted or due; returns the monotonic time when something will be due. Blocks. */
uint64_t repli__chores_run(repli__chores *chores);

#endif
