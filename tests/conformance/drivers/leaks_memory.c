/* Loses 64 bytes a call: leaks.memory. */
#include <stdlib.h>

#include "base/sound.h"

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    void *volatile lost = malloc(64);
    lost = NULL;
    (void)lost;
    return sound_node_info(self, op, sink, err);
}

DRIVER(leaks_memory, .node_info = node_info)
