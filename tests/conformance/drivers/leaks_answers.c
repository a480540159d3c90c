/* Does not release what the store answered: leaks.memory, and close() does not find it either. */
#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    char *answer;
    const int32_t code = sound_node_info(opened, op, sink, err);
    return code == REPLI_OK ? sound_ask(opened, op, "run", &answer, err) : code;
}

DRIVER(leaks_answers, .node_info = node_info)
