/* Forks twice, so that it need not wait for the program and nobody knows of it: process.children.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    if (self->number == 0 && (self->number = fork()) == 0)
        _exit(fork() == -1);
    waitpid((pid_t)self->number, NULL, 0);
    return sound_node_info(opened, op, sink, err);
}

DRIVER(leaves_grandchild, .node_info = node_info)
