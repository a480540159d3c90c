/* Ends the whole process when the store refuses its password: process.survives. */
#include <stdlib.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_node_info(opened, op, sink, err);
    if (code == REPLI_EAUTH)
        exit(EXIT_FAILURE);
    return code;
}

DRIVER(exits_when_refused, .node_info = node_info)
