/* Keeps the arguments of the first step for the next one, by a pointer that is dead by then:
 * actions.run. */
#include "base/sound.h"

static int32_t step(void *opened, repli_op *op, const repli_step *given, repli_sink *sink,
                    repli_error *err) {
    sound *self = opened;
    repli_action action = *given->action;
    repli_step again = *given;
    if (self->pointer == NULL) {
        self->pointer = (void *)(uintptr_t)action.args_json;
        return sound_emit_outcome(self, sink, REPLI_PHASE_RUNNING);
    }
    action.args_json = self->pointer;
    again.action = &action;
    return sound_step(self, op, &again, sink, err);
}

DRIVER(action_keeps_arguments, .action_step = step)
