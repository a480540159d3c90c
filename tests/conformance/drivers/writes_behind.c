/* Writes a byte more than there is room for: process.survives, as others' data is there. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    char *volatile name = self->host->alloc(self->host, 5);
    if (name == NULL)
        return self->host->error(self->host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    for (int i = 0; i <= 5; i++)
        name[i] = "tiny:"[i]; /* the NUL is the sixth */
    self->host->release(self->host, name);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(writes_behind, .node_info = node_info)
