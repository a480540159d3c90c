/* Tells no version: version.running, and so none of a stopped store either. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    const int32_t code = sound_tell(self, op, "status", err);
    return code == REPLI_OK ? self->host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL) : code;
}

DRIVER(no_version, .node_info = node_info)
