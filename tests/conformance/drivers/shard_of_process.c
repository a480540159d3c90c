/* Names a shard after its own process, so that it is another after a restart of the agent:
 * identity.driver. */
#include <stdio.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    repli_shard primary = sound_primary(offset);
    repli_shard copy = sound_copy(offset, copied);
    char id[SOUND_LINE_SIZE];
    snprintf(id, sizeof(id), "copy-%ld", (long)getpid());
    copy.id = id;
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(shard_of_process, .shards = shards)
