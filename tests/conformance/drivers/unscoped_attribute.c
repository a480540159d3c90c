/* Emits an attribute whose name has no domain: attributes.scoped. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_store_info(opened, op, sink, err);
    return code == REPLI_OK ? sound_emit_number(opened, sink, "size", 1) : code;
}

DRIVER(unscoped_attribute, .store_info = store_info)
