/* Changes the unit when there is more than before: shards.unit, but only once something is written.
 */
#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    int64_t offset, copied;
    int32_t code = sound_offsets(self, op, &offset, &copied, err);
    if (code != REPLI_OK)
        return code;
    repli_shard primary = sound_primary(offset);
    repli_shard copy = sound_copy(offset, copied);
    if (self->number == 0)
        self->number = offset + 1;
    if (offset >= self->number)
        primary.commit_offset_unit = "kilobytes";
    code = self->host->emit_shard(sink, &primary);
    return code == REPLI_OK ? self->host->emit_shard(sink, &copy) : code;
}

DRIVER(unit_changes_after_write, .shards = shards)
