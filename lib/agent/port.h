#ifndef REPLI_AGENT_PORT_H
#define REPLI_AGENT_PORT_H

#include <stdatomic.h>

#include "driver/instance.h"

/*
 * A shared hold on an opened driver. Whoever calls the driver keeps one for the length of the
 * call, so that a reload can put another in its place at any time; the last one closes it.
 */
typedef struct repli__port {
    atomic_uint references;
    repli__mem mem;
    repli__instance *instance;
} repli__port;

int32_t repli__port_open(const repli__driver_table *table, const char *config_json,
                         size_t config_size, const repli__mem *mem, repli__log *log,
                         repli__port **ret_port, repli_error *err);
repli__port *repli__port_ref(repli__port *port);
void repli__port_unref(repli__port *port);

#endif
