#ifndef ALLDATA_NODE_STATE_H
#define ALLDATA_NODE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <alldata/node.h>

#include "alldata/node/identity.h"
#include "alldata/node/tally.h"
#include "alldata/owner.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

#define ALLDATA__NODE "node"

/* The inside of a node, for the files that it is made of. */

struct alldata_node {
    repli__mem mem;
    repli__log log;
    alldata__owner owner;
    int run_mode;
    int32_t replication_factor;
    int64_t started_ns;
    char *location;
    char *zone, *region; /* NULL: none */
    char *identity_path, *tally_path;
    int lock; /* descriptor of the file that says that the directory is in use */
    alldata_storage *storage;
    alldata_keygen *keygen;
    alldata_coordinator *coordinator;
    alldata__tally tally;
    atomic_int tallies; /* the storage may tell it */
    repli__worker chores;
    int has_chores;
    int epoll_fd, event_fd, timer_fd; /* of one that is dispatched; else -1 */
    atomic_int stopping;

    pthread_mutex_t dispatching; /* one at a time */
    pthread_mutex_t mutex;       /* guards what follows */
    alldata__identity identity;  /* but for id and cluster, which never change */
    int started;
};

int32_t alldata__node_check(const alldata_node *node, repli_error *err);

/* options.c: what can be wrong with options of our own size. */
int32_t alldata__node_options_check(const alldata_node_options *options, repli_error *err);

/* drive.c */

int32_t alldata__drive_open(alldata_node *node, repli_error *err);
void alldata__drive_close(alldata_node *node);
/* Something is to be done. */
void alldata__drive_ring(void *node);

#endif
