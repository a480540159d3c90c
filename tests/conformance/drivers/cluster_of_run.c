/* Takes the id of the store's run for that of the cluster: identity.store, as it is new whenever
 * the store starts. */
#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    char *run;
    int32_t code = sound_store_info(opened, op, sink, err);
    if (code == REPLI_OK)
        code = sound_ask(self, op, "run", &run, err);
    if (code != REPLI_OK)
        return code;
    code = self->host->emit_cluster_id(sink, run);
    self->host->release(self->host, run);
    return code;
}

DRIVER(cluster_of_run, .store_info = store_info)
