#ifndef REPLIAGENT_SERVICE_H
#define REPLIAGENT_SERVICE_H

#include <replicante/agent.h>
#include <replicante/http.h>

#include "config.h"
#include "logsink.h"
#include "notify.h"
#include "sink.h"

/* A running agent and what serves it. Belongs to the main thread. */
struct service {
    struct logsink log;
    struct notify notify;
    struct config *config;
    repli_agent *agent;
    repli_http_server *server;
    struct sink *sink; /* NULL: events are not shipped */
    int live;          /* what the last look at the agent's threads told */
    char status[160];  /* told to the service manager last */
};

/* Read the configuration again and use it, or keep everything as it is and say why. */
void service_reload(struct service *service);

/* Look whether the agent's threads make progress, and pass it on to the service manager. */
void service_progress(struct service *service);

/* Lets the library log to the service's sink. */
int32_t service_set_log(struct service *service, struct config *config, repli_error *err);

#endif
