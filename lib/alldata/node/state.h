#ifndef ALLDATA_NODE_STATE_H
#define ALLDATA_NODE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <alldata/node.h>

#include "alldata/node/identity.h"
#include "alldata/node/tally.h"
#include "alldata/owner.h"
#include "alldata/repair/repair.h"
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
    char *zone, *region;        /* NULL: none */
    char *gossip_text;          /* "host:port"; NULL: none */
    _Atomic(char *) peers_text; /* likewise, the last of places: requests come before it is known */
    char **places;              /* all that it was */
    size_t place_count, place_capacity;
    char *identity_path, *tally_path;
    int lock; /* descriptor of the file that says that the directory is in use */
    alldata_storage *storage;
    alldata_keygen *keygen;
    alldata__digests *digests;
    alldata__repair *repair;        /* NULL: it has no peers */
    _Atomic uint64_t repairs_alone; /* that were asked for nevertheless */
    alldata_coordinator *coordinator;
    alldata_gossip *gossip;             /* NULL: it has no peers */
    const alldata_transport *transport; /* NULL: likewise */
    char *http_host;                    /* NULL: as it gossips */
    alldata__tally tally;
    atomic_int tallies;     /* the storage may tell it */
    uint64_t clocks_due_ns; /* of the chores, like the next */
    int clock_is_wrong;
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

/* clocks.c */

/* How far this node's clock is before that of most peers. Thread-safe. */
int64_t alldata__clocks_ahead_ms(const alldata_node *node);
/* Look from time to time, and tell the log. When to go on. */
uint64_t alldata__clocks_work(alldata_node *node);

/* whole.c: what the repair has to say. */
void alldata__whole_status(alldata_node *node, alldata_node_status *status);

/* drive.c */

int32_t alldata__drive_open(alldata_node *node, repli_error *err);
void alldata__drive_close(alldata_node *node);
/* Something is to be done. */
void alldata__drive_ring(void *node);

/* members.c: what the gossip tells becomes what the coordinator knows. */

/* Write down where others reach it, and tell them what it is called by. */
int32_t alldata__members_begin(alldata_node *node, int32_t http_port, repli_error *err);
/* Takes events of the gossip; user_data is the node. */
void alldata__members_hear(const alldata_gossip_event *event, void *user_data);

#endif
