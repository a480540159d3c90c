#ifndef REPLI_AGENT_BACKOFF_H
#define REPLI_AGENT_BACKOFF_H

#include <stdint.h>

/*
 * The pause after so many failures in a row (1 or more): the interval, doubled with each further
 * failure, give or take a fifth, so that agents which lost something together do not come back
 * together. Never more than max_ns, unless the interval with its fifth is.
 */
uint64_t repli__backoff_ns(uint64_t interval_ns, uint64_t max_ns, uint64_t failures,
                           uint64_t *random_state);

#endif
