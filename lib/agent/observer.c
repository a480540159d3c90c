#include "agent/observer.h"

#include <inttypes.h>
#include <string.h>

#include "agent/backoff.h"
#include "agent/changes.h"
#include "agent/compose.h"
#include "agent/probe.h"
#include "agent/waiters.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/validate.h"

#define MS(n) ((uint64_t)(n) * (uint64_t)REPLI__NS_PER_MS)

/* A driver that returns at its deadline is on time. */
static const uint64_t grace_ns = MS(100);
/* How often it is said that the driver still hangs, at most. */
static const uint64_t overrun_interval_ns = MS(250);
/* How often the version is looked for without the store, at least, while the store is down. */
static const uint64_t detect_interval_ns = MS(300000);

/* Where an observation is: READY for a call of the driver, or RUNNING in one. Only tick() leaves
 * IDLE and DONE, only work() leaves READY and RUNNING. */
enum flight { IDLE, READY, RUNNING, DONE };

struct repli__observer {
    repli__mem mem;
    repli__facts *facts;
    repli__calls *calls;
    repli__log *log;
    repli__observer_hooks hooks;

    pthread_mutex_t mutex; /* guards all up to the next empty line; held for moments only */
    repli_config *config;
    repli__port *port;
    enum flight flight;
    int open; /* between start and close */
    int closed;
    uint64_t due_ns;    /* when the next observation is due */
    uint64_t wanted_ns; /* somebody wants one that begins at this time or later */
    uint64_t begun_ns;  /* when the last one began */
    uint64_t watch_ns;  /* when it is looked after the one that runs */
    repli__waiters waiters;
    repli_snapshot *latest; /* never NULL */
    repli__observer_stats stats;

    /* Of whoever may touch it by flight; see repli__probe. */
    repli__probe probe;

    /* Of tick() alone. */
    repli_snapshot *with_shards; /* the last one that had shards, or NULL */
    uint64_t detected_ns;        /* when the version was last asked for; 0: never */
    uint64_t random;
};

int32_t repli__observer_new(const repli__observer_options *options, repli__observer **ret_observer,
                            repli_error *err) {
    repli__observer *observer = repli__calloc(options->mem, 1, sizeof(*observer));
    if (observer == NULL)
        return repli__error_nomem(err, "agent", "making the observer");
    observer->mem = *options->mem;
    observer->facts = options->facts;
    observer->calls = options->calls;
    observer->log = options->log;
    observer->hooks = options->hooks;
    observer->random = (repli__mono_ns() ^ (uint64_t)(uintptr_t)observer) | 1;
    repli__waiters_init(&observer->waiters);
    const repli__composer composer = {options->config, options->facts, &observer->mem};
    const int32_t code = repli__compose_first(&composer, &observer->latest, err);
    if (code != REPLI_OK) {
        repli__free(options->mem, observer);
        return code;
    }
    pthread_mutex_init(&observer->mutex, NULL);
    observer->config = repli__config_ref(options->config);
    observer->port = repli__port_ref(options->port);
    *ret_observer = observer;
    return REPLI_OK;
}

void repli__observer_free(repli__observer *observer) {
    if (observer == NULL)
        return;
    const repli__mem mem = observer->mem;
    repli__waiters_tell(repli__waiters_take(&observer->waiters, observer->latest, UINT64_MAX, 1),
                        observer->latest, &mem);
    if (observer->flight != IDLE)
        repli__probe_dispose(&observer->probe);
    repli_snapshot_unref(observer->with_shards);
    repli_snapshot_unref(observer->latest);
    repli__port_unref(observer->port);
    repli__config_unref(observer->config);
    pthread_mutex_destroy(&observer->mutex);
    repli__free(&mem, observer);
}

static void lock(repli__observer *observer) {
    pthread_mutex_lock(&observer->mutex);
}

static void unlock(repli__observer *observer) {
    pthread_mutex_unlock(&observer->mutex);
}

/* The lock is held. Of several who want an observation, the last one decides. */
static void want(repli__observer *observer, uint64_t begun_ns) {
    if (begun_ns > observer->wanted_ns)
        observer->wanted_ns = begun_ns;
    /* While the driver hangs, that it hangs is the news. */
    if (observer->stats.overrun)
        observer->watch_ns = 0;
}

static void wake(repli__observer *observer) {
    observer->hooks.tick(observer->hooks.user_data);
}

/* For the thread that ticks, the only one that replaces it. */
static repli_config *current_config(repli__observer *observer) {
    lock(observer);
    repli_config *config = repli__config_ref(observer->config);
    unlock(observer);
    return config;
}

static uint64_t ms_of(const repli_config *config, int key) {
    return MS(repli__config_integer(config, key));
}

/* Put a snapshot in the place of the latest. */
static void publish(repli__observer *observer, repli_snapshot *snapshot) {
    lock(observer);
    repli_snapshot *before = observer->latest;
    observer->latest = snapshot;
    unlock(observer);

    const char *action = observer->probe.running_action;
    repli__changes_status(observer->log, before, snapshot, action);
    if (repli_snapshot_shards(snapshot, NULL) != NULL) {
        repli__changes_roles(observer->log, &observer->mem, observer->with_shards, snapshot,
                             action);
        repli_snapshot_unref(observer->with_shards);
        observer->with_shards = repli_snapshot_ref(snapshot);
    }
    if (observer->hooks.seen != NULL)
        observer->hooks.seen(observer->hooks.user_data, snapshot,
                             repli__snapshot_started_ns(before));
    repli_snapshot_unref(before);
}

/* Look for the version without the store while the store does not tell it: at once when its status
 * changed, since then it may have been replaced, else now and then. */
static void want_version(repli__observer *observer, int changed, uint64_t now_ns) {
    if (observer->detected_ns != 0 && !changed &&
        now_ns - observer->detected_ns < detect_interval_ns)
        return;
    observer->detected_ns = now_ns;
    observer->hooks.detect(observer->hooks.user_data);
}

/* Keep what is to be remembered, and complain if the node changed its cluster. */
static void remember(repli__observer *observer) {
    const repli_sink *node = &observer->probe.answers[REPLI__ASK_NODE].sink;
    const repli__answer *store = &observer->probe.answers[REPLI__ASK_STORE];
    /* What could not be written before is tried again at its own pace. */
    const int waiting = repli__facts_changed(observer->facts);
    if (node->version.number != NULL)
        repli__facts_set_told(observer->facts, &node->version);
    if (store->code == REPLI_OK) {
        char previous[REPLI__ID_MAX + 1];
        if (repli__facts_set_cluster(observer->facts, store->sink.cluster_id, previous,
                                     sizeof(previous)))
            repli__log_printf(observer->log, REPLI_LOG_ERROR, "agent",
                              "the node was in cluster \"%s\" and is now in cluster \"%s\": unless "
                              "that was intended, the agent may be connected to the wrong store",
                              previous, store->sink.cluster_id);
    }
    if (!waiting && repli__facts_changed(observer->facts))
        observer->hooks.record(observer->hooks.user_data);
}

/* When the next observation is due after one that ended. The lock is held. */
static void plan(repli__observer *observer, const repli_config *config, int failed,
                 uint64_t now_ns) {
    const uint64_t interval_ns = ms_of(config, REPLI__KEY_OBSERVE_INTERVAL);
    observer->stats.observations++;
    observer->stats.overrun = 0;
    observer->stats.failures = failed ? observer->stats.failures + 1 : 0;
    observer->due_ns =
        failed
            ? now_ns + repli__backoff_ns(interval_ns, ms_of(config, REPLI__KEY_OBSERVE_BACKOFF_MAX),
                                         observer->stats.failures, &observer->random)
            : observer->begun_ns + interval_ns;
}

/* Publish what an observation found, and make room for the next one. */
static void land(repli__observer *observer, uint64_t now_ns) {
    repli__probe *probe = &observer->probe;
    repli_config *config = current_config(observer);
    const int32_t status_before = repli_snapshot_node(observer->latest)->status;
    if (observer->stats.overrun)
        repli__log_printf(observer->log, REPLI_LOG_WARNING, "agent",
                          "the driver returned after %" PRIu64 " ms",
                          (now_ns - probe->started_ns) / MS(1));
    remember(observer);

    const repli__composer composer = {config, observer->facts, &observer->mem};
    repli_snapshot *snapshot = NULL;
    repli_error error = REPLI_ERROR_INIT;
    int failed = probe->answers[REPLI__ASK_NODE].code != REPLI_OK;
    if (repli__compose_answer(&composer, probe, observer->latest, &snapshot, &error) == REPLI_OK) {
        const int32_t status = repli_snapshot_node(snapshot)->status;
        failed = failed || status == REPLI_STATUS_UNAVAILABLE;
        if (probe->answers[REPLI__ASK_NODE].sink.version.number == NULL)
            want_version(observer, status != status_before, now_ns);
        publish(observer, snapshot);
    } else {
        repli__log_printf(observer->log, REPLI_LOG_ERROR, "agent",
                          "an observation of the node is lost: %s", error.message);
    }
    repli__probe_dispose(probe);
    lock(observer);
    observer->flight = IDLE;
    plan(observer, config, failed, now_ns);
    unlock(observer);
    repli__config_unref(config);
}

/* The driver is past its deadline. Say so now and then, until it returns. */
static void overrun(repli__observer *observer, uint64_t now_ns) {
    repli__probe *probe = &observer->probe;
    repli_config *config = current_config(observer);
    const int32_t status_before = repli_snapshot_node(observer->latest)->status;
    const repli__composer composer = {config, observer->facts, &observer->mem};
    repli_snapshot *snapshot = NULL;
    repli_error error = REPLI_ERROR_INIT;
    atomic_store(&probe->op.cancelled, 1);
    if (repli__compose_overrun(&composer, probe, observer->latest, &snapshot, &error) == REPLI_OK) {
        want_version(observer, status_before != REPLI_STATUS_UNAVAILABLE, now_ns);
        if (!observer->stats.overrun)
            repli__log_printf(observer->log, REPLI_LOG_WARNING, "agent",
                              "%s; it is not called again until it returns",
                              repli_snapshot_node(snapshot)->status_reason);
        publish(observer, snapshot);
    } else {
        repli__log_printf(observer->log, REPLI_LOG_ERROR, "agent",
                          "cannot tell that the driver hangs: %s", error.message);
    }
    const uint64_t interval_ns = ms_of(config, REPLI__KEY_OBSERVE_INTERVAL);
    lock(observer);
    observer->stats.overruns += !observer->stats.overrun;
    observer->stats.overrun = 1;
    observer->watch_ns =
        now_ns + (interval_ns > overrun_interval_ns ? interval_ns : overrun_interval_ns);
    unlock(observer);
    repli__config_unref(config);
}

/* Begin an observation. */
static void launch(repli__observer *observer, uint64_t now_ns) {
    repli__probe *probe = &observer->probe;
    char running[sizeof(probe->running_action)] = "";
    observer->hooks.running(observer->hooks.user_data, running, sizeof(running));
    lock(observer);
    repli__probe_init(probe, observer->port, observer->calls, &observer->mem);
    memcpy(probe->running_action, running, sizeof(running));
    probe->op.running_action = running[0] != '\0' ? probe->running_action : NULL;
    /* Whoever asked after this tick was called is served, too. */
    const uint64_t begun_ns = observer->wanted_ns > now_ns ? observer->wanted_ns : now_ns;
    probe->started_ns = begun_ns;
    probe->timeout_ns = ms_of(observer->config, REPLI__KEY_OBSERVE_TIMEOUT);
    probe->op.deadline_ns = begun_ns + probe->timeout_ns;
    observer->watch_ns = probe->op.deadline_ns + grace_ns;
    observer->begun_ns = begun_ns;
    observer->flight = READY;
    unlock(observer);
    observer->hooks.work(observer->hooks.user_data);
}

/* What tick() has to do now; also when it is to be called again if that is nothing. */
enum duty { NOTHING, LAND, LOOK_AFTER, LAUNCH };

static enum duty next_duty(repli__observer *observer, uint64_t now_ns, uint64_t *ret_next_ns) {
    enum duty duty = NOTHING;
    lock(observer);
    const uint64_t watch_ns = observer->watch_ns;
    const int wanted = observer->wanted_ns > observer->begun_ns;
    const uint64_t due_ns = wanted ? 0 : observer->due_ns;
    *ret_next_ns = observer->waiters.deadline_ns;
    if (observer->flight == DONE) {
        duty = LAND;
    } else if (observer->flight != IDLE) {
        duty = now_ns >= watch_ns ? LOOK_AFTER : NOTHING;
        if (watch_ns < *ret_next_ns)
            *ret_next_ns = watch_ns;
    } else if (observer->open) {
        duty = now_ns >= due_ns ? LAUNCH : NOTHING;
        if (due_ns < *ret_next_ns)
            *ret_next_ns = due_ns;
    }
    unlock(observer);
    return duty;
}

static void serve(repli__observer *observer, uint64_t now_ns) {
    lock(observer);
    repli_snapshot *latest = repli_snapshot_ref(observer->latest);
    repli__waiter *list = repli__waiters_take(&observer->waiters, latest, now_ns, observer->closed);
    unlock(observer);
    repli__waiters_tell(list, latest, &observer->mem);
    repli_snapshot_unref(latest);
}

uint64_t repli__observer_tick(repli__observer *observer, uint64_t now_ns) {
    uint64_t next_ns = UINT64_MAX;
    for (;;) {
        const enum duty duty = next_duty(observer, now_ns, &next_ns);
        switch (duty) {
        case LAND: land(observer, now_ns); break;
        case LOOK_AFTER: overrun(observer, now_ns); break;
        case LAUNCH: launch(observer, now_ns); break;
        default: break;
        }
        if (duty == NOTHING)
            break;
    }
    serve(observer, now_ns);
    next_duty(observer, now_ns, &next_ns);
    return next_ns;
}

int repli__observer_work(repli__observer *observer) {
    lock(observer);
    const int ready = observer->flight == READY && !observer->closed;
    if (ready)
        observer->flight = RUNNING;
    unlock(observer);
    if (!ready)
        return 0;
    const int done = repli__probe_ask(&observer->probe);
    lock(observer);
    observer->flight = done ? DONE : READY;
    unlock(observer);
    if (done)
        wake(observer);
    return !done;
}

void repli__observer_start(repli__observer *observer) {
    lock(observer);
    observer->open = 1;
    unlock(observer);
    wake(observer);
}

void repli__observer_close(repli__observer *observer) {
    lock(observer);
    observer->open = 0;
    observer->closed = 1;
    repli__port *port = NULL;
    if (observer->flight == RUNNING)
        port = repli__port_ref(observer->probe.port);
    unlock(observer);
    if (port != NULL) {
        repli__instance_cancel(port->instance, &observer->probe.op);
        repli__port_unref(port);
    }
    wake(observer);
}

void repli__observer_configure(repli__observer *observer, repli_config *config, repli__port *port) {
    repli__config_ref(config);
    lock(observer);
    repli_config *old_config = observer->config;
    observer->config = config;
    repli__port *old_port = NULL;
    if (port != NULL) {
        old_port = observer->port;
        observer->port = repli__port_ref(port);
    }
    observer->stats.failures = 0;
    unlock(observer);
    repli__config_unref(old_config);
    repli__port_unref(old_port);
    repli__observer_refresh(observer);
}

void repli__observer_refresh(repli__observer *observer) {
    lock(observer);
    want(observer, repli__mono_ns());
    unlock(observer);
    wake(observer);
}

repli_snapshot *repli__observer_latest(repli__observer *observer) {
    lock(observer);
    repli_snapshot *snapshot = repli_snapshot_ref(observer->latest);
    unlock(observer);
    return snapshot;
}

static repli__need need_of(int64_t max_age_ms, uint64_t now_ns) {
    if (max_age_ms <= 0)
        return (repli__need){.begun = 1, .from_ns = now_ns};
    const uint64_t ms = (uint64_t)max_age_ms;
    return (repli__need){.begun = 0, .from_ns = ms < now_ns / MS(1) ? now_ns - MS(ms) : 1};
}

int32_t repli__observer_ask(repli__observer *observer, int64_t max_age_ms, int64_t timeout_ms,
                            repli_observe_fn observed, void *user_data, repli_error *err) {
    repli__waiter *waiter = repli__calloc(&observer->mem, 1, sizeof(*waiter));
    if (waiter == NULL)
        return repli__error_nomem(err, "agent", "asking for an observation");
    const uint64_t now_ns = repli__mono_ns();
    waiter->need = need_of(max_age_ms, now_ns);
    waiter->deadline_ns = repli__deadline_ns(timeout_ms);
    waiter->observed = observed;
    waiter->user_data = user_data;

    repli_snapshot *snapshot = NULL;
    lock(observer);
    const int open = observer->open;
    if (repli__need_met(&waiter->need, observer->latest))
        snapshot = repli_snapshot_ref(observer->latest);
    else if (open) {
        repli__waiters_add(&observer->waiters, waiter);
        /* What is under way will do, unless it must begin after now. */
        want(observer, observer->flight == IDLE || max_age_ms <= 0 ? now_ns : 0);
    }
    unlock(observer);

    if (snapshot != NULL) {
        observed(user_data, snapshot);
        repli_snapshot_unref(snapshot);
        repli__free(&observer->mem, waiter);
        return REPLI_OK;
    }
    if (!open) {
        repli__free(&observer->mem, waiter);
        return repli__error(err, REPLI_ESTATE, "agent",
                            "the node cannot be observed: the agent is not running");
    }
    wake(observer);
    return REPLI_OK;
}

void repli__observer_stats_get(repli__observer *observer, repli__observer_stats *ret_stats) {
    lock(observer);
    *ret_stats = observer->stats;
    unlock(observer);
}
