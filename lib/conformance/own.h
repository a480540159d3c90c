#ifndef CONFORMANCE_OWN_H
#define CONFORMANCE_OWN_H

#include <stddef.h>

#include "conformance/conformance.h"
#include "conformance/network.h"

/* The addresses of the driver's own node, as its configuration names them: every port number in it
 * on every address in it. Without any address it is this machine. */
enum { OWN_MAX = 32 };

struct own {
    int ports[OWN_MAX];
    size_t port_count;
    char addresses[OWN_MAX][48];
    size_t address_count;
    const char *const *named; /* host:port */
    char *config;             /* complete, with what the driver takes if nothing is said */
};

/* config_json is completed from the driver's keys. */
int32_t own_init(struct own *own, const struct conformance_options *options, repli_error *err);
void own_dispose(struct own *own);
int own_has(const struct own *own, const struct network_contact *contact);

#endif
