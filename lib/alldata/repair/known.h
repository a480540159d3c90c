#ifndef ALLDATA_REPAIR_KNOWN_H
#define ALLDATA_REPAIR_KNOWN_H

#include <stdint.h>

#include "base/mem.h"

/*
 * What was looked at and found good: of each day, and of each minute of some of them, a number that
 * is another one when any of the nodes has more or other events in it, or other nodes are there.
 */
typedef struct alldata__known alldata__known;

/* NULL: there is no memory. */
alldata__known *alldata__known_new(const repli__mem *mem);
void alldata__known_free(alldata__known *known);

/* Not 0 if it was found good with that number. Days and minutes are counted from 1970. Where there
 * is no memory, nothing is known. */
int alldata__known_day(alldata__known *known, int64_t day, uint64_t number);
int alldata__known_minute(alldata__known *known, int64_t minute, uint64_t number);
void alldata__known_set_day(alldata__known *known, int64_t day, uint64_t number);
void alldata__known_set_minute(alldata__known *known, int64_t minute, uint64_t number);

/* How much is missing in minutes, all 0 at first. */
typedef struct alldata__gaps {
    const repli__mem *mem;
    struct alldata__gap {
        int64_t minute;
        uint64_t count;
    } * items; /* in order, none of them 0 */
    size_t count, capacity;
} alldata__gaps;

/* Sets what is missing in a minute, or if that has no memory, nothing. */
void alldata__gaps_set(alldata__gaps *gaps, int64_t minute, uint64_t count);
void alldata__gaps_clear(alldata__gaps *gaps, int64_t from, int64_t until);
uint64_t alldata__gaps_get(const alldata__gaps *gaps, int64_t minute);
uint64_t alldata__gaps_sum(const alldata__gaps *gaps, int64_t from, int64_t until);

#endif
