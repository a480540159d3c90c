#ifndef TESTS_GOSSIP_NODES_H
#define TESTS_GOSSIP_NODES_H

#include <stdatomic.h>

#include <alldata/gossip.h>

/* Nodes on loopback, in this process. What goes wrong ends the test. */
enum { NODES = 64 };

typedef struct node {
    alldata_gossip *gossip;
    char id[16];
    atomic_int live; /* told of so far, less those that died */
    atomic_int dead;
    atomic_int restarts;
    atomic_int keys;
    atomic_int forgotten;
    atomic_llong died_ns; /* when it last was told of a death, CLOCK_MONOTONIC */
} node;

typedef struct nodes {
    node each[NODES];
    int count;
    uint32_t round_ms;
    const char *seeds[3];
    char seed_text[3][32];
    size_t seed_count;
} nodes;

long long nodes_now_ns(void);
/* Make count nodes, the first of which are seeds; they do nothing yet. */
void nodes_make(nodes *cluster, int count);
void nodes_make_one(nodes *cluster, int index, const char *listen);
/* With threads of their own. */
void nodes_start(nodes *cluster);
void nodes_free(nodes *cluster);
void nodes_kill(nodes *cluster, int index);
/* What a node counts. */
alldata_gossip_counters nodes_count(const nodes *cluster, int index);
/*
 * Wait until each running node knows where so many peers serve and are, or takes one for dead; two
 * minutes at most. On a machine that is busy, others may be missed in between, and come back.
 * dispatch lets nodes go on; NULL: they have threads.
 */
void nodes_await_known(nodes *cluster, int known, void (*dispatch)(nodes *cluster));
void nodes_await_dead(nodes *cluster, int victim, void (*dispatch)(nodes *cluster));
/* Wait a little, and let nodes without threads have their turn. */
void nodes_dispatch(nodes *cluster);

#endif
