#ifndef REPLI_ALLDATA_NODE_H
#define REPLI_ALLDATA_NODE_H

#include <alldata/http.h>
#include <alldata/node.h>

#include <replicante/driver.h>

typedef struct repli__alldata repli__alldata;

enum { REPLI__ALLDATA_SOCKET_SIZE = 108 };

/* A node of this process, and what listens for it. */
typedef struct repli__alldata_node {
    alldata_node *node; /* NULL: there is none */
    alldata_http_server *server;
    alldata_transport *transport; /* NULL: it has no peers */
} repli__alldata_node;

/* Where it listens for clients on this machine: as configured, or in its
 * directory. */
int32_t repli__alldata_socket_path(const repli__alldata *alldata,
                                   char ret_path[REPLI__ALLDATA_SOCKET_SIZE], repli_error *err);
/* Open, listen and start as configured. REPLI_EBUSY: somebody else has its
 * directory. */
int32_t repli__alldata_node_open(const repli__alldata *alldata, repli__alldata_node *ret_node,
                                 repli_error *err);
void repli__alldata_node_close(repli__alldata_node *node);

#endif
