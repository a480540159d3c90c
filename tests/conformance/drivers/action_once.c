/* Does not look whether the entry is there before it puts it, so that the action fails when it is
 * run again: actions.repeatable. */
#include "base/sound.h"

static int32_t step(void *opened, repli_op *op, const repli_step *given, repli_sink *sink,
                    repli_error *err) {
    char question[SOUND_LINE_SIZE];
    if (given->number > 0)
        return sound_step(opened, op, given, sink, err);
    int32_t code = sound_about_key(opened, given, "put", question, err);
    if (code == REPLI_OK)
        code = sound_tell(opened, op, question, err);
    if (code == REPLI_ECONFLICT && (given->flags & REPLI_STEP_INTERRUPTED))
        code = REPLI_OK; /* it was put by the step that was interrupted */
    return code == REPLI_OK ? sound_emit_outcome(opened, sink, REPLI_PHASE_RUNNING) : code;
}

DRIVER(action_once, .action_step = step)
