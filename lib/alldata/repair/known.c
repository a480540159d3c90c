#include "alldata/repair/known.h"

#include <string.h>

enum { MINUTES = 24 * 60, DETAILED = 8 };

typedef struct detail {
    int64_t day;
    uint64_t used;
    uint64_t minutes[MINUTES]; /* 0: not known to be good */
} detail;

typedef struct entry {
    int64_t day;
    uint64_t number;
} entry;

struct alldata__known {
    const repli__mem *mem;
    entry *days; /* in order */
    size_t count, capacity;
    detail *details[DETAILED];
    uint64_t uses;
};

alldata__known *alldata__known_new(const repli__mem *mem) {
    alldata__known *known = repli__calloc(mem, 1, sizeof(*known));
    if (known != NULL)
        known->mem = mem;
    return known;
}

void alldata__known_free(alldata__known *known) {
    if (known == NULL)
        return;
    for (size_t i = 0; i < DETAILED; i++)
        repli__free(known->mem, known->details[i]);
    repli__free(known->mem, known->days);
    repli__free(known->mem, known);
}

/* The first that is not before the day. */
static size_t find(const alldata__known *known, int64_t day) {
    size_t low = 0;
    size_t high = known->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (known->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int alldata__known_day(alldata__known *known, int64_t day, uint64_t number) {
    const size_t at = find(known, day);
    return at < known->count && known->days[at].day == day && known->days[at].number == number;
}

void alldata__known_set_day(alldata__known *known, int64_t day, uint64_t number) {
    const size_t at = find(known, day);
    if (at == known->count || known->days[at].day != day) {
        if (repli__grow(known->mem, (void **)&known->days, &known->capacity, known->count,
                        sizeof(*known->days)) != 0)
            return;
        memmove(&known->days[at + 1], &known->days[at], (known->count - at) * sizeof(*known->days));
        known->count++;
    }
    known->days[at] = (entry){.day = day, .number = number};
}

static detail *find_detail(alldata__known *known, int64_t day) {
    for (size_t i = 0; i < DETAILED; i++)
        if (known->details[i] != NULL && known->details[i]->day == day) {
            known->details[i]->used = ++known->uses;
            return known->details[i];
        }
    return NULL;
}

/* Of a day, in the place of that which was used longest ago. */
static detail *make_detail(alldata__known *known, int64_t day) {
    size_t at = 0;
    for (size_t i = 0; i < DETAILED && known->details[at] != NULL; i++)
        if (known->details[i] == NULL || known->details[i]->used < known->details[at]->used)
            at = i;
    if (known->details[at] == NULL)
        known->details[at] = repli__alloc(known->mem, sizeof(detail));
    if (known->details[at] != NULL) {
        memset(known->details[at], 0, sizeof(detail));
        known->details[at]->day = day;
        known->details[at]->used = ++known->uses;
    }
    return known->details[at];
}

int alldata__known_minute(alldata__known *known, int64_t minute, uint64_t number) {
    const detail *it = find_detail(known, minute / MINUTES);
    return it != NULL && number != 0 && it->minutes[minute % MINUTES] == number;
}

void alldata__known_set_minute(alldata__known *known, int64_t minute, uint64_t number) {
    detail *it = find_detail(known, minute / MINUTES);
    if (it == NULL)
        it = make_detail(known, minute / MINUTES);
    if (it != NULL)
        it->minutes[minute % MINUTES] = number;
}

/* Gaps. */

static size_t find_gap(const alldata__gaps *gaps, int64_t minute) {
    size_t low = 0;
    size_t high = gaps->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (gaps->items[middle].minute < minute)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t alldata__gaps_get(const alldata__gaps *gaps, int64_t minute) {
    const size_t at = find_gap(gaps, minute);
    return at < gaps->count && gaps->items[at].minute == minute ? gaps->items[at].count : 0;
}

void alldata__gaps_set(alldata__gaps *gaps, int64_t minute, uint64_t count) {
    const size_t at = find_gap(gaps, minute);
    const int is_there = at < gaps->count && gaps->items[at].minute == minute;
    if (is_there && count == 0) {
        gaps->count--;
        memmove(&gaps->items[at], &gaps->items[at + 1], (gaps->count - at) * sizeof(*gaps->items));
    }
    if (is_there || count == 0) {
        if (is_there && count > 0)
            gaps->items[at].count = count;
        return;
    }
    if (repli__grow(gaps->mem, (void **)&gaps->items, &gaps->capacity, gaps->count,
                    sizeof(*gaps->items)) != 0)
        return;
    memmove(&gaps->items[at + 1], &gaps->items[at], (gaps->count - at) * sizeof(*gaps->items));
    gaps->items[at] = (struct alldata__gap){.minute = minute, .count = count};
    gaps->count++;
}

void alldata__gaps_clear(alldata__gaps *gaps, int64_t from, int64_t until) {
    const size_t at = find_gap(gaps, from);
    const size_t end = find_gap(gaps, until);
    if (end > at)
        memmove(&gaps->items[at], &gaps->items[end], (gaps->count - end) * sizeof(*gaps->items));
    gaps->count -= end - at;
}

uint64_t alldata__gaps_sum(const alldata__gaps *gaps, int64_t from, int64_t until) {
    uint64_t sum = 0;
    for (size_t at = find_gap(gaps, from); at < gaps->count && gaps->items[at].minute < until; at++)
        sum += gaps->items[at].count;
    return sum;
}
