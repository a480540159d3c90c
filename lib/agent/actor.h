#ifndef REPLI_AGENT_ACTOR_H
#define REPLI_AGENT_ACTOR_H

#include <pthread.h>

#include "action/registry.h"
#include "agent/calls.h"
#include "agent/port.h"

/* Does the driver's kinds of action, by whichever instance of the driver is the present one. */
typedef struct repli__actor {
    pthread_mutex_t mutex; /* guards the two ports */
    repli__port *port;
    repli__port *stepping;          /* the one that a step is done by; NULL: none is */
    repli__calls *calls;            /* of action_step */
    void (*ended)(void *user_data); /* an action came to its end, so the node may have changed */
    void *user_data;
} repli__actor;

void repli__actor_init(repli__actor *actor, repli__port *port, repli__calls *calls,
                       void (*ended)(void *user_data), void *user_data);
void repli__actor_dispose(repli__actor *actor);
/* Offer the driver's kinds of action. */
int32_t repli__actor_register(repli__actor *actor, repli__registry *registry, const repli__mem *mem,
                              repli_error *err);
/* REPLI_EINVALID unless another instance offers the same kinds as the registry has of the driver:
 * they are not changed while the agent lives. */
int32_t repli__actor_agrees(const repli__actor *actor, const repli__registry *registry,
                            repli__port *other, const repli__mem *mem, repli_error *err);
/* From the next step on by this one. */
void repli__actor_swap(repli__actor *actor, repli__port *port);
/* Ask the driver to give up the step in progress; for repli__executor_on_cancel(). */
void repli__actor_cancel(void *actor, repli_op *op);

#endif
