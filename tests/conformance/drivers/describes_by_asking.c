/* Asks the store what actions there are: actions.stable, as that must not depend on the store. */
#include <unistd.h>

#include "base/sound.h"

static int32_t describe(void *opened, repli_sink *sink, repli_error *err) {
    char path[SOUND_PATH_SIZE];
    int fd;
    sound_path(opened, "socket", path);
    if (sound_connect(opened, NULL, path, &fd, NULL) == REPLI_OK)
        close(fd);
    return sound_describe(opened, sink, err);
}

DRIVER(describes_by_asking, .actions_describe = describe)
