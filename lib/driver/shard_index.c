#include "driver/shard_index.h"

#include <string.h>

#include <replicante/error.h>

typedef struct slot {
    uint32_t hash;
    uint32_t position; /* plus 1; 0: empty */
} slot;

struct repli__shard_index {
    size_t used;
    size_t mask; /* number of slots, a power of two, less 1 */
    slot slots[];
};

enum { FIRST_SLOTS = 64 };

/* FNV-1a. */
static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash ^ (hash >> 15);
}

static repli__shard_index *make(const repli__mem *mem, size_t slots) {
    repli__shard_index *index =
        repli__calloc(mem, 1, sizeof(repli__shard_index) + slots * sizeof(slot));
    if (index != NULL)
        index->mask = slots - 1;
    return index;
}

static void put(repli__shard_index *index, slot added) {
    size_t at = added.hash & index->mask;
    while (index->slots[at].position != 0)
        at = (at + 1) & index->mask;
    index->slots[at] = added;
    index->used++;
}

/* Room for one more while a quarter of the slots stays empty. */
static int32_t reserve(repli__shard_index **index, const repli__mem *mem) {
    repli__shard_index *old = *index;
    if (old != NULL && old->used + 1 <= (old->mask + 1) / 4 * 3)
        return REPLI_OK;
    repli__shard_index *grown = make(mem, old != NULL ? (old->mask + 1) * 2 : FIRST_SLOTS);
    if (grown == NULL)
        return REPLI_ENOMEM;
    if (old != NULL)
        for (size_t i = 0; i <= old->mask; i++)
            if (old->slots[i].position != 0)
                put(grown, old->slots[i]);
    repli__free(mem, old);
    *index = grown;
    return REPLI_OK;
}

static const repli_shard *find(const repli__shard_index *index, const repli_shard *shards,
                               const char *id, uint32_t hash) {
    for (size_t at = hash & index->mask; index->slots[at].position != 0;
         at = (at + 1) & index->mask) {
        const slot *seen = &index->slots[at];
        const repli_shard *shard = &shards[seen->position - 1];
        if (seen->hash == hash && strcmp(shard->id, id) == 0)
            return shard;
    }
    return NULL;
}

const repli_shard *repli__shard_index_find(const repli__shard_index *index,
                                           const repli_shard *shards, const char *id) {
    return index != NULL ? find(index, shards, id, hash_of(id)) : NULL;
}

int32_t repli__shard_index_add(repli__shard_index **index, const repli__mem *mem,
                               const repli_shard *shards, size_t position) {
    if (position >= UINT32_MAX || reserve(index, mem) != REPLI_OK)
        return REPLI_ENOMEM;
    const char *id = shards[position].id;
    const uint32_t hash = hash_of(id);
    if (find(*index, shards, id, hash) != NULL)
        return REPLI_ECONFLICT;
    put(*index, (slot){.hash = hash, .position = (uint32_t)position + 1});
    return REPLI_OK;
}

void repli__shard_index_free(repli__shard_index *index, const repli__mem *mem) {
    repli__free(mem, index);
}
