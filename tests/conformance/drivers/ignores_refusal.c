/* Says that all is well when what it emitted was not taken: emit.refused. */
#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    int64_t offset, copied;
    const int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    const repli_shard primary = sound_primary(offset);
    const repli_shard copy = sound_copy(offset, copied);
    self->host->emit_shard(sink, &primary);
    self->host->emit_shard(sink, &copy);
    return REPLI_OK;
}

DRIVER(ignores_refusal, .shards = shards)
