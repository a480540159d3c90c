/* Claims that its calls may run at once, and has them wait for each other for ever: calls.deadline
 * and calls.concurrent. */
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    _Atomic int64_t *busy = (_Atomic int64_t *)&self->number;
    if (atomic_fetch_add(busy, 1) != 0)
        for (;;)
            pause();
    poll(NULL, 0, 2); /* long enough for another to come, on a machine that is busy as well */
    const int32_t code = sound_node_info(self, op, sink, err);
    atomic_fetch_sub(busy, 1);
    return code;
}

DRIVER(blocks_itself, .node_info = node_info)
