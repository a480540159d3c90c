/* Offers an action of its own under a name of the library: actions.names. */
#include "base/sound.h"

static int32_t describe(void *opened, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_describe(opened, sink, err);
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "agent.replicante.io/cluster.polish";
    kind.summary = "Make the cluster shine";
    kind.arguments = "none";
    return code == REPLI_OK ? ((sound *)opened)->host->emit_action_kind(sink, &kind) : code;
}

DRIVER(action_of_replicante, .actions_describe = describe)
