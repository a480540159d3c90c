/* Writes to standard error what it should return: process.quiet. */
#include <stdio.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_node_info(opened, op, sink, err);
    if (code != REPLI_OK)
        fprintf(stderr, "the store failed\n");
    return code;
}

DRIVER(prints_errors, .node_info = node_info)
