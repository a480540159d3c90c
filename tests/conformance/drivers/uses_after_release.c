/* Reads an answer that it has released: emit.accepted, as what is there by then is no text. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    char *volatile cluster;
    int32_t code = sound_ask(self, op, "cluster", (char **)&cluster, err);
    if (code != REPLI_OK)
        return code;
    self->host->release(self->host, cluster);
    return self->host->emit_cluster_id(sink, cluster);
}

DRIVER(uses_after_release, .store_info = store_info)
