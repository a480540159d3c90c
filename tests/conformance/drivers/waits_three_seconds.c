/* Gives a store that hangs three seconds, whatever the deadline of the call is: calls.deadline, and
 * nobody can make it return sooner: calls.cancel. */
#include <poll.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    char path[SOUND_PATH_SIZE];
    int fd;
    sound_path(self, "socket", path);
    if (sound_connect(self, op, path, &fd, err) == REPLI_OK) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        if (write(fd, "secret status\n", 14) == 14)
            poll(&polled, 1, 3000);
        close(fd);
    }
    return sound_node_info(self, op, sink, err);
}

DRIVER(waits_three_seconds, .node_info = node_info)
