/* Forgets to close what it looked into: leaks.descriptors. */
#include <fcntl.h>

#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    if (open(self->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) == -1)
        return sound_failed(self, REPLI_EIO, "look into", err);
    return sound_shards(opened, op, sink, err);
}

DRIVER(leaks_descriptors, .shards = shards)
