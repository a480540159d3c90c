#ifndef ALLDATA_WINDOW_H
#define ALLDATA_WINDOW_H

#include <stdint.h>

#include <alldata/storage.h>

/* Intervals: all of one length in seconds, aligned to midnight in UTC, and named after their start.
 */

enum { ALLDATA__WINDOW = 3 }; /* the previous, the current and the next */

/* Returns 0 if text is none of P1D, PT3H, PT1H, PT15M, PT5M. */
int64_t alldata__period(const char *text);
/* Start of the interval that a second lies in. */
int64_t alldata__period_start(int64_t period, int64_t second);

void alldata__interval_name(int64_t start, char to[ALLDATA_INTERVAL_SIZE]);
/* Returns 0 if text is no name of an interval. */
int alldata__interval_start(const char *text, size_t size, int64_t *ret_start);

/* Start of the previous interval, by the clock and by what it was before. It only goes back if the
 * clock stands before all that it has had open: what was closed stays closed while it is merely a
 * little off. */
int64_t alldata__window_start(int64_t period, int64_t before, int64_t now);

#endif
