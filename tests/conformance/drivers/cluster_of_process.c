/* Derives the cluster id from its own process, so that it is new after a restart of the agent:
 * identity.driver. */
#include <stdio.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    const int32_t code = sound_store_info(opened, op, sink, err);
    char id[SOUND_LINE_SIZE];
    snprintf(id, sizeof(id), "cluster-%ld", (long)getpid());
    return code == REPLI_OK ? self->host->emit_cluster_id(sink, id) : code;
}

DRIVER(cluster_of_process, .store_info = store_info)
