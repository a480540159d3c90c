#include "base/clock.h"

#include <time.h>

uint64_t repli__mono_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * (uint64_t)REPLI__NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t repli__wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * REPLI__NS_PER_S + (int64_t)now.tv_nsec;
}

uint64_t repli__deadline_ns(int64_t ms) {
    const uint64_t now = repli__mono_ns();
    if (ms <= 0)
        return now;
    if ((uint64_t)ms > (UINT64_MAX - now) / (uint64_t)REPLI__NS_PER_MS)
        return UINT64_MAX;
    return now + (uint64_t)ms * (uint64_t)REPLI__NS_PER_MS;
}
