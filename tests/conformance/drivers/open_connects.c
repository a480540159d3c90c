/* Tries the connection in open(): open.offline. */
#include <unistd.h>

#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    const int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    char path[SOUND_PATH_SIZE];
    int fd;
    if (code != REPLI_OK)
        return code;
    sound_path(*ret_self, "socket", path);
    if (sound_connect(*ret_self, NULL, path, &fd, NULL) == REPLI_OK)
        close(fd);
    return REPLI_OK;
}

DRIVER(open_connects, .open = open_store)
