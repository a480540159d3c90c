/* Names a shard by the number of the call: shards.stable. */
#include <stdio.h>

#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    repli_shard primary = sound_primary(offset);
    repli_shard copy = sound_copy(offset, copied);
    snprintf(self->text, sizeof(self->text), "copy-%lld", (long long)++self->number);
    copy.id = self->text;
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(shards_come_and_go, .shards = shards)
