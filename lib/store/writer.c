#include "store/internal.h"

#include "base/clock.h"

/*
 * The write-ahead log grows with every commit until all of it was copied to the database and a
 * commit finds nobody reading it. Copying needs two syncs of its own, so it is left to the writer
 * thread, beside the commits. As these go on meanwhile, there is always a rest that was not copied:
 * when the log is long, the one who leads copies that rest, and the next commit begins it anew.
 */
enum { CHECKPOINT_FRAMES = 1000, LOG_FRAMES = 4000 };

enum { PROBE_MS = 1000 };

static void checkpoint(repli__store *store, repli__sql *sql) {
    if (repli__damage_seen(store))
        return;
    const int code =
        sqlite3_wal_checkpoint_v2(sql->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code == SQLITE_OK || code == SQLITE_BUSY)
        return;
    repli_error error = REPLI_ERROR_INIT;
    repli__damage_error(store, sql, code, "cannot copy the write-ahead log into the database",
                        &error);
    repli__log_printf(store->log, REPLI_LOG_WARNING, "store", "%s (%s)", error.message,
                      error.native);
    repli__damage_tell(store);
}

/* Returns 0 if nobody is there to do it. */
static int ask_for_checkpoint(repli__store *store) {
    pthread_mutex_lock(&store->mutex);
    const int runs = store->writer_runs;
    if (runs) {
        store->checkpoint_wanted = 1;
        repli__worker_tell(&store->worker);
    }
    pthread_mutex_unlock(&store->mutex);
    return runs;
}

void repli__writer_checkpoint(repli__store *store) {
    if (store->wal_frames < store->wal_before || store->checkpoint_at == 0)
        store->checkpoint_at = CHECKPOINT_FRAMES;
    store->wal_before = store->wal_frames;
    if (store->wal_frames < store->checkpoint_at)
        return;
    store->checkpoint_at = store->wal_frames + CHECKPOINT_FRAMES;
    if (store->wal_frames >= LOG_FRAMES || !ask_for_checkpoint(store))
        checkpoint(store, &store->writer);
}

int32_t repli__writer_settings(repli__sql *sql, int full_sync, repli_error *err) {
    int code = repli__sql_run(sql, full_sync ? "PRAGMA synchronous = FULL"
                                             : "PRAGMA synchronous = NORMAL");
    /* What a burst left behind is not kept for ever. */
    if (code == SQLITE_OK)
        code = repli__sql_run(sql, "PRAGMA journal_size_limit = 33554432");
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot set up the database", err);
    return REPLI_OK;
}

static void copy_log(repli__store *store) {
    store->checkpoint_wanted = 0;
    pthread_mutex_unlock(&store->mutex);
    checkpoint(store, &store->keeper);
    pthread_mutex_lock(&store->mutex);
}

static void probe(repli__store *store) {
    store->probe_ns = repli__deadline_ns(PROBE_MS);
    pthread_mutex_unlock(&store->mutex);
    repli__change_probe(store);
    pthread_mutex_lock(&store->mutex);
}

/* From now on whoever leads commits everything. */
static void end(repli__store *store) {
    store->writer_runs = 0;
}

/* What matters most of what there is to do; NULL: nothing before probe_ns. The mutex is held, also
 * when it is called. */
typedef void (*duty)(repli__store *store);

static duty next_duty(repli__store *store) {
    if (store->stats.last_code == REPLI_OK || repli__damage_seen(store) || !store->writer_runs)
        store->probe_ns = UINT64_MAX;
    else if (store->probe_ns == UINT64_MAX)
        store->probe_ns = repli__deadline_ns(PROBE_MS);
    if (!store->writer_runs)
        return NULL;
    if (store->first != NULL && !store->busy)
        return repli__commit_queued;
    if (store->finished != NULL)
        return repli__commit_tell_finished;
    if (store->state.looks_on && !store->busy && store->stats.last_code == REPLI_OK)
        return repli__commit_queued;
    if (store->writer_stops)
        return end;
    if (store->stats.last_code == REPLI_OK && repli__timed_due_ns(&store->state) == 0)
        return repli__timed_run;
    if (store->checkpoint_wanted)
        return copy_log;
    return store->probe_ns <= repli__mono_ns() ? probe : NULL;
}

static uint64_t work(void *user_data) {
    repli__store *store = user_data;
    pthread_mutex_lock(&store->mutex);
    const duty first = next_duty(store);
    if (first != NULL)
        first(store);
    uint64_t next_ns = next_duty(store) != NULL ? 0 : store->probe_ns;
    const uint64_t timed_ns = repli__timed_due_ns(&store->state);
    if (store->writer_runs && timed_ns < next_ns)
        next_ns = timed_ns;
    pthread_mutex_unlock(&store->mutex);
    return next_ns;
}

int32_t repli__writer_init(repli__store *store, repli_error *err) {
    store->probe_ns = UINT64_MAX;
    return repli__worker_init(&store->worker, "repli-store", work, store, err);
}

repli__worker *repli__store_worker(repli__store *store) {
    return &store->worker;
}

int32_t repli__store_start(repli__store *store, repli_error *err) {
    int32_t code = repli__sql_open(&store->keeper, store->path, err);
    if (code == REPLI_OK)
        code = repli__writer_settings(&store->keeper, store->full_sync, err);
    if (code == REPLI_OK) {
        pthread_mutex_lock(&store->mutex);
        code = repli__worker_start(&store->worker, err);
        store->writer_stops = 0;
        store->writer_runs = code == REPLI_OK;
        pthread_mutex_unlock(&store->mutex);
    }
    if (code != REPLI_OK)
        repli__sql_close(&store->keeper);
    return code;
}

void repli__store_stop(repli__store *store) {
    if (!store->worker.started)
        return;
    pthread_mutex_lock(&store->mutex);
    store->writer_stops = 1;
    pthread_mutex_unlock(&store->mutex);
    repli__worker_quit(&store->worker);
    repli__worker_join(&store->worker, UINT64_MAX);
    repli__sql_keep_log(&store->keeper, repli__damage_seen(store));
    repli__sql_close(&store->keeper);
}
