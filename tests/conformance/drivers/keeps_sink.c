/* Emits to the sink of a call that is over, as if it was the instance's: emit.accepted. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    ((sound *)opened)->pointer = sink;
    return sound_node_info(opened, op, sink, err);
}

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_shards(opened, op, sink, err);
    repli_sink *kept = ((sound *)opened)->pointer;
    if (code == REPLI_OK && kept != sink)
        sound_emit_number(opened, kept, "tiny.example/shards", 2);
    return code;
}

DRIVER(keeps_sink, .capabilities = REPLI_CAP_CANCEL, .node_info = node_info, .shards = shards)
