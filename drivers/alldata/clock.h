#ifndef REPLI_ALLDATA_CLOCK_H
#define REPLI_ALLDATA_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* A condition whose time limits are those of the monotonic clock, and such a
 * limit. */
void repli__alldata_monotonic_cond(pthread_cond_t *cond);
struct timespec repli__alldata_after_ms(uint64_t ms);

#endif
