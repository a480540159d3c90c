#ifndef REPLI_AGENT_SHOP_H
#define REPLI_AGENT_SHOP_H

#include "action/external.h"
#include "action/service.h"
#include "agent/config.h"

/* The kinds of action that are done by commands, as they were configured when the agent was made.
 */
typedef struct repli__shop {
    repli_config *config; /* has the texts */
    repli__commands commands;
    char *base;
    repli__external *externals;
    repli__service service;
} repli__shop;

/* Is what is configured of the service complete? */
int32_t repli__shop_check(const repli_config *config, repli_error *err);
/* Offer them. Of those that are not offered any more what still runs is ended. config is that of
 * the agent, whose database is open; ended is told when an action came to its end. */
int32_t repli__shop_open(repli__shop *shop, repli_config *config, repli__log *log,
                         repli__registry *registry, void (*ended)(void *user_data), void *user_data,
                         repli_error *err);
/* Of a zeroed one, too. */
void repli__shop_close(repli__shop *shop);

#endif
