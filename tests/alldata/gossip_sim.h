#ifndef TESTS_GOSSIP_SIM_H
#define TESTS_GOSSIP_SIM_H

#include "alldata/gossip/membership.h"
#include "gossip_reference.h"

/*
 * A cluster of memberships without sockets: time is a number, and the network a list of frames that
 * are on their way. Everything follows from the seed.
 */
enum { SIM_NODES = 64 };

#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

typedef struct sim_node {
    alldata__membership *membership; /* NULL: not running, or a reference node */
    reference *reference;            /* NULL: not running, or ours */
    int32_t port;                    /* 0: was never started */
    int side;                        /* of the partition */
    int deaf;                        /* stands still: frames wait, and nothing is done */
    int64_t wall_ms;                 /* its clock, at time 0 */
    uint64_t jump_ns;                /* what is added to its monotonic clock */
} sim_node;

typedef struct sim_frame {
    uint64_t at_ns;
    uint64_t order;
    int from;
    int to;
    size_t size;
    char *text;
} sim_frame;

typedef struct sim_cluster {
    sim_node nodes[SIM_NODES];
    int count;
    uint64_t now_ns;
    uint64_t seed;
    unsigned loss;       /* in a thousand */
    unsigned duplicates; /* in a thousand */
    uint64_t delay_ns;   /* the longest */
    uint64_t round_ns;
    uint64_t forget_ns;
    size_t max_peers;
    int partitioned;
    int seeds;         /* the first so many nodes */
    sim_frame *frames; /* a heap */
    size_t frame_count;
    size_t frame_capacity;
    uint64_t sent;
    uint64_t sent_bytes;
    uint64_t order;
} sim_cluster;

void sim_init(sim_cluster *sim, uint64_t seed);
void sim_dispose(sim_cluster *sim);
uint64_t sim_random(sim_cluster *sim, uint64_t limit);
/* Start a node, or start it anew, on a port of its own; it publishes where it serves and is. */
void sim_start(sim_cluster *sim, int index);
void sim_start_reference(sim_cluster *sim, int index);
/* Like kill -9. */
void sim_kill(sim_cluster *sim, int index);
/* Let time pass. */
void sim_run(sim_cluster *sim, uint64_t ns);
/* Until a condition holds; 0 if it does not by then. */
typedef int (*sim_condition)(sim_cluster *sim, void *user_data);
int sim_until(sim_cluster *sim, uint64_t ns, sim_condition holds, void *user_data);
/* A frame from nowhere. */
void sim_inject(sim_cluster *sim, int to, const char *text, size_t size);

/* What a node of ours thinks of another: the peer, or NULL. */
const alldata__peer *sim_peer(const sim_cluster *sim, int index, int of);
int sim_is_live(const sim_cluster *sim, int index, int of);
const char *sim_id(int index);
/* All running nodes of ours take all running nodes for alive and know where they serve, and take
 * nobody else for alive. */
int sim_all_live(sim_cluster *sim, void *user_data);
/* All running nodes of ours take node *(int *)index for dead. */
int sim_all_dead(sim_cluster *sim, void *index);

#endif
