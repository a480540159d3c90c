/* Counts its calls in a global, which instances and threads share: driver.globals. */
#include "base/sound.h"

static int calls;

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    calls++;
    return sound_node_info(self, op, sink, err);
}

DRIVER(counts_calls, .node_info = node_info)
