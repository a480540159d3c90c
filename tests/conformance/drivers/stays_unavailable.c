/* Does not notice that the store is back until it is opened anew: status.restarted. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    int32_t code = sound_node_info(self, op, sink, err);
    if (code == REPLI_EREFUSED)
        self->number = 1;
    if (code == REPLI_OK && self->number != 0)
        code =
            self->host->error(self->host, err, REPLI_ELOST, NULL, "the connection is lost", NULL);
    return code;
}

DRIVER(stays_unavailable, .node_info = node_info)
