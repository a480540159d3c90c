/* Offers an action more when it is asked again: actions.stable. */
#include "base/sound.h"

static int32_t describe(void *opened, repli_sink *sink, repli_error *err) {
    sound *self = opened;
    const int32_t code = sound_describe(opened, sink, err);
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "tiny.example/put-again";
    kind.summary = "Put an entry into the store";
    kind.arguments = "key: text, one word";
    if (code != REPLI_OK || ++self->number == 1)
        return code;
    return self->host->emit_action_kind(sink, &kind);
}

DRIVER(actions_come_and_go, .actions_describe = describe)
