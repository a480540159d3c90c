#include "agent/probe.h"

#include "agent/status.h"
#include "base/clock.h"
#include "base/error.h"

const char *repli__ask_name(int ask) {
    switch (ask) {
    case REPLI__ASK_NODE: return "node_info";
    case REPLI__ASK_STORE: return "store_info";
    default: return "shards";
    }
}

void repli__probe_init(repli__probe *probe, repli__port *port, repli__calls *calls,
                       const repli__mem *mem) {
    static const int32_t takes[REPLI__ASK_COUNT] = {REPLI__SINK_NODE, REPLI__SINK_STORE,
                                                    REPLI__SINK_SHARDS};
    probe->op.deadline_ns = 0;
    atomic_init(&probe->op.cancelled, 0);
    probe->op.running_action = NULL;
    probe->running_action[0] = '\0';
    probe->port = repli__port_ref(port);
    probe->calls = calls;
    atomic_init(&probe->progress, REPLI__ASK_NODE);
    for (int i = 0; i < REPLI__ASK_COUNT; i++) {
        repli__answer *answer = &probe->answers[i];
        repli__sink_init(&answer->sink, takes[i], mem);
        answer->code = REPLI_OK;
        answer->error = (repli_error)REPLI_ERROR_INIT;
    }
}

void repli__probe_dispose(repli__probe *probe) {
    for (int i = 0; i < REPLI__ASK_COUNT; i++)
        repli__sink_dispose(&probe->answers[i].sink);
    repli__port_unref(probe->port);
    probe->port = NULL;
}

static void ask(repli__probe *probe, int what) {
    static int32_t (*const methods[REPLI__ASK_COUNT])(repli__instance *, repli_op *, repli_sink *,
                                                      repli_error *) = {
        repli__instance_node_info, repli__instance_store_info, repli__instance_shards};
    repli__answer *answer = &probe->answers[what];
    const uint64_t start = repli__mono_ns();
    answer->code = methods[what](probe->port->instance, &probe->op, &answer->sink, &answer->error);
    repli__calls_record(&probe->calls[what], answer->code, repli__mono_ns() - start);
}

/* Without asking: what cannot be had, because the store cannot be talked to. */
static void pass_over(repli__probe *probe, int what, int32_t code, const char *reason) {
    repli__answer *answer = &probe->answers[what];
    answer->code = repli__error(&answer->error, code, "agent", "the store was not asked for %s: %s",
                                what == REPLI__ASK_STORE ? "its details" : "its shards", reason);
}

/* After node_info. Not 0 if there is nothing more to ask. */
static int pass_over_all(repli__probe *probe) {
    const repli__answer *node = &probe->answers[REPLI__ASK_NODE];
    int32_t code = node->code;
    const char *reason = node->error.message;
    if (code == REPLI_OK && node->sink.status == REPLI_STATUS_UNAVAILABLE) {
        code = REPLI_EREFUSED;
        reason = node->sink.status_reason != NULL ? node->sink.status_reason : "it is unavailable";
    }
    if (code == REPLI_OK)
        return 0;
    pass_over(probe, REPLI__ASK_STORE, code, reason);
    pass_over(probe, REPLI__ASK_SHARDS, code, reason);
    return 1;
}

/* After store_info. */
static int pass_over_shards(repli__probe *probe) {
    const repli__answer *store = &probe->answers[REPLI__ASK_STORE];
    if (repli__status_of_code(store->code) != REPLI_STATUS_UNAVAILABLE)
        return 0;
    pass_over(probe, REPLI__ASK_SHARDS, store->code, store->error.message);
    return 1;
}

int repli__probe_ask(repli__probe *probe) {
    const int what = atomic_load(&probe->progress);
    ask(probe, what);
    if (what == REPLI__ASK_SHARDS ||
        (what == REPLI__ASK_NODE ? pass_over_all(probe) : pass_over_shards(probe)))
        return 1;
    atomic_store(&probe->progress, what + 1);
    return 0;
}
