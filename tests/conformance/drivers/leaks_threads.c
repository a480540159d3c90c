/* Starts a thread at each call and never joins it: leaks.threads. */
#include <pthread.h>
#include <unistd.h>

#include "base/sound.h"

static void *linger(void *nothing) {
    pause();
    return nothing;
}

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    const int failed = pthread_create(&thread, &small, linger, NULL);
    pthread_attr_destroy(&small);
    if (failed)
        return self->host->error(self->host, err, REPLI_EFULL, NULL, "cannot start a thread", NULL);
    return sound_store_info(opened, op, sink, err);
}

DRIVER(leaks_threads, .store_info = store_info)
