#ifndef ALLDATA_SERVICE_H
#define ALLDATA_SERVICE_H

#include <alldata/http.h>
#include <alldata/node.h>

#include "config.h"
#include "logsink.h"
#include "notify.h"

/* A running node and what serves it. Belongs to the main thread. */
struct service {
    struct logsink log;
    struct notify notify;
    struct config *config;
    alldata_transport *transport; /* NULL: it has no peers */
    alldata_node *node;
    alldata_http_server *server;
    char status[160]; /* told to the service manager last */
};

/* Read the configuration again and use it, or keep everything as it is and say why. */
void service_reload(struct service *service);

/* What the server is to do, as the configuration has it. */
alldata_http_server_options service_listeners(const struct config *config);

#endif
