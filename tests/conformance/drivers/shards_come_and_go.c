/* Names a shard by the number of the call: shards.stable. */
#include <stdatomic.h>
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
    char id[32];
    const int64_t number = atomic_fetch_add((_Atomic int64_t *)&self->number, 1);
    snprintf(id, sizeof(id), "copy-%lld", (long long)number);
    copy.id = id;
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(shards_come_and_go, .shards = shards)
