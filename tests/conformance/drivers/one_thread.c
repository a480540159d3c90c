/* Works for one thread only, that of its first call: calls.threads. */
#include <pthread.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    if (self->number == 0)
        self->number = (int64_t)pthread_self();
    if (self->number != (int64_t)pthread_self())
        return self->host->error(self->host, err, REPLI_EINTERNAL, NULL, "another thread", NULL);
    return sound_node_info(opened, op, sink, err);
}

/* Else the calls that come at once would be unlike the first as well. */
DRIVER(one_thread, .capabilities = REPLI_CAP_CANCEL, .node_info = node_info)
