#include "agent/agent.h"

#include "base/error.h"

int32_t repli_agent_snapshot(repli_agent *agent, repli_snapshot **ret_snapshot, repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code == REPLI_OK)
        *ret_snapshot = repli__observer_latest(agent->observer);
    return code;
}

int32_t repli_agent_observe(repli_agent *agent, int64_t max_age_ms, int64_t timeout_ms,
                            repli_observe_fn observed, void *user_data, repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (observed == NULL)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "an observation needs somebody to be told: observed is NULL");
    return repli__observer_ask(agent->observer, max_age_ms, timeout_ms, observed, user_data, err);
}
