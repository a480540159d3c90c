/* Emits an attribute of the node once more as one of the store: attributes.split. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_store_info(opened, op, sink, err);
    return code == REPLI_OK ? sound_emit_directory(opened, sink) : code;
}

DRIVER(attribute_twice, .store_info = store_info)
