#ifndef ALLDATA_RECENT_H
#define ALLDATA_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include <alldata/keygen.h>

#include "base/mem.h"

/*
 * Which keys an interval got last, so that it need not be asked whether it has one that comes now.
 * Keys come in the order of time but for a little, as threads and nodes overtake each other: behind
 * the floor, which is no less than any key that is not remembered here, what is not remembered is
 * new.
 */

enum { ALLDATA__RECENT = 1 << 14, ALLDATA__FLOOR_SIZE = 64 };

typedef struct alldata__recent_half {
    uint32_t
        marks[2 * ALLDATA__RECENT]; /* a part of a key's hash in the place that the rest says */
    size_t count;
    char last[ALLDATA_KEY_LENGTH]; /* the greatest */
} alldata__recent_half;

typedef struct alldata__recent {
    alldata__recent_half halves[2];
    int filled; /* the half that is added to; the other is older */
    size_t floor_size;
    char floor[ALLDATA__FLOOR_SIZE];
} alldata__recent;

alldata__recent *alldata__recent_new(const repli__mem *mem);
/* Remember nothing; floor is the last key there is. */
void alldata__recent_reset(alldata__recent *recent, const char *floor, size_t size);
/* Not 0: the key is new, and remembered from now on. 0: it may be there. */
int alldata__recent_add(alldata__recent *recent, const char key[ALLDATA_KEY_LENGTH]);

#endif
