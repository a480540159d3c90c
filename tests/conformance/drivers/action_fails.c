/* Fails an action that could be done: actions.run. */
#include "base/sound.h"

static int32_t step(void *opened, repli_op *op, const repli_step *given, repli_sink *sink,
                    repli_error *err) {
    const sound *self = opened;
    (void)op;
    (void)given;
    (void)sink;
    return self->host->error(self->host, err, REPLI_EINTERNAL, NULL, "it did not work", NULL);
}

DRIVER(action_fails, .action_step = step)
