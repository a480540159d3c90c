/* Takes a store that does not answer for a fault of its own: status.hung. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    const int32_t code = sound_node_info(opened, op, sink, err);
    return code == REPLI_ETIMEOUT ? sound_failed(self, REPLI_EINTERNAL, "understand", err) : code;
}

DRIVER(unknown_when_hung, .node_info = node_info)
