#ifndef REPLI_BASE_CLOCK_H
#define REPLI_BASE_CLOCK_H

#include <stdint.h>

#define REPLI__NS_PER_MS INT64_C(1000000)
#define REPLI__NS_PER_S INT64_C(1000000000)

/* CLOCK_MONOTONIC in nanoseconds: for deadlines and ages. */
uint64_t repli__mono_ns(void);
/* CLOCK_REALTIME in nanoseconds since 1970: for records. */
int64_t repli__wall_ns(void);
/* A deadline ms from now; ms below 0 counts as 0, and the far future is UINT64_MAX. */
uint64_t repli__deadline_ns(int64_t ms);
/* How long poll() and its kin are to wait for deadline_ns: milliseconds, rounded up; -1: for ever.
 */
int repli__ms_until(uint64_t deadline_ns);

/* The monotonic time at which the wall clock shows wall_ns, if nobody sets it; now, if it does. */
uint64_t repli__mono_of(int64_t wall_ns);
/* The monotonic time at which to look whether it does: since somebody may set it, in a minute at
 * the latest. */
uint64_t repli__look_at(int64_t wall_ns);

#endif
