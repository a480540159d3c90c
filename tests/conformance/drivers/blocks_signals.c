/* Blocks a signal in the thread that calls it: process.signals. */
#include <signal.h>

#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sigset_t mine;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mine, NULL);
    return sound_shards(opened, op, sink, err);
}

DRIVER(blocks_signals, .shards = shards)
