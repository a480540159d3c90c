/* Claims that its calls may run at once, and fails those that come during another:
 * calls.concurrent. */
#include <poll.h>
#include <stdatomic.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    _Atomic int64_t *busy = (_Atomic int64_t *)&self->number;
    if (atomic_exchange(busy, 1) != 0)
        return self->host->error(self->host, err, REPLI_EBUSY, NULL, "there is a call already",
                                 NULL);
    poll(NULL, 0, 2); /* long enough for another to come, on a machine that is busy as well */
    const int32_t code = sound_node_info(self, op, sink, err);
    atomic_store(busy, 0);
    return code;
}

DRIVER(not_concurrent, .node_info = node_info)
