/* Prints what it does, which is seen when the buffer of standard output is written at last:
 * process.quiet. */
#include <stdio.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    printf("looking at the store\n");
    return sound_node_info(opened, op, sink, err);
}

DRIVER(prints, .node_info = node_info)
