/* Has a quick look at another node while it is asked about its own: network.own-node. */
#include <unistd.h>

#include "base/sound.h"

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    int fd;
    if (sound_connect(opened, op, "/tmp/no-such-node/socket", &fd, NULL) == REPLI_OK)
        close(fd);
    return sound_shards(opened, op, sink, err);
}

DRIVER(asks_other_node, .shards = shards)
