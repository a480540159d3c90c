#ifndef TESTS_ALLDATA_NET_H
#define TESTS_ALLDATA_NET_H

#include <pthread.h>

#include <alldata/transport.h>

#include "alldata/repair/merge.h"
#include "alldata/repair/repair.h"
#include "alldata/repair/serve.h"
#include "box.h"

/* Nodes with storages of their own in one process. What they ask each other waits until the test
 * carries it, or a thread of the net does. What goes wrong here fails the test. */

enum { NET_NODES = 6, NET_CALLS = 256 };

/* How a node answers. */
enum {
    NET_WELL = 0,
    NET_REFUSES, /* nobody is there */
    NET_HANGS,   /* no answer comes before it is called off */
    NET_FULL,    /* it stores nothing */
    NET_MANGLES  /* what it says is changed by mangle */
};

typedef struct net net;

typedef struct net_node {
    net *net;
    char id[16];
    const char *zone;
    const char *region;
    box box;
    alldata__digests *digests;
    alldata_transport transport;
    alldata__repair *repair;
    _Atomic int manner;
    void (*mangle)(repli_buf *answer, int32_t *status); /* of NET_MANGLES */
    atomic_int answers_left; /* well, after which it refuses; below 0: any number */
    /* Counted. */
    atomic_ullong digest_calls, key_calls, record_calls, stored_calls;
    /* What the last round said. */
    int32_t code;
    uint64_t looked_at, repaired, missing;
    int done;
} net_node;

struct net {
    net_node nodes[NET_NODES];
    int count;
    pthread_mutex_t mutex; /* guards the calls */
    pthread_cond_t cond;
    struct net_call {
        alldata_call call;
        int carried; /* somebody is at it */
    } calls[NET_CALLS];
    size_t call_count;
    pthread_t carrier;
    int carries; /* there is a carrier */
    atomic_int stops;
};

void net_begin(net *n, int count);
void net_end(net *n);
/* Have a thread carry. */
void net_start(net *n);

/* Store an event at all nodes whose bit is set. */
void net_store(net *n, unsigned nodes, const char *key, const char *event);
/* Throw away all that a node has. */
void net_empty(net *n, int node);
/* Of how many nodes the storage has the key; event (NULL: any) is what they must have. */
int net_replicas(net *n, const char *key, const char *event);
/* Events that a node has. */
size_t net_count(net *n, int node);

/* A repair for each node, without threads, which begins a round only when asked. rf copies. */
void net_repairs(net *n, int rf, alldata__repair_options options);
/* Tell a node of all the others as they are. */
void net_introduce(net *n, int node);
/* Ask a node for a round, and carry on until it is done. The code. */
int32_t net_round(net *n, int node);
/* All that is to be done now: steps of repairs, and calls. */
void net_settle(net *n);
/* The time for all calls of that node that wait is over. How many there were. */
int net_expire(net *n, int node);
/* A round of each node; how many copies were handed over. */
uint64_t net_rounds(net *n);

/* The nodes as one of them sees them; those that refuse are dead. */
alldata__cluster net_cluster(net *n, int node, int rf, alldata__member members[NET_NODES]);

#endif
