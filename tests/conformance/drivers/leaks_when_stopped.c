/* Forgets to close the socket that could not be connected: process.closed, but only if the store
 * was down. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int32_t code = sound_node_info(opened, op, sink, err);
    if (code != REPLI_EREFUSED && fd != -1)
        close(fd);
    return code;
}

DRIVER(leaks_when_stopped, .node_info = node_info)
