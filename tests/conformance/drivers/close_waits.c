/* Waits in close() for a last word of the store: process.survives, as an agent whose store hangs
 * could not end. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sound.h"

static void close_store(void *opened) {
    char path[SOUND_PATH_SIZE];
    char line[SOUND_LINE_SIZE];
    int fd;
    sound_path(opened, "socket", path);
    if (sound_connect(opened, NULL, path, &fd, NULL) == REPLI_OK) {
        fcntl(fd, F_SETFL, 0); /* blocking, from here on */
        if (send(fd, "secret status\n", 14, MSG_NOSIGNAL) == 14)
            recv(fd, line, sizeof(line), 0);
        close(fd);
    }
    sound_close(opened);
}

DRIVER(close_waits, .close = close_store)
