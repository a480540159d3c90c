#include "agent/agent.h"

#include <inttypes.h>

#include "agent/snapshot.h"
#include "base/clock.h"
#include "base/error.h"

/* What makes no progress for that long makes none any more. */
static const uint64_t patience_ns = UINT64_C(15) * (uint64_t)REPLI__NS_PER_S;

static int32_t stuck(const char *what, uint64_t stuck_ns, repli_error *err) {
    return repli__error(err, REPLI_EINTERNAL, "agent", "%s has made no progress for %" PRIu64 " ms",
                        what, stuck_ns / (uint64_t)REPLI__NS_PER_MS);
}

/* The host drives the agent, and does or does not. */
static int32_t check_drive(repli_agent *agent, repli_error *err) {
    const uint64_t stuck_ns = repli__drive_stuck_ns(agent->drive);
    if (stuck_ns <= patience_ns)
        return REPLI_OK;
    return repli__error(err, REPLI_EINTERNAL, "agent",
                        "something has been due for %" PRIu64
                        " ms: the host does not call repli_agent_dispatch(), or a call of it does "
                        "not return",
                        stuck_ns / (uint64_t)REPLI__NS_PER_MS);
}

static int32_t check_loop(repli_agent *agent, repli_error *err) {
    const uint64_t stuck_ns = repli__worker_stuck_ns(&agent->loop);
    return stuck_ns > patience_ns ? stuck("the agent's loop", stuck_ns, err) : REPLI_OK;
}

/* The threads that call the driver are not looked at: that they wait for it is no fault of theirs,
 * and whatever else they do goes through the two that are. */
int32_t repli_agent_live(repli_agent *agent, repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (atomic_load(&agent->life) != REPLI__LIFE_RUNNING)
        return repli__error(err, REPLI_ESTATE, "agent", "the agent is not running");
    code = agent->drive != NULL ? check_drive(agent, err) : check_loop(agent, err);
    if (code != REPLI_OK)
        return code;
    repli__store_stats stats;
    repli__store_stats_get(agent->store, &stats);
    const uint64_t now_ns = repli__mono_ns();
    if (stats.commit_since_ns != 0 && now_ns > stats.commit_since_ns + patience_ns)
        return stuck("a commit to the database of actions", now_ns - stats.commit_since_ns, err);
    return REPLI_OK;
}

int32_t repli_agent_ready(repli_agent *agent, repli_error *err) {
    int32_t code = repli_agent_live(agent, err);
    if (code != REPLI_OK)
        return code;
    repli_snapshot *latest = repli__observer_latest(agent->observer);
    const int observed = repli__snapshot_started_ns(latest) != 0;
    repli_snapshot_unref(latest);
    if (!observed)
        return repli__error(err, REPLI_ENOTREADY, "agent", "the node has not been observed yet");
    repli__store_stats stats;
    repli__store_stats_get(agent->store, &stats);
    if (stats.last_code != REPLI_OK)
        return repli__error(err, stats.last_code, "agent",
                            "the database of actions cannot be written: %s",
                            repli_error_name(stats.last_code));
    return REPLI_OK;
}
