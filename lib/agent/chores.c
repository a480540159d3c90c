#include "agent/chores.h"

#include <inttypes.h>

#include "agent/version.h"
#include "base/clock.h"

/* Few enough that a schedule which comes meanwhile is not held up for long. */
enum { PURGE_CHUNK = 100 };

static const uint64_t purge_interval_ns = UINT64_C(3600) * (uint64_t)REPLI__NS_PER_S;
/* How soon what could not be written down is tried again. */
static const uint64_t retry_interval_ns = UINT64_C(60) * (uint64_t)REPLI__NS_PER_S;

void repli__chores_init(repli__chores *chores, repli__store *store, repli__facts *facts,
                        repli__log *log, repli_config *config) {
    *chores = (repli__chores){.store = store, .facts = facts, .log = log};
    pthread_mutex_init(&chores->mutex, NULL);
    chores->config = repli__config_ref(config);
}

void repli__chores_dispose(repli__chores *chores) {
    repli__config_unref(chores->config);
    pthread_mutex_destroy(&chores->mutex);
}

void repli__chores_configure(repli__chores *chores, repli_config *config) {
    repli__config_ref(config);
    pthread_mutex_lock(&chores->mutex);
    repli_config *old = chores->config;
    chores->config = config;
    pthread_mutex_unlock(&chores->mutex);
    repli__config_unref(old);
}

static void record(repli__chores *chores) {
    repli_error error = REPLI_ERROR_INIT;
    chores->record_ns = 0;
    if (repli__facts_write(chores->facts, chores->store, &error) == REPLI_OK)
        return;
    chores->record_ns = repli__mono_ns() + retry_interval_ns;
    repli__log_printf(chores->log, REPLI_LOG_WARNING, "agent",
                      "what is known about the node could not be written down, and is tried "
                      "again: %s",
                      error.message);
}

static void detect(repli__chores *chores) {
    repli__version version;
    const int32_t code = repli__search_go_on(&chores->search, &version);
    if (code != REPLI_EBUSY &&
        repli__facts_set_found(chores->facts, code == REPLI_OK ? &version : NULL))
        chores->found(chores->user_data);
}

/* What could not be ended is tried again before long. */
static void expire(repli__chores *chores) {
    repli__maintenance *maintenance = &chores->facts->maintenance;
    const int over = repli__maintenance_expire(maintenance, chores->store, chores->log);
    chores->expire_ns = over ? 0 : repli__mono_ns() + (uint64_t)REPLI__NS_PER_S;
    if (over)
        chores->found(chores->user_data);
}

/* When that is due. */
static uint64_t expire_due_ns(repli__chores *chores) {
    const uint64_t due_ns = repli__maintenance_due_ns(&chores->facts->maintenance);
    return due_ns > chores->expire_ns ? due_ns : chores->expire_ns;
}

static int64_t days_ago_ns(int64_t days) {
    return days != 0 ? repli__wall_ns() - days * 24 * 3600 * REPLI__NS_PER_S : INT64_MIN;
}

/* Returns 0 as long as there are more. */
static int purge_events(repli__chores *chores, const repli_config *config) {
    const int64_t days = repli__config_integer(config, REPLI__KEY_EVENTS_CLEAN_AGE);
    const int64_t most = repli__config_integer(config, REPLI__KEY_EVENTS_LIMIT);
    int more = 0;
    repli_error error = REPLI_ERROR_INIT;
    if (repli__store_purge_events(chores->store, days_ago_ns(days), most, &more, &error) !=
        REPLI_OK)
        repli__log_printf(chores->log, REPLI_LOG_WARNING, "agent",
                          "old events could not be deleted: %s", error.message);
    return !more;
}

static void purge(repli__chores *chores, const repli_config *config) {
    const int64_t days = repli__config_integer(config, REPLI__KEY_ACTIONS_CLEAN_AGE);
    const int64_t before_ns = days_ago_ns(days);
    uint32_t deleted = 0;
    repli_error error = REPLI_ERROR_INIT;
    if (days != 0 &&
        repli__store_purge(chores->store, before_ns, PURGE_CHUNK, &deleted, &error) != REPLI_OK)
        repli__log_printf(chores->log, REPLI_LOG_WARNING, "agent",
                          "actions that finished long ago could not be deleted: %s", error.message);
    chores->purged += deleted;
    if (deleted == PURGE_CHUNK || !purge_events(chores, config))
        return;
    if (chores->purged > 0)
        repli__log_printf(chores->log, REPLI_LOG_INFO, "agent",
                          "deleted %" PRIu64 " actions that finished more than %" PRId64
                          " days ago",
                          chores->purged, days);
    chores->purged = 0;
    chores->purge_ns = repli__mono_ns() + purge_interval_ns;
}

static uint64_t next_ns(repli__chores *chores) {
    const uint64_t expire_ns = expire_due_ns(chores);
    uint64_t next_ns = expire_ns < chores->purge_ns ? expire_ns : chores->purge_ns;
    if (repli__facts_changed(chores->facts) && chores->record_ns < next_ns)
        next_ns = chores->record_ns;
    const uint64_t look_ns = repli__deadline_ns(REPLI__JOB_TICK_MS);
    if (repli__search_is_on(&chores->search))
        return look_ns < next_ns ? look_ns : next_ns;
    return atomic_load(&chores->detect) ? 0 : next_ns;
}

/* Leave nothing behind. */
static uint64_t finish(repli__chores *chores) {
    if (repli__facts_changed(chores->facts))
        record(chores);
    if (repli__search_is_on(&chores->search))
        repli__search_cancel(&chores->search);
    return UINT64_MAX;
}

uint64_t repli__chores_run(repli__chores *chores) {
    if (atomic_load(&chores->ends))
        return finish(chores);
    pthread_mutex_lock(&chores->mutex);
    repli_config *config = repli__config_ref(chores->config);
    pthread_mutex_unlock(&chores->mutex);

    const uint64_t now_ns = repli__mono_ns();
    if (repli__facts_changed(chores->facts) && now_ns >= chores->record_ns)
        record(chores);
    if (!repli__search_is_on(&chores->search) && atomic_exchange(&chores->detect, 0))
        repli__search_begin(&chores->search, config, chores->log);
    if (repli__search_is_on(&chores->search))
        detect(chores);
    if (repli__mono_ns() >= expire_due_ns(chores))
        expire(chores);
    if (now_ns >= chores->purge_ns)
        purge(chores, config);
    repli__config_unref(config);
    return next_ns(chores);
}
