/* Goes to the store's directory with the whole process: process.settings. */
#include <unistd.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    if (chdir(((sound *)opened)->directory) == -1)
        return sound_failed(opened, REPLI_EIO, "enter", err);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(sets_directory, .node_info = node_info)
