/* Does not look whether it got the memory for an answer: calls.memory. */
#include <string.h>

#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    char *line = self->host->alloc(self->host, SOUND_LINE_SIZE);
    memset(line, 0, SOUND_LINE_SIZE);
    self->host->release(self->host, line);
    return sound_store_info(opened, op, sink, err);
}

DRIVER(calls_without_memory, .store_info = store_info)
