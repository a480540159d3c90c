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

int repli__ms_until(uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX)
        return -1;
    const uint64_t now_ns = deadline_ns > 0 ? repli__mono_ns() : 0;
    if (deadline_ns <= now_ns)
        return 0;
    const uint64_t ms = (deadline_ns - now_ns) / (uint64_t)REPLI__NS_PER_MS + 1;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

uint64_t repli__mono_of(int64_t wall_ns) {
    const int64_t now_ns = repli__wall_ns();
    /* The difference of two times fits if it is unsigned. */
    const uint64_t left_ns = wall_ns > now_ns ? (uint64_t)wall_ns - (uint64_t)now_ns : 0;
    return repli__mono_ns() + left_ns;
}

uint64_t repli__look_at(int64_t wall_ns) {
    const uint64_t then_ns = repli__mono_of(wall_ns);
    const uint64_t latest_ns = repli__deadline_ns(60 * 1000);
    return then_ns < latest_ns ? then_ns : latest_ns;
}
