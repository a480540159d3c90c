/* Makes the number of the call a part of the version: version.stable. */
#include <stdatomic.h>
#include <stdio.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    const int32_t code = sound_node_info(self, op, sink, err);
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    char text[32];
    const int64_t number = atomic_fetch_add((_Atomic int64_t *)&self->number, 1);
    snprintf(text, sizeof(text), "1.2.%lld", (long long)number);
    version.number = text;
    return code == REPLI_OK ? self->host->emit_version(sink, &version) : code;
}

DRIVER(version_of_call, .node_info = node_info)
