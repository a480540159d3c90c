/* Emits no status for a store that runs: status.running. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_emit_version(opened, sink, err);
    return code == REPLI_OK ? sound_tell(opened, op, "status", err) : code;
}

DRIVER(no_status, .node_info = node_info)
