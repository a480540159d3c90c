#include "agent/agent.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

/* The agent's loop, for hosts that drive it. */

static int32_t check(const repli_agent *agent, repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (agent->drive == NULL)
        return repli__error(err, REPLI_ESTATE, "agent",
                            "this agent has threads of its own; for one that the host drives see "
                            "repli_config_set_run_mode()");
    return REPLI_OK;
}

/* For functions that cannot say what is wrong, one of which a signal handler may call. */
static int is_driven_here(const repli_agent *agent) {
    return getpid() == agent->pid && agent->drive != NULL;
}

static uint64_t deadline_ns(int64_t timeout_ms) {
    return timeout_ms < 0 ? UINT64_MAX : repli__deadline_ns(timeout_ms);
}

int32_t repli_agent_fd(const repli_agent *agent) {
    return is_driven_here(agent) ? agent->drive->epoll_fd : -1;
}

uint64_t repli_agent_deadline(repli_agent *agent) {
    return is_driven_here(agent) ? repli__drive_due_ns(agent->drive) : UINT64_MAX;
}

void repli_agent_wakeup(repli_agent *agent) {
    if (!is_driven_here(agent))
        return;
    atomic_store(&agent->drive->woken, 1);
    repli__drive_ring(agent->drive);
}

int32_t repli_agent_dispatch(repli_agent *agent, repli_error *err) {
    const int32_t code = check(agent, err);
    return code != REPLI_OK ? code : repli__drive_dispatch(agent->drive, err);
}

int32_t repli_agent_run(repli_agent *agent, int64_t timeout_ms, repli_error *err) {
    const int32_t code = check(agent, err);
    return code != REPLI_OK ? code : repli__drive_run(agent->drive, deadline_ns(timeout_ms), err);
}

int32_t repli_agent_work(repli_agent *agent, int64_t timeout_ms, repli_error *err) {
    const int32_t code = check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (agent->drive->lent.count == 0)
        return repli__error(err, REPLI_ESTATE, "agent",
                            "this agent needs no threads: repli_agent_dispatch() makes the calls "
                            "of the driver; REPLI_RUN_LENT leaves them to threads that are lent");
    return repli__drive_work(agent->drive, deadline_ns(timeout_ms), err);
}

int32_t repli_agent_add_source(repli_agent *agent, int32_t fd, repli_source_fn ready,
                               void *user_data, repli_source **ret_source, repli_error *err) {
    int32_t code = check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (ready == NULL)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "a source needs somebody to be called: ready is NULL");
    code = repli__sources_add(&agent->drive->sources, fd, ready, user_data, ret_source, err);
    if (code == REPLI_OK)
        repli__drive_ring(agent->drive);
    return code;
}

void repli_agent_remove_source(repli_agent *agent, repli_source *source) {
    if (source != NULL && is_driven_here(agent))
        repli__sources_remove(&agent->drive->sources, source);
}
