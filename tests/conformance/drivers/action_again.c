/* Founds a new cluster each time that the action is run, as if it was not in one yet:
 * actions.repeatable. */
#include "base/sound.h"

static int32_t step(void *opened, repli_op *op, const repli_step *given, repli_sink *sink,
                    repli_error *err) {
    int32_t code = REPLI_OK;
    if (given->number == 0 && !(given->flags & REPLI_STEP_INTERRUPTED))
        code = sound_tell(opened, op, "found", err);
    return code == REPLI_OK ? sound_step(opened, op, given, sink, err) : code;
}

DRIVER(action_again, .action_step = step)
