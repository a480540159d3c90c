#ifndef REPLI_DRIVER_SHARD_INDEX_H
#define REPLI_DRIVER_SHARD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/types.h>

#include "base/mem.h"

/* A hash table of positions in an array of shards, so that an id is found in constant time however
 * many there are. NULL is an empty one. */
typedef struct repli__shard_index repli__shard_index;

/* Note that shards[position] exists. REPLI_ECONFLICT: its id was noted before; REPLI_ENOMEM. In
 * both cases the index stays as it was. */
int32_t repli__shard_index_add(repli__shard_index **index, const repli__mem *mem,
                               const repli_shard *shards, size_t position);
/* The shard of that id among those noted; NULL: none. */
const repli_shard *repli__shard_index_find(const repli__shard_index *index,
                                           const repli_shard *shards, const char *id);
void repli__shard_index_free(repli__shard_index *index, const repli__mem *mem);

#endif
