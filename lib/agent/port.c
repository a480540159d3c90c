#include "agent/port.h"

#include "base/error.h"

int32_t repli__port_open(const repli__driver_table *table, const char *config_json,
                         size_t config_size, const repli__mem *mem, repli__log *log,
                         repli__port **ret_port, repli_error *err) {
    repli__port *port = repli__calloc(mem, 1, sizeof(*port));
    if (port == NULL)
        return repli__error_nomem(err, "agent", "opening the driver");
    atomic_init(&port->references, 1);
    port->mem = *mem;
    const int32_t code =
        repli__instance_open(table, config_json, config_size, mem, log, &port->instance, err);
    if (code != REPLI_OK) {
        repli__free(mem, port);
        return code;
    }
    *ret_port = port;
    return REPLI_OK;
}

repli__port *repli__port_ref(repli__port *port) {
    atomic_fetch_add(&port->references, 1);
    return port;
}

void repli__port_unref(repli__port *port) {
    if (port == NULL || atomic_fetch_sub(&port->references, 1) > 1)
        return;
    const repli__mem mem = port->mem;
    repli__instance_close(port->instance);
    repli__free(&mem, port);
}
