#ifndef CONFORMANCE_ORDER_H
#define CONFORMANCE_ORDER_H

#include "conformance/conformance.h"

/* An action of the configuration. */
struct order {
    char kind[256];
    const char *args; /* JSON text */
};

/* 0 if there are not so many. */
int order_at(const struct conformance_options *options, size_t index, struct order *ret_order);

#endif
