#include "alldata/batch.h"

#include <string.h>

enum { PLACES = 2 * ALLDATA__BATCH, BYTES = 1 << 20, PLACE_BITS = 16 };

alldata__batch *alldata__batch_new(const repli__mem *mem) {
    alldata__batch *batch = repli__calloc(mem, 1, sizeof(*batch));
    if (batch != NULL)
        batch->number = 1;
    return batch;
}

void alldata__batch_clear(alldata__batch *batch) {
    batch->interval = NULL;
    batch->count = 0;
    batch->placed = 0;
    batch->bytes = 0;
    batch->syncs = 0;
    batch->rests = 0;
    batch->number++;
}

/* Keys of one interval differ in their ends. */
static size_t hash(const char *key) {
    uint64_t parts[2];
    memcpy(parts, key + ALLDATA_KEY_LENGTH - sizeof(parts), sizeof(parts));
    const uint64_t mixed =
        (parts[0] ^ parts[1] * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xFF51AFD7ED558CCD);
    return (size_t)(mixed >> 32) % PLACES;
}

/* Where the key is, or would be. */
static size_t place_of(const alldata__batch *batch, const char *key) {
    size_t at = hash(key);
    while (batch->places[at] >> PLACE_BITS == batch->number &&
           memcmp(batch->records[batch->places[at] & ((1u << PLACE_BITS) - 1)]->key, key,
                  ALLDATA_KEY_LENGTH) != 0)
        at = (at + 1) % PLACES;
    return at;
}

const alldata_record *alldata__batch_find(alldata__batch *batch, const char *key) {
    for (; batch->placed < batch->count; batch->placed++)
        batch->places[place_of(batch, batch->records[batch->placed]->key)] =
            batch->number << PLACE_BITS | batch->placed;
    const uint64_t place = batch->places[place_of(batch, key)];
    return place >> PLACE_BITS == batch->number ? batch->records[place & ((1u << PLACE_BITS) - 1)]
                                                : NULL;
}

int alldata__batch_add(alldata__batch *batch, alldata_record *record,
                       struct alldata__request *owner) {
    batch->records[batch->count] = record;
    batch->owners[batch->count] = owner;
    batch->count++;
    batch->bytes += record->event_size;
    return batch->count == ALLDATA__BATCH || batch->bytes >= BYTES;
}
