#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock. */
int64_t clock_now_ms(void);
/* Wait, unless a signal comes. */
void clock_pause_ms(int64_t ms);

/* UTC, nanoseconds since 1970. */
int64_t clock_wall_ns(void);

enum { CLOCK_TEXT_SIZE = 36 };
/* It as RFC 3339: with 0, 3, 6 or 9 digits of the second, as few as lose nothing. Empty if the year
 * has not four digits. */
void clock_text(int64_t wall_ns, char ret_text[CLOCK_TEXT_SIZE]);

#endif
