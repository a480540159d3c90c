/* Emits a number that JSON cannot say: emit.accepted, and so nothing of the store is told. */
#include <math.h>

#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    const int32_t code = sound_store_info(opened, op, sink, err);
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = "tiny.example/load";
    attribute.type = REPLI_VALUE_REAL;
    attribute.real = (double)INFINITY;
    return code == REPLI_OK ? self->host->emit_attribute(sink, &attribute) : code;
}

DRIVER(infinite_attribute, .store_info = store_info)
