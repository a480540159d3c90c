/* Puts the entry once more when it is told that the step before may have happened:
 * actions.interrupted. */
#include "base/sound.h"

static int32_t step(void *opened, repli_op *op, const repli_step *given, repli_sink *sink,
                    repli_error *err) {
    char question[SOUND_LINE_SIZE];
    int32_t code = REPLI_OK;
    if (given->flags & REPLI_STEP_INTERRUPTED)
        code = sound_about_key(opened, given, "put", question, err);
    if (code == REPLI_OK && (given->flags & REPLI_STEP_INTERRUPTED))
        code = sound_tell(opened, op, question, err);
    return code == REPLI_OK ? sound_step(opened, op, given, sink, err) : code;
}

DRIVER(action_interrupted, .action_step = step)
