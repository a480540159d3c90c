/* Does not look whether it got the memory that it asked for: open.memory. */
#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    sound *volatile self = host->alloc(host, sizeof(*self));
    self->number = 0;
    host->release(host, self);
    return sound_open(host, config_json, config_size, ret_self, err);
}

DRIVER(open_without_memory, .open = open_store)
