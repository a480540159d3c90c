/* Takes it for granted that the store answers: process.survives, once it does not. */
#include <stdlib.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    char *volatile answer = NULL;
    const int32_t code = sound_ask(self, op, "offsets", (char **)&answer, err);
    if (code != REPLI_OK && code != REPLI_EREFUSED)
        return code;
    const long offset = strtol(answer, NULL, 10);
    self->host->release(self->host, answer);
    return offset >= 0 ? sound_node_info(opened, op, sink, err) : REPLI_EINTERNAL;
}

DRIVER(crashes_when_stopped, .node_info = node_info)
