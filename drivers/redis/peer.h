#ifndef REPLI_REDIS_PEER_H
#define REPLI_REDIS_PEER_H

#include "connection.h"
#include "observe.h"
#include "task.h"

/* A server that an action deals with: this node's, or another one's. */
typedef struct repli__redis_peer {
    repli__redis_link link;
    repli__redis_observation seen;
} repli__redis_peer;

#define REPLI__REDIS_PEER_INIT                                                                     \
    {                                                                                              \
        .link = {.fd = -1}, .seen = {.lag = -1 }                                                   \
    }

/* "host:port", "[address]:port", either with "@busport" behind. */
typedef struct repli__redis_address {
    char host[128];
    char port[8];
    char bus_port[8]; /* empty: not given */
} repli__redis_address;

/* Returns 0 if text is no address. */
int repli__redis_address_parse(const char *text, repli__redis_address *ret_address);

/* Connect with the account that acts, and look. Close it in any case. */
int32_t repli__redis_peer_here(repli__redis_task *task, repli__redis_peer *peer, repli_error *err);
int32_t repli__redis_peer_at(repli__redis_task *task, const char *address, repli__redis_peer *peer,
                             repli_error *err);
void repli__redis_peer_close(repli__redis_task *task, repli__redis_peer *peer);

int32_t repli__redis_peer_do(repli__redis_task *task, repli__redis_peer *peer,
                             repli__redis_command command, repli_error *err);

/*
 * Have the server write its configuration file, without which it forgets at its next start whom it
 * followed. Done before a change of role as well, so that one that could not be kept is not begun.
 */
int32_t repli__redis_peer_persist(repli__redis_task *task, repli__redis_peer *peer,
                                  repli_error *err);

/* The numeric address that the connection leads to. Returns 0 if there is none. */
int repli__redis_peer_ip(const repli__redis_peer *peer, char ret_ip[64]);

#endif
