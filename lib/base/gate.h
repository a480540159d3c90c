#ifndef REPLI_BASE_GATE_H
#define REPLI_BASE_GATE_H

#include <replicante/driver.h>

#include "base/error.h"

/*
 * A process that waits at a gate before it becomes a command, so that it can be written down who it
 * is before it does anything. If this process dies, the gate shuts, and the other ends without
 * having run the command.
 *
 * It is made by a fork that runs no handlers of pthread_atfork(), and calls nothing but what may be
 * called after one. Otherwise it is as repli__spawn() makes them.
 */
typedef struct repli__gate {
    repli_process process;
    int key; /* a byte opens; what comes back is why the command could not be run */
} repli__gate;

/* record: a file that is standard output and error, open for appending. Just before it runs the
 * command the process writes mark, a short text, to it, onto the disk if that is durable; if the
 * command cannot be run it cuts the file back to its size at the opening. NULL: neither is done. */
typedef struct repli__gate_options {
    const repli_command *command;
    int record;
    const char *mark;
    int durable;
} repli__gate_options;

int32_t repli__gate_fork(const repli__gate_options *options, repli__gate *ret_gate,
                         repli_error *err);
/* Returns when the command runs, or with the reason why it does not. Either way the gate is gone.
 */
int32_t repli__gate_open(repli__gate *gate, const repli_command *command, repli_error *err);
/* The command is not run. */
void repli__gate_shut(repli__gate *gate);

#endif
