#include "agent/backoff.h"

/* Marsaglia's xorshift; state must not be 0. */
static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

uint64_t repli__backoff_ns(uint64_t interval_ns, uint64_t max_ns, uint64_t failures,
                           uint64_t *random_state) {
    const uint64_t highest_ns = max_ns / 6 * 5;
    uint64_t pause_ns = interval_ns;
    for (uint64_t i = 1; i < failures && pause_ns < highest_ns; i++)
        pause_ns *= 2;
    if (pause_ns > highest_ns)
        pause_ns = highest_ns > interval_ns ? highest_ns : interval_ns;
    return pause_ns / 1000 * (800 + next_random(random_state) % 401);
}
