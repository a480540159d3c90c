#ifndef REPLI_DRIVER_HOST_H
#define REPLI_DRIVER_HOST_H

#include <replicante/driver.h>

#include "base/log.h"
#include "base/mem.h"

/* The table that drivers see, and behind it what its functions need. The table comes first, so
 * that a pointer to it is a pointer to the whole. */
typedef struct repli__host {
    repli_host table;
    repli__mem mem;
    repli__log *log;
    char origin[sizeof(((repli_error *)NULL)->origin)];
} repli__host;

void repli__host_init(repli__host *host, const char *origin, const repli__mem *mem,
                      repli__log *log);

/* Parts of the table that live in files of their own. */
void repli__host_add_sink(repli_host *table);
void repli__host_add_json(repli_host *table);

/* Say that err, if any, was the business of host. Returns code. */
int32_t repli__host_origin(const repli_host *table, int32_t code, repli_error *err);

#endif
