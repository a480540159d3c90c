/* Lets only one instance be open, though an agent has one to observe and one to act: open.twice,
 * and whatever else is tried with a second one. */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    if (code != REPLI_OK)
        return code;
    sound *self = *ret_self;
    self->number = open(self->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (flock((int)self->number, LOCK_EX | LOCK_NB) == 0)
        return REPLI_OK;
    code = sound_failed(self, REPLI_EBUSY, "lock", err);
    close((int)self->number);
    sound_close(self);
    return code;
}

static void close_store(void *opened) {
    close((int)((sound *)opened)->number);
    sound_close(opened);
}

DRIVER(open_alone, .open = open_store, .close = close_store)
