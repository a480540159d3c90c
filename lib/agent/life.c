#include "agent/agent.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

/* For threads that only have to notice. One that is still in the driver then is given up, together
 * with what it uses. */
enum { FREE_PATIENCE_MS = 1000 };

/* What a driver's call that takes no time is given to return, however little patience there is. */
enum { LEAST_PATIENCE_MS = 250 };

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static int64_t ms_until(uint64_t deadline_ns) {
    const uint64_t now_ns = repli__mono_ns();
    return deadline_ns > now_ns ? (int64_t)((deadline_ns - now_ns) / (uint64_t)REPLI__NS_PER_MS)
                                : 0;
}

/* Wait for the two workers that may be in the driver. */
static int32_t join_callers(repli_agent *agent, uint64_t deadline_ns, repli_error *err) {
    int32_t code = repli__executor_stop(agent->executor, ms_until(deadline_ns), err);
    agent->executor_lost = code == REPLI_ETIMEOUT;
    agent->driver_lost = !repli__worker_join(&agent->driver, deadline_ns);
    if (agent->driver_lost)
        code =
            repli__error(err, REPLI_ETIMEOUT, "agent",
                         "the driver did not return from observing the node when it was cancelled; "
                         "its thread is given up");
    return code;
}

/* Wait for threads of the host that are inside, but for those that are in the driver. */
static int32_t await_visitors(repli_agent *agent, uint64_t deadline_ns, repli_error *err) {
    const int lost = agent->driver_lost + agent->executor_lost;
    repli__drive_close(agent->drive);
    agent->visitors_lost = !repli__drive_wait(agent->drive, lost, deadline_ns);
    if (!agent->visitors_lost)
        return REPLI_OK;
    return repli__error(err, REPLI_ETIMEOUT, "agent",
                        "a thread of the host's has not left the agent: a callback of its own does "
                        "not return");
}

/* Also of an agent whose start failed half-way. */
static int32_t stop_parts(repli_agent *agent, uint64_t deadline_ns, repli_error *err) {
    atomic_store(&agent->life, REPLI__LIFE_STOPPED);
    if (agent->drive != NULL)
        repli__drive_close(agent->drive);
    atomic_store(&agent->chores.ends, 1);
    repli__observer_close(agent->observer);
    repli__worker_quit(&agent->loop);
    repli__worker_quit(&agent->chore);
    repli__worker_quit(&agent->driver);
    const int32_t code = join_callers(agent, deadline_ns, err);
    repli__worker_join(&agent->loop, UINT64_MAX);
    repli__worker_join(&agent->chore, UINT64_MAX);
    repli__feed_end(&agent->feed);
    repli__worker_quit(&agent->teller);
    repli__worker_join(&agent->teller, UINT64_MAX);
    /* After all that it is told of. */
    repli__journal_end(&agent->journal);
    repli__hooks_end(&agent->hooks);
    repli__worker_quit(&agent->events);
    repli__worker_join(&agent->events, UINT64_MAX);
    repli__store_stop(agent->store);
    return code;
}

static int is_lost(const repli_agent *agent) {
    return agent->driver_lost || agent->executor_lost || agent->visitors_lost;
}

/* The agent's mutex is held. */
static int32_t stop(repli_agent *agent, int64_t timeout_ms, repli_error *err) {
    const uint64_t deadline_ns =
        later(repli__deadline_ns(timeout_ms), repli__deadline_ns(LEAST_PATIENCE_MS));
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    if (atomic_load(&agent->life) == REPLI__LIFE_RUNNING)
        code = stop_parts(agent, deadline_ns, &error);
    else if (is_lost(agent))
        code = join_callers(agent, deadline_ns, &error);
    atomic_store(&agent->life, REPLI__LIFE_STOPPED);
    if (agent->drive != NULL) {
        const int32_t waited = await_visitors(agent, deadline_ns, code == REPLI_OK ? &error : NULL);
        code = code == REPLI_OK ? waited : code;
    }
    if (code == REPLI_OK)
        return REPLI_OK;
    repli__log_printf(&agent->log, REPLI_LOG_ERROR, "agent", "%s", error.message);
    return repli__error_copy(err, &error);
}

int32_t repli_agent_start(repli_agent *agent, repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&agent->mutex);
    if (atomic_load(&agent->life) != REPLI__LIFE_NEW) {
        pthread_mutex_unlock(&agent->mutex);
        return repli__error(err, REPLI_ESTATE, "agent", "an agent is started once");
    }
    code = repli__store_start(agent->store, err);
    if (code == REPLI_OK)
        code = repli__executor_start(agent->executor, err);
    if (code == REPLI_OK)
        code = repli__worker_start(&agent->driver, err);
    if (code == REPLI_OK)
        code = repli__worker_start(&agent->chore, err);
    if (code == REPLI_OK)
        code = repli__worker_start(&agent->events, err);
    if (code == REPLI_OK)
        code = repli__worker_start(&agent->teller, err);
    if (code == REPLI_OK)
        code = repli__worker_start(&agent->loop, err);
    if (code == REPLI_OK) {
        repli__observer_start(agent->observer);
        atomic_store(&agent->life, REPLI__LIFE_RUNNING);
    } else {
        stop_parts(agent, repli__deadline_ns(LEAST_PATIENCE_MS), NULL);
    }
    pthread_mutex_unlock(&agent->mutex);
    return code;
}

/* Whoever is called by dispatch would wait for itself. */
static int is_within(repli_agent *agent) {
    return agent->drive != NULL && repli__drive_is_within(agent->drive);
}

int32_t repli_agent_stop(repli_agent *agent, int64_t timeout_ms, repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (is_within(agent))
        return repli__error(err, REPLI_ESTATE, "agent",
                            "the agent cannot be stopped by a callback: call "
                            "repli_agent_wakeup(), and stop it when dispatch has returned");
    pthread_mutex_lock(&agent->mutex);
    code = stop(agent, timeout_ms, err);
    pthread_mutex_unlock(&agent->mutex);
    return code;
}

/* Free everything but what a lost thread uses. Any part may be missing. */
static void free_parts(repli_agent *agent) {
    if (agent->driver_lost)
        repli__worker_forget(&agent->driver);
    /* Either of them, when it returns, tells the observer so. */
    if (!is_lost(agent)) {
        repli__observer_free(agent->observer);
        if (agent->driver.work != NULL)
            repli__worker_dispose(&agent->driver);
        if (agent->loop.work != NULL)
            repli__worker_dispose(&agent->loop);
    }
    if (agent->chore.work != NULL)
        repli__worker_dispose(&agent->chore);
    if (agent->chores.config != NULL)
        repli__chores_dispose(&agent->chores);
    if (agent->events.work != NULL)
        repli__worker_dispose(&agent->events);
    if (agent->teller.work != NULL)
        repli__worker_dispose(&agent->teller);
    if (agent->journal.store != NULL) {
        repli__journal_dispose(&agent->journal);
        repli__feed_dispose(&agent->feed);
        repli__hooks_dispose(&agent->hooks);
    }
    repli__executor_free(agent->executor);
    if (!agent->executor_lost) {
        repli__registry_free(agent->registry);
        repli__shop_close(&agent->shop);
        repli__host_free(agent->host);
        if (agent->actor.port != NULL)
            repli__actor_dispose(&agent->actor);
        repli__store_close(agent->store);
    }
    repli__facts_dispose(&agent->facts);
    repli__config_unref(agent->config);
    repli__free(&agent->mem, agent->node_id);
}

void repli_agent_free(repli_agent *agent) {
    if (agent == NULL)
        return;
    /* In a forked child threads, connections and files are the parent's, which closing them would
     * disturb, and any piece of memory may have been half changed when the threads vanished. */
    if (getpid() != agent->pid) {
        repli__store_abandon(agent->store);
        return;
    }
    if (is_within(agent)) {
        repli__log_printf(&agent->log, REPLI_LOG_ERROR, "agent",
                          "repli_agent_free() was called by a callback, which runs on what it "
                          "would free: nothing was freed");
        return;
    }
    const repli__mem mem = agent->mem;
    if (atomic_load(&agent->life) == REPLI__LIFE_RUNNING || is_lost(agent) || agent->drive != NULL)
        repli_agent_stop(agent, FREE_PATIENCE_MS, NULL);
    if (!agent->visitors_lost)
        free_parts(agent);
    if (is_lost(agent)) {
        /* The host's log may be gone by the time that the thread returns. */
        repli__log_set(&agent->log, 0, NULL, NULL);
        return;
    }
    repli__drive_free(agent->drive);
    repli__log_dispose(&agent->log);
    pthread_mutex_destroy(&agent->mutex);
    pthread_mutex_destroy(&agent->metrics_mutex);
    repli__free(&mem, agent);
}
