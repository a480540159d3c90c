/* Does not tell which cluster the node is in: identity.cluster. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    int64_t offset, copied;
    const int32_t code = sound_offsets(opened, op, &offset, &copied, err);
    return code == REPLI_OK ? sound_emit_number(opened, sink, "tiny.example/size", offset) : code;
}

DRIVER(no_cluster, .store_info = store_info)
