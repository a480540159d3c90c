/* Tells an offset that does not move when data is written: shards.offset-moves. */
#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    repli_shard primary = sound_primary(offset);
    repli_shard copy = sound_copy(offset, copied);
    primary.commit_offset = copy.commit_offset = 4096;
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(offset_stands, .shards = shards)
