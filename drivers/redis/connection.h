#ifndef REPLI_REDIS_CONNECTION_H
#define REPLI_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>

#include <replicante/driver.h>

#include "config.h"

/*
 * A connection, or none. The protocol is hiredis's, the socket is ours: hiredis limits each read
 * instead of the whole call, and writes without MSG_NOSIGNAL, so that a server which goes away
 * could end the host.
 */
typedef struct repli__redis_link {
    int fd; /* -1: none */
    redisReader *reader;
    char name[300]; /* for people */
} repli__redis_link;

/* Where to connect, and as whom. */
typedef struct repli__redis_target {
    const char *host;
    const char *port;
    const char *unix_socket; /* instead of host and port; NULL or empty: none */
    const repli__redis_account *account;
} repli__redis_target;

/* A command and its arguments, NULL-terminated. */
typedef const char *const *repli__redis_command;
#define REPLI__REDIS_COMMAND(...) ((const char *const[]){__VA_ARGS__, NULL})

/* This node, with an account of ours. */
repli__redis_target repli__redis_here(const repli__redis *redis,
                                      const repli__redis_account *account);

/* Connect and log in by the deadline of op. Names are looked up without one. */
int32_t repli__redis_connect(repli__redis *redis, const repli_op *op,
                             const repli__redis_target *target, repli__redis_link *link,
                             repli_error *err);
void repli__redis_disconnect(repli__redis_link *link);

/*
 * Send commands in one go and take their replies, which the caller frees with freeReplyObject().
 * A reply may be an error of the server's. On failure there are none, and the connection is closed.
 */
int32_t repli__redis_ask(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                         const repli__redis_command *commands, size_t count,
                         redisReply **ret_replies, repli_error *err);

/* One command whose reply matters only if it is an error, which then is the result. */
int32_t repli__redis_execute(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                             repli__redis_command command, repli_error *err);

/* An error reply as an error: its class from the word that it begins with. */
int32_t repli__redis_refused(const repli__redis *redis, const repli__redis_link *link,
                             const char *command, const redisReply *reply, repli_error *err);

#endif
