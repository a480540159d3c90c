/* Keeps a buffer in the instance which close() does not release: process.closed. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    if (self->pointer == NULL)
        self->pointer = self->host->alloc(self->host, SOUND_LINE_SIZE);
    return sound_store_info(opened, op, sink, err);
}

DRIVER(leaves_memory, .store_info = store_info)
