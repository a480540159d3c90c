#ifndef ALLDATA_BATCH_H
#define ALLDATA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <alldata/storage.h>

#include "base/mem.h"

struct alldata__interval;
struct alldata__request;

/*
 * What is about to be put into one interval: records under different keys, each with the request
 * that it comes from.
 */

enum { ALLDATA__BATCH = 4096 };

typedef struct alldata__batch {
    struct alldata__interval *interval;
    alldata_record *records[ALLDATA__BATCH];
    struct alldata__request *owners[ALLDATA__BATCH];
    size_t count;
    size_t bytes;
    int syncs; /* somebody waits for the disk */
    int rests; /* somebody's record is stored already, and may not be synced */
    /* The keys by their hash: the number of the batch above, the place in it below. Hardly ever
     * asked for, so only up to date when they are. */
    size_t placed;
    uint64_t places[2 * ALLDATA__BATCH];
    uint64_t number;
    char last_text[16]; /* second of the last key that was read */
    int64_t last_second;
} alldata__batch;

alldata__batch *alldata__batch_new(const repli__mem *mem);
/* Nothing is in it. */
void alldata__batch_clear(alldata__batch *batch);
/* The record with that key; NULL: there is none. */
const alldata_record *alldata__batch_find(alldata__batch *batch, const char *key);
/* Not 0: it is as large as it should be. */
int alldata__batch_add(alldata__batch *batch, alldata_record *record,
                       struct alldata__request *owner);

#endif
