#ifndef REPLIAGENT_CLIENT_H
#define REPLIAGENT_CLIENT_H

#include <stddef.h>

#include "options.h"

/* A client of one agent. */
struct client;

struct reply {
    long status; /* of HTTP; 0: there was none */
    char *body;  /* NUL-terminated, never NULL */
    size_t size;
    size_t capacity;
};

/* Returns an exit status; a failure has been printed. */
int client_open(const struct options *options, struct client **ret_client);
void client_close(struct client *client);

/*
 * Ask, and wait for the answer. body NULL: none. Returns EXITS_OK for a status of 200 to 299, and
 * else the exit status that fits; client_message() then says why. *ret_reply is always set.
 */
int client_ask(struct client *client, const char *method, const char *path, const char *body,
               struct reply *ret_reply);
/* The same, and a failure is printed. */
int client_get(struct client *client, const char *path, struct reply *ret_reply);
void client_reply_free(struct reply *reply);

/* Not 0 if the last call may have had its effect although it failed: it was sent, or may have been.
 */
int client_maybe_done(const struct client *client);
/* Why the last call failed, for people. */
const char *client_message(const struct client *client);
/* Print it. Returns status. */
int client_complain(const struct client *client, int status);
/* Print that an answer made no sense. Returns EXITS_AGENT. */
int client_nonsense(const struct client *client, const char *reason);
/* Where the agent is, for people. */
const char *client_address(const struct client *client);

#endif
