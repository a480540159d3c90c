/* Opens a file that close() forgets: open.repeated and process.closed. */
#include <fcntl.h>

#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    const int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    if (code == REPLI_OK)
        ((sound *)*ret_self)->number = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return code;
}

DRIVER(open_leaks, .open = open_store)
