#ifndef REPLI_ACTION_SERVICE_H
#define REPLI_ACTION_SERVICE_H

#include "action/command.h"

/* The store as a service: either a unit of systemd, or the commands that tell its process, start
 * and stop it. Texts are borrowed. */
typedef struct repli__service {
    repli__commands *commands;
    const char *unit; /* or NULL */
    const char *const *pid;
    const char *const *start;
    const char *const *stop;
    int64_t timeout_ms; /* for it to start, and to stop */
} repli__service;

/* agent.replicante.io/service.start, service.stop and service.restart. */
int32_t repli__service_offer(repli__service *service, repli__registry *registry, repli_error *err);

#endif
