#ifndef REPLI_REDIS_OBSERVE_H
#define REPLI_REDIS_OBSERVE_H

#include <replicante/driver.h>

#include "connection.h"
#include "nodes.h"

/* Questions that one observation answers; each of them once. */
enum {
    REPLI__REDIS_ASK_NODE = 1u << 0,
    REPLI__REDIS_ASK_STORE = 1u << 1,
    REPLI__REDIS_ASK_SHARDS = 1u << 2
};

/* What one look at a server brought. */
typedef struct repli__redis_observation {
    redisReply *info; /* the answer to INFO, or NULL: ask repli__redis_info() */
    int cluster_mode;
    int replica;
    int link_up;
    int syncing;      /* a first or later copy is in progress */
    int never_linked; /* the link to this primary has not stood since the server started */
    int loading;      /* the data set is being read from disk */
    char run_id[48];  /* new at each start */
    char primary_host[256];
    char primary_port[8];
    int64_t offset; /* bytes of the replication stream that are applied here */
    int64_t lag;    /* bytes received and not applied; below 0: not known here */
    int64_t followers;
    int64_t keys;

    /* Cluster mode. */
    int cluster_ok;
    int64_t known_nodes;
    int64_t slots_assigned;
    repli__redis_nodes nodes;
    const repli__redis_node *self;       /* never NULL in cluster mode */
    char shard_id[REPLI__REDIS_ID_SIZE]; /* as servers since 7.2 tell it; else empty */
    redisReply *cluster_info;

    /* Of the node's own observation. */
    int32_t code;
    repli_error error;
    uint64_t time_ns;
    uint32_t unread; /* questions that may still be answered from it */
} repli__redis_observation;

/* Look at the server behind link, into an observation that is empty or was freed. */
int32_t repli__redis_look(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                          repli__redis_observation *ret_seen, repli_error *err);
void repli__redis_observation_free(const repli__redis *redis, repli__redis_observation *seen);

/* Look at this node, or take the look that was just made for another question. The observation is
 * redis->last; its code is returned. */
int32_t repli__redis_observe(repli__redis *redis, const repli_op *op, uint32_t question,
                             repli_error *err);

/* The text of INFO. */
const char *repli__redis_info(const repli__redis_observation *seen);
/* Whether a cluster was ever made of or with this node. In cluster mode only. */
int repli__redis_is_formed(const repli__redis_observation *seen);

#endif
