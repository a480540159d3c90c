/* Emits an attribute now as a text and then as a number: attributes.types. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    const int32_t code = sound_store_info(opened, op, sink, err);
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = "tiny.example/size";
    attribute.type = ++self->number % 2 == 0 ? REPLI_VALUE_STRING : REPLI_VALUE_INTEGER;
    attribute.string = "much";
    return code == REPLI_OK ? self->host->emit_attribute(sink, &attribute) : code;
}

DRIVER(attribute_changes_type, .store_info = store_info)
