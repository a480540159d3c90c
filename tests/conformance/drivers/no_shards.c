/* Emits no shard, as if a store without sharding had none: shards.listed. */
#include "base/sound.h"

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)sink;
    return sound_tell(self, op, "status", err);
}

DRIVER(no_shards, .shards = shards)
