/* Reads from the store without a limit: calls.deadline, once the store hangs. */
#include <fcntl.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    char path[SOUND_PATH_SIZE];
    char line[SOUND_LINE_SIZE];
    int fd;
    sound_path(self, "socket", path);
    if (sound_connect(self, op, path, &fd, err) == REPLI_OK) {
        fcntl(fd, F_SETFL, 0); /* blocking, from here on */
        if (write(fd, "secret status\n", 14) == 14 && read(fd, line, sizeof(line)) > 0)
            line[0] = '\0';
        close(fd);
    }
    return sound_node_info(self, op, sink, err);
}

DRIVER(waits_for_ever, .node_info = node_info)
