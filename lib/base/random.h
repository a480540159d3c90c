#ifndef REPLI_BASE_RANDOM_H
#define REPLI_BASE_RANDOM_H

#include <stdint.h>

#include "base/error.h"

/* 64 random bits of the kernel's. REPLI_EINTERNAL, by origin: "cannot WHAT: there were none". */
int32_t repli__random(uint64_t *ret_random, const char *origin, const char *what, repli_error *err);

#endif
