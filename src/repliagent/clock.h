#ifndef REPLIAGENT_CLOCK_H
#define REPLIAGENT_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock. */
int64_t clock_now_ms(void);
/* Wait, unless a signal comes. */
void clock_pause_ms(int64_t ms);

/* UTC, nanoseconds since 1970. */
int64_t clock_wall_ns(void);

#endif
