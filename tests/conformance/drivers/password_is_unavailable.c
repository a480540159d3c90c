/* Takes a password that is refused for a store that is down: status.credentials. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_node_info(opened, op, sink, err);
    return code == REPLI_EAUTH ? REPLI_EREFUSED : code;
}

DRIVER(password_is_unavailable, .node_info = node_info)
