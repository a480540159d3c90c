/* Fails and does not say why: calls.errors. */
#include "base/sound.h"

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)err;
    return sound_store_info(self, op, sink, NULL);
}

DRIVER(fails_silently, .store_info = store_info)
