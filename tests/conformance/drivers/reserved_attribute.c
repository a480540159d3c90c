/* Emits an attribute in a domain of the library: attributes.scoped. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_store_info(opened, op, sink, err);
    return code == REPLI_OK ? sound_emit_number(opened, sink, "agent.replicante.io/size", 1) : code;
}

DRIVER(reserved_attribute, .store_info = store_info)
