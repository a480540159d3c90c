/* Answers for a store that is stopped with what it said before: store.stopped. */
#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    int64_t copied;
    const int32_t code = sound_offsets(self, op, &self->number, &copied, err);
    if (code != REPLI_OK && code != REPLI_EREFUSED)
        return code;
    const repli_shard primary = sound_primary(self->number);
    const repli_shard copy = sound_copy(self->number, self->number);
    const int32_t emitted = self->host->emit_shard(sink, &primary);
    return emitted == REPLI_OK ? self->host->emit_shard(sink, &copy) : emitted;
}

DRIVER(stale_shards, .shards = shards)
