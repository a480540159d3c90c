/* Ignores SIGPIPE for the whole process: process.signals. */
#include <signal.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    signal(SIGPIPE, SIG_IGN);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(handles_signals, .node_info = node_info)
