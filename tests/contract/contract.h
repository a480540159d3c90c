#ifndef TESTS_CONTRACT_H
#define TESTS_CONTRACT_H

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "party.h"

/* What every exported function is tried on. */
typedef struct world {
    party host;   /* runs, is served, and steps an action that takes for ever */
    party driven; /* without threads; not started */
    char done_id[REPLI_UUID_SIZE];
    repli_snapshot *snapshot;
    alldata_keygen *keygen;
    alldata_gossip *gossip;
    alldata_storage *events;
    alldata_scan *scan;               /* of them, that was begun */
    alldata_transport *transport;     /* with a connection to host */
    alldata_coordinator *coordinator; /* of them, dispatched */
    alldata_node *node;
    alldata_cluster_scan *cluster_scan; /* of it */
    alldata_exporter *exporter;         /* of it, which has written nothing */
    alldata_http_server *node_server;
    struct peer *server;          /* that answers clients */
    alldata_client *client;       /* of it */
    alldata_client_scan *reading; /* of its events, that was begun */
    int forked;                   /* this is a child, to which host does not belong */
} world;

/*
 * Call one function with good arguments, look at what came of it, and give everything back. Returns
 * its code, or the number of the line where something was not as it should be, which is positive.
 * Inputs that are texts or records are overwritten as soon as the call returned. Any thread.
 */
typedef int32_t (*call_fn)(world *w, repli_error *err);

enum threads { THREAD_SAFE, SERIALISED, DISPATCH_THREAD, SIGNAL_SAFE };
enum fork { WORKS, REFUSED, NOTHING, LETS_GO };

typedef struct call {
    const char *name;
    enum threads threads;
    enum fork fork;
    call_fn call;
} call;

/* Provoke one error of one function: returns its code, or a line. */
typedef struct failure {
    const char *name;
    int32_t code;
    call_fn provoke;
} failure;

#define CALL(name, threads, fork) int32_t call_##name(world *w, repli_error *err);
#define CODE(name, code) int32_t fail_##name##_##code(world *w, repli_error *err);
#define FAR(name, code, why)
#include "contract.def"
#undef CALL
#undef CODE
#undef FAR

#define REQUIRE(what)                                                                              \
    do {                                                                                           \
        if (!(what))                                                                               \
            return __LINE__;                                                                       \
    } while (0)

/* Not a place that anything points to; outputs hold it before a call. */
extern char nowhere;
#define UNSET ((void *)&nowhere)

/* Overwrite an input. */
#define SCRIBBLE(record) memset(&(record), 0x5a, sizeof(record))

/* calls_alldata.c: what of the world is AllData's. */
int32_t alldata_begin(world *w, repli_error *err);
void alldata_end(world *w);
/* calls_gossip_alldata.c and calls_node_alldata.c, for the two above. */
int32_t gossip_begin(world *w, repli_error *err);
void gossip_end(world *w);
/* calls_http_alldata.c, likewise. */
int32_t http_alldata_begin(world *w, repli_error *err);
void http_alldata_end(world *w);

/* calls_server_alldata.c, likewise. */
int32_t server_alldata_begin(world *w, repli_error *err);
void server_alldata_end(world *w);
/* calls_coordinator_alldata.c, likewise. */
int32_t coordinator_begin(world *w, repli_error *err);
void coordinator_end(world *w);
int32_t node_begin(world *w, repli_error *err);
void node_end(world *w);
/* A directory that no other call has; and to be rid of one. */
void fresh_directory(const world *w, char path[256]);
void remove_directory(const char *path);

/* Memory that has run out. */
const repli_allocator *no_memory(void);

#endif
