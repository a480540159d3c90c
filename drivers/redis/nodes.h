#ifndef REPLI_REDIS_NODES_H
#define REPLI_REDIS_NODES_H

#include <stddef.h>

#include <replicante/driver.h>

#include "config.h"

enum { REPLI__REDIS_ID_SIZE = 48 };

enum {
    REPLI__REDIS_MYSELF = 1u << 0,
    REPLI__REDIS_PRIMARY = 1u << 1,
    REPLI__REDIS_REPLICA = 1u << 2,
    REPLI__REDIS_FAIL = 1u << 3,
    REPLI__REDIS_MAYBE_FAIL = 1u << 4,
    REPLI__REDIS_HANDSHAKE = 1u << 5,
    REPLI__REDIS_NO_ADDRESS = 1u << 6
};

/* A line of CLUSTER NODES. */
typedef struct repli__redis_node {
    char id[REPLI__REDIS_ID_SIZE];
    char primary[REPLI__REDIS_ID_SIZE]; /* of a replica: whom it follows; else empty */
    char ip[64];                        /* may be empty for ourselves, alone */
    char port[8];
    char bus_port[8];
    unsigned flags;
    int connected;
    char *slots; /* ranges, ordered, such as "0-5460,7000"; empty: none */
} repli__redis_node;

typedef struct repli__redis_nodes {
    repli__redis_node *items;
    size_t count;
} repli__redis_nodes;

int32_t repli__redis_nodes_read(const repli__redis *redis, const char *text,
                                repli__redis_nodes *ret_nodes, repli_error *err);
void repli__redis_nodes_free(const repli__redis *redis, repli__redis_nodes *nodes);

/* NULL: there is none. */
const repli__redis_node *repli__redis_nodes_self(const repli__redis_nodes *nodes);
const repli__redis_node *repli__redis_nodes_by_id(const repli__redis_nodes *nodes, const char *id);
/* "ip:port", with or without "@busport". */
const repli__redis_node *repli__redis_nodes_by_address(const repli__redis_nodes *nodes,
                                                       const char *address);
/* The line of node, or of whom it follows. */
const repli__redis_node *repli__redis_nodes_owner(const repli__redis_nodes *nodes,
                                                  const repli__redis_node *node);
size_t repli__redis_nodes_with(const repli__redis_nodes *nodes, unsigned flags);
size_t repli__redis_nodes_followers(const repli__redis_nodes *nodes, const char *id);

#endif
