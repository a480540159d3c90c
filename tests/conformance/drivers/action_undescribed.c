/* Does not say what an action takes: actions.described. */
#include "base/sound.h"

static int32_t describe(void *opened, repli_sink *sink, repli_error *err) {
    (void)err;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "tiny.example/put";
    kind.summary = "Put an entry into the store";
    return ((sound *)opened)->host->emit_action_kind(sink, &kind);
}

DRIVER(action_undescribed, .actions_describe = describe)
