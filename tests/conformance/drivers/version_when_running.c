/* Asks the store first, and so does not know its version while it is down: version.stopped. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_tell(opened, op, "status", err);
    return code == REPLI_OK ? sound_node_info(opened, op, sink, err) : code;
}

DRIVER(version_when_running, .node_info = node_info)
