#ifndef REPLI_MODEL_NAMES_H
#define REPLI_MODEL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

/* Most addresses of a node and headers of an action: few enough to look for repeated names one by
 * one, without memory. */
enum { REPLI__NAMES_MAX = 256 };

/* Names that were seen, borrowed. Zeroed: none. */
typedef struct repli__names {
    const char *names[REPLI__NAMES_MAX];
    size_t count;
} repli__names;

/* REPLI_EINVALID if name was seen before or is one too many. */
int32_t repli__names_add(repli__names *names, const char *name, repli_error *err);

#endif
