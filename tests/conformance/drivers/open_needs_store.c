/* Cannot be opened while its store is down: open.stopped. */
#include <unistd.h>

#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    char path[SOUND_PATH_SIZE];
    if (code != REPLI_OK)
        return code;
    sound_path(*ret_self, "socket", path);
    if (access(path, F_OK) == -1) {
        code = sound_failed(*ret_self, REPLI_EREFUSED, "find", err);
        sound_close(*ret_self);
    }
    return code;
}

DRIVER(open_needs_store, .open = open_store)
