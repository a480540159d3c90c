/* Keeps the offset in eight bits, which it soon outgrows: shards.offset. */
#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    repli_shard primary = sound_primary(offset);
    repli_shard copy = sound_copy(offset, copied);
    self->number = (self->number + 100) & 0xFF;
    primary.commit_offset = self->number;
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(offset_goes_back, .shards = shards)
