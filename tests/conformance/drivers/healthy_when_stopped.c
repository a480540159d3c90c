/* Repeats what it knew when the store is stopped, as if it still ran: status.stopped. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    const int32_t code = sound_node_info(self, op, sink, err);
    if (code == REPLI_OK)
        self->number = REPLI_STATUS_HEALTHY;
    if (code == REPLI_EREFUSED && self->number != 0)
        return self->host->emit_status(sink, (int32_t)self->number, NULL);
    return code;
}

DRIVER(healthy_when_stopped, .node_info = node_info)
