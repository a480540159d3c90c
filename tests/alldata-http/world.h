#ifndef TESTS_ALLDATA_HTTP_WORLD_H
#define TESTS_ALLDATA_HTTP_WORLD_H

#include <check.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "asking.h"

/* A node in a directory of its own, and its servers. What goes wrong here fails the test. */

#define MUST(call)                                                                                 \
    do {                                                                                           \
        repli_error must_error = REPLI_ERROR_INIT;                                                 \
        repli_error *err = &must_error;                                                            \
        const int32_t must_code = (call);                                                          \
        ck_assert_msg(must_code == REPLI_OK, #call ": %d %s", must_code, must_error.message);      \
    } while (0)

/* How long anything may take. */
enum { WORLD_PATIENCE_MS = 20000 };

typedef struct world {
    char directory[64];
    char location[96];                 /* of the node */
    char socket_path[96];              /* for clients */
    alldata_node_options node_options; /* of the next world_open() */
    alldata_http_server_options server_options;
    alldata_transport *transport; /* NULL: the node is to have no peers */
    alldata_node *node;
    alldata_http_server *server;
    int port, peer_port;
    char base[64]; /* such as "http://127.0.0.1:4711" */
    char peer_base[64];
} world;

/* The directory, and options for a node without peers with both ports and the UNIX socket. */
void world_begin(world *w);
/* The node is to be one of a cluster, with so many replicas; run_mode is set already. */
void world_join(world *w, int replicas);
void world_open(world *w);
void world_close(world *w);
void world_end(world *w);

/* The key of now, and of so many seconds from now. */
void world_key(int64_t seconds, char ret_key[ALLDATA_KEY_SIZE]);
/* All that is stored, as "KEY EVENT\n" each; or without the keys. The caller frees it. */
char *world_events(world *w);
char *world_values(world *w);
/* How many are stored. */
size_t world_count(world *w);

/* Send size bytes to a port on a connection of its own, and read until the answer is whole or the
 * connection ends. The caller frees it. */
char *world_send(int port, const char *request, size_t size);
char *world_text(int port, const char *request);
/* The status of an answer, and what follows the headers. */
int world_status(const char *answer);
const char *world_body(const char *answer);

/* The memory of this process, in KiB. */
long world_resident(void);

int world_run(Suite *suite);

#endif
