#include "agent/calls.h"

#include "base/clock.h"

#define MS(n) ((uint64_t)(n) * (uint64_t)REPLI__NS_PER_MS)

const uint64_t repli__calls_bounds_ns[REPLI__CALLS_BUCKETS - 1] = {
    MS(1), MS(5), MS(25), MS(50), MS(100), MS(250), MS(1000), MS(2500), MS(10000)};

void repli__calls_record(repli__calls *calls, int32_t code, uint64_t duration_ns) {
    int bucket = 0;
    while (bucket < REPLI__CALLS_BUCKETS - 1 && duration_ns > repli__calls_bounds_ns[bucket])
        bucket++;
    const int known = code <= 0 && code > -REPLI__CALLS_CODES;
    const int32_t slot = known ? -code : -REPLI_EINTERNAL;
    atomic_fetch_add_explicit(&calls->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&calls->codes[slot], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&calls->total_ns, duration_ns, memory_order_relaxed);
}
