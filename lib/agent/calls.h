#ifndef REPLI_AGENT_CALLS_H
#define REPLI_AGENT_CALLS_H

#include <stdatomic.h>
#include <stdint.h>

#include <replicante/error.h>

/* How often something was called, how long it took and how it ended. Lock-free: anybody counts. */

/* Upper bounds of the classes of duration; the last class has none. */
enum { REPLI__CALLS_BUCKETS = 10, REPLI__CALLS_CODES = 32 };
extern const uint64_t repli__calls_bounds_ns[REPLI__CALLS_BUCKETS - 1];

typedef struct repli__calls {
    atomic_uint_fast64_t buckets[REPLI__CALLS_BUCKETS];
    atomic_uint_fast64_t codes[REPLI__CALLS_CODES]; /* by -code */
    atomic_uint_fast64_t total_ns;
} repli__calls;

void repli__calls_record(repli__calls *calls, int32_t code, uint64_t duration_ns);

#endif
