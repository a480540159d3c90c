/* Asks the store whether arguments are good: actions.validate, as any thread may validate at any
 * time. */
#include <unistd.h>

#include "base/sound.h"

static int32_t validate(void *self, const char *kind, const char *args_json, size_t args_size,
                        repli_error *err) {
    char path[SOUND_PATH_SIZE];
    int fd;
    sound_path(self, "socket", path);
    if (sound_connect(self, NULL, path, &fd, NULL) == REPLI_OK)
        close(fd);
    return sound_validate(self, kind, args_json, args_size, err);
}

DRIVER(validates_by_asking, .action_validate = validate)
