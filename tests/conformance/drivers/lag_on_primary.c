/* Tells a lag of the primary, which follows nobody: shards.lag-primary. */
#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    repli_shard primary = sound_primary(offset);
    repli_shard copy = sound_copy(offset, copied);
    primary.lag = 0;
    primary.lag_unit = "bytes";
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(lag_on_primary, .shards = shards)
