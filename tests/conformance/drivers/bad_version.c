/* Emits "1.2" as a version, which is no semantic version: emit.accepted, and so no version at all.
 */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = "1.2";
    self->host->emit_version(sink, &version);
    const int32_t code = sound_tell(self, op, "status", err);
    return code == REPLI_OK ? self->host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL) : code;
}

DRIVER(bad_version, .node_info = node_info)
