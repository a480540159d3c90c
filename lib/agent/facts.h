#ifndef REPLI_AGENT_FACTS_H
#define REPLI_AGENT_FACTS_H

#include <pthread.h>

#include <replicante/types.h>

#include "agent/maintenance.h"
#include "base/log.h"
#include "model/validate.h"
#include "store/store.h"

/*
 * What is known without the driver's help: facts remembered over restarts next to the actions, and
 * the store's version as found out without the store. Any thread.
 */

/* A store's version, apart from any driver's memory. number is empty if it is not known. */
typedef struct repli__version {
    char number[128];
    char checkout[256];
    char extra[512];
    const char *source; /* static: "command", "file", "configuration", "memory" */
} repli__version;

typedef struct repli__fact {
    char value[REPLI__ID_MAX + 1]; /* empty: not known */
    int changed;                   /* since it was written down */
} repli__fact;

typedef struct repli__facts {
    pthread_mutex_t mutex;
    repli__fact cluster_id;
    repli__fact version; /* as the store told it last: its parts, separated by tabs */
    char previous_id[REPLI__ID_MAX + 1]; /* before the last change that this process saw */
    uint64_t cluster_changes;            /* how many it saw */
    repli__version found;                /* by a command, a file or the configuration */
    repli__maintenance maintenance;      /* has locks of its own */
} repli__facts;

void repli__facts_init(repli__facts *facts);
void repli__facts_dispose(repli__facts *facts);

/* From and to the database. What could not be written is tried again by the next write. */
int32_t repli__facts_read(repli__facts *facts, repli__store *store, repli_error *err);
int32_t repli__facts_write(repli__facts *facts, repli__store *store, repli_error *err);
/* Not 0 if there is something to write. */
int repli__facts_changed(repli__facts *facts);

/* The cluster id that the store told now. Not 0 if the node was in another cluster before, whose id
 * is then in ret_previous. */
int repli__facts_set_cluster(repli__facts *facts, const char *cluster_id, char *ret_previous,
                             size_t size);
/* The cluster id before the last change; empty if there was none. */
void repli__facts_previous_cluster(repli__facts *facts, char *ret_id, size_t size);
uint64_t repli__facts_cluster_changes(repli__facts *facts);

/* The version that the store told now, which is worth more than one that was found before. */
void repli__facts_set_told(repli__facts *facts, const repli_store_version *version);
/* The version found without the store; NULL: none. Not 0 if that is news. */
int repli__facts_set_found(repli__facts *facts, const repli__version *version);
/* The best known version of a store that does not tell it. */
void repli__facts_version(repli__facts *facts, repli__version *ret_version);

#endif
