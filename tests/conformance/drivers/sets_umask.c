/* Sets the mask of the files that others make: process.settings. */
#include <sys/stat.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    umask(0);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(sets_umask, .node_info = node_info)
