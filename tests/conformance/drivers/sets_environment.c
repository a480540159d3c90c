/* Puts the password into the environment, which every program inherits: process.settings. */
#include <stdlib.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    setenv("TINY_PASSWORD", ((sound *)opened)->password, 1);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(sets_environment, .node_info = node_info)
