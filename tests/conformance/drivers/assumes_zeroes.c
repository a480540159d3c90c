/* Takes it for granted that memory is zero before anything was written to it: status.running. */
#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    const int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    if (code != REPLI_OK)
        return code;
    sound *self = *ret_self;
    self->pointer = host->alloc(host, sizeof(int));
    if (self->pointer != NULL)
        return REPLI_OK;
    sound_close(self);
    return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
}

static void close_store(void *opened) {
    const sound *self = opened;
    self->host->release(self->host, self->pointer);
    sound_close(opened);
}

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const sound *self = opened;
    const int *is_closing = self->pointer;
    if (*is_closing != 0)
        return self->host->error(self->host, err, REPLI_ESTATE, NULL, "the instance is closing",
                                 NULL);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(assumes_zeroes, .open = open_store, .close = close_store, .node_info = node_info)
