/* Tells that the node is unhealthy and not why: status.reason. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    const int32_t code = sound_node_info(opened, op, sink, err);
    return code == REPLI_OK ? self->host->emit_status(sink, REPLI_STATUS_UNHEALTHY, NULL) : code;
}

DRIVER(no_reason, .node_info = node_info)
