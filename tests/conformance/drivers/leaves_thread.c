/* Has a thread that goes on after close(): process.closed. */
#include <pthread.h>
#include <unistd.h>

#include "base/sound.h"

static void *linger(void *nothing) {
    pause();
    return nothing;
}

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    pthread_t thread;
    if (self->number == 0 && pthread_create(&thread, NULL, linger, NULL) == 0)
        self->number = 1;
    return sound_node_info(opened, op, sink, err);
}

DRIVER(leaves_thread, .node_info = node_info)
