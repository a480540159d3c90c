#ifndef TESTS_PARTY_H
#define TESTS_PARTY_H

#include <replicante/http.h>

/* An agent on the fake driver in a directory of its own, and a server on it. Asserts nothing, so
 * that it can be used by any thread and in forked children: what can fail returns 0 or a code. */
typedef struct party {
    char directory[64];
    char store[96];
    repli_agent *agent;
    repli_http_server *server;
    int32_t port;
} party;

typedef struct party_options {
    const repli_allocator *allocator;
    repli_log_fn log;
    void *log_data;
    const char *node_id; /* NULL: "node-1" */
    const char *driver;  /* configuration of the fake driver; NULL: "{}" */
    int serve;           /* over TCP */
    int32_t run_mode;
} party_options;

/* A directory; 0 if there is none. Only the agent and the server are then missing. */
int party_directory(party *self);
/* A configuration with which an agent could be made. The caller frees it. */
int32_t party_config(const party *self, const party_options *options, repli_config **ret_config,
                     repli_error *err);
/* Makes directory, agent and server, but does not start the agent. */
int32_t party_make(party *self, const party_options *options, repli_error *err);
/* The same, starts it, and waits until the node is healthy. */
int32_t party_start(party *self, const party_options *options, repli_error *err);
/* Ends what there is and removes the directory. */
void party_end(party *self);

int32_t party_status(const party *self);
/* The phase of an action, 0 if it cannot be told. */
int32_t party_phase(repli_agent *agent, const char *id);
/* Wait until an action has that phase; 0 if that does not come. */
int party_await_phase(repli_agent *agent, const char *id, int32_t phase);
/* Schedule test.success and wait until it is done; 0 if that does not come. */
int party_act(repli_agent *agent);
/* Status of a GET, 0 if there is no answer. */
int party_get(int32_t port, const char *target);

void pause_ms(long ms);
/* Turns of pause_ms(5) that make a generous wait. */
enum { PARTY_TURNS = 6000 };

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

#endif
