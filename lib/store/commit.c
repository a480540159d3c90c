#include "store/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

/* Bounds how long the first of a batch waits for the last. */
enum { BATCH_LIMIT = 512 };

int repli__refuse(repli__change *change, int32_t code, const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    change->code = repli__error(&change->error, code, "store", "%s", message);
    return SQLITE_OK;
}

static void enqueue(repli__store *store, repli__change *change) {
    change->next = NULL;
    if (store->last != NULL)
        store->last->next = change;
    else
        store->first = change;
    store->last = change;
}

static repli__change *take_batch(repli__store *store) {
    repli__change *batch = store->first;
    repli__change *end = batch;
    for (int count = 1; end != NULL && end->next != NULL && count < BATCH_LIMIT; count++)
        end = end->next;
    store->first = end != NULL ? end->next : NULL;
    if (store->first == NULL)
        store->last = NULL;
    if (end != NULL)
        end->next = NULL;
    return batch;
}

/* Some failures end a transaction by themselves. */
static int roll_back(repli__store *store) {
    return sqlite3_get_autocommit(store->writer.db)
               ? SQLITE_OK
               : repli__sql_execute(store->writes[REPLI__SQL_ROLLBACK]);
}

static int transact(repli__store *store, repli__change *batch) {
    if (repli__damage_seen(store))
        return SQLITE_CORRUPT;
    /* Even that may have failed for the one before. */
    int code = roll_back(store);
    if (code == SQLITE_OK)
        code = repli__sql_execute(store->writes[REPLI__SQL_BEGIN]);
    if (code != SQLITE_OK)
        return code;
    for (repli__change *change = batch; change != NULL && code == SQLITE_OK; change = change->next)
        if (change->apply != NULL)
            code = change->apply(store, change);
    if (code == SQLITE_OK)
        code = repli__claim_next(store);
    if (code == SQLITE_OK)
        code = repli__sql_execute(store->writes[REPLI__SQL_COMMIT]);
    return code;
}

/* With the transaction goes all that was said about its changes, refusals included: they may have
 * rested on what is undone now. */
static int32_t fail_batch(repli__store *store, repli__change *batch, int code) {
    repli_error error = REPLI_ERROR_INIT;
    repli__damage_error(store, &store->writer, code, "cannot write to the database", &error);
    roll_back(store);
    for (repli__change *change = batch; change != NULL; change = change->next)
        if (change->apply != NULL)
            change->code = repli__error_copy(&change->error, &error);
    if (store->stats.last_code != error.code)
        repli__log_printf(store->log, REPLI_LOG_ERROR, "store", "%s (%s: %s)", error.message,
                          error.native, error.cause);
    repli__damage_tell(store);
    return error.code;
}

static void log_recovery(repli__store *store) {
    if (store->stats.last_code != REPLI_OK)
        repli__log_printf(store->log, REPLI_LOG_WARNING, "store",
                          "the database %s can be written again", store->path);
}

/* wrote: a transaction that changed nothing does not tell whether the disk works. */
static void publish(repli__store *store, int32_t code, int wrote, uint64_t count, uint64_t ns) {
    repli__store_stats *stats = &store->stats;
    stats->commits++;
    stats->commit_ns += ns;
    if (code != REPLI_OK) {
        stats->errors++;
        stats->last_code = code;
        repli__worker_tell(&store->worker);
        return;
    }
    stats->changes += count;
    if (wrote)
        stats->last_code = REPLI_OK;
    const repli__state before = store->state;
    store->state = store->draft;
    if (store->state.looks_on || store->state.release_ns < before.release_ns ||
        store->state.expire_ns < before.expire_ns)
        repli__worker_tell(&store->worker);
    if (repli__claim_is_new(&before, &store->state))
        repli__claim_announce(store);
    else if (store->state.asked != before.asked && store->state.claimed)
        repli__claim_tell(store);
    if (store->told != NULL && before.next_event != store->state.next_event) {
        pthread_mutex_unlock(&store->mutex);
        store->told(store->told_data);
        pthread_mutex_lock(&store->mutex);
    }
}

/* Called with the mutex held, by whoever leads. */
static repli__change *commit_batch(repli__store *store) {
    repli__change *batch = take_batch(store);
    store->stats.commit_since_ns = repli__mono_ns();
    pthread_mutex_unlock(&store->mutex);
    uint64_t count = 0;
    for (repli__change *change = batch; change != NULL; change = change->next) {
        count++;
        if (change->prepare != NULL)
            change->prepare(store, change);
    }
    store->draft = store->state;
    store->now_ns = repli__wall_ns();
    const uint64_t since = repli__mono_ns();
    const int before = sqlite3_total_changes(store->writer.db);
    const int code = transact(store, batch);
    const int32_t failure = code != SQLITE_OK ? fail_batch(store, batch, code) : REPLI_OK;
    const int wrote = sqlite3_total_changes(store->writer.db) != before;
    const uint64_t ns = repli__mono_ns() - since;
    if (code == SQLITE_OK && wrote)
        log_recovery(store);
    if (code == SQLITE_OK)
        repli__writer_checkpoint(store);
    pthread_mutex_lock(&store->mutex);
    store->stats.commit_since_ns = 0;
    publish(store, failure, wrote, count, ns);
    return batch;
}

static void tell_finished(repli__change *list) {
    repli__change *next;
    for (repli__change *change = list; change != NULL; change = next) {
        next = change->next;
        repli__arena arena = change->arena; /* holds the change */
        change->finished(change->user_data, change->code,
                         change->code == REPLI_OK ? NULL : &change->error);
        repli__arena_dispose(&arena);
    }
}

void repli__commit_tell_finished(repli__store *store) {
    repli__change *list = store->finished;
    store->finished = NULL;
    pthread_mutex_unlock(&store->mutex);
    tell_finished(list);
    pthread_mutex_lock(&store->mutex);
}

/* Those who do not wait are told by the writer, on whichever thread the host expects that: not
 * every one that commits will do. */
static void leave_to_writer(repli__store *store, repli__change *list, repli__change **end) {
    pthread_mutex_lock(&store->mutex);
    const int runs = store->writer_runs;
    if (runs) {
        *end = store->finished;
        store->finished = list;
    }
    pthread_mutex_unlock(&store->mutex);
    if (runs)
        repli__worker_tell(&store->worker);
    else
        tell_finished(list);
}

/* mine NULL: this is the writer, or there is none. */
static void tell(repli__store *store, repli__change *batch, const repli__change *mine) {
    repli__change *finished = NULL;
    repli__change **end = &finished;
    repli__change *next;
    for (repli__change *change = batch; change != NULL; change = next) {
        /* Once told, it is no longer ours to look at. */
        next = change->next;
        if (change->finished != NULL) {
            *end = change;
            end = &change->next;
            *end = NULL;
        } else {
            change->done = 1;
            if (change != mine)
                sem_post(&change->wake);
        }
    }
    if (finished == NULL)
        return;
    if (mine == NULL)
        tell_finished(finished);
    else
        leave_to_writer(store, finished, end);
}

static repli__change *first_sleeper(const repli__store *store) {
    repli__change *change = store->first;
    while (change != NULL && change->finished != NULL)
        change = change->next;
    return change;
}

/* Let somebody else lead. Returns 0 if there is work but nobody for it. */
static int hand_over(repli__store *store) {
    repli__change *heir = first_sleeper(store);
    if (heir != NULL) {
        heir->lead = 1;
        sem_post(&heir->wake);
        return 1;
    }
    if (store->first != NULL && !store->writer_runs)
        return 0;
    store->busy = 0;
    if (store->first != NULL)
        repli__worker_tell(&store->worker);
    return 1;
}

static int holds(const repli__change *batch, const repli__change *change) {
    while (batch != NULL && batch != change)
        batch = batch->next;
    return batch != NULL;
}

/* Commit until mine is done (NULL: all that is queued, or one batch for the writer). The next one
 * to lead is woken before those whose changes are done, so that the disk does not wait for them.
 * Called with the mutex held. */
static void lead(repli__store *store, const repli__change *mine) {
    int mine_done = mine == NULL;
    int over = 0;
    while (!over) {
        repli__change *batch = commit_batch(store);
        mine_done = mine_done || holds(batch, mine);
        over = mine_done && (mine != NULL || store->writer_runs || store->first == NULL) &&
               hand_over(store);
        pthread_mutex_unlock(&store->mutex);
        tell(store, batch, mine);
        pthread_mutex_lock(&store->mutex);
    }
}

int32_t repli__commit(repli__store *store, repli__change *change, repli_error *err) {
    change->error = (repli_error)REPLI_ERROR_INIT;
    sem_init(&change->wake, 0, 0);
    pthread_mutex_lock(&store->mutex);
    enqueue(store, change);
    const int sleeps = store->busy;
    store->busy = 1;
    if (sleeps) {
        pthread_mutex_unlock(&store->mutex);
        while (sem_wait(&change->wake) != 0 && errno == EINTR)
            continue;
        if (change->lead)
            pthread_mutex_lock(&store->mutex);
    }
    if (!sleeps || change->lead) {
        lead(store, change);
        pthread_mutex_unlock(&store->mutex);
    }
    sem_destroy(&change->wake);
    return change->code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &change->error);
}

void repli__commit_queued(repli__store *store) {
    store->busy = 1;
    lead(store, NULL);
}

void repli__commit_later(repli__store *store, repli__change *change) {
    change->error = (repli_error)REPLI_ERROR_INIT;
    pthread_mutex_lock(&store->mutex);
    enqueue(store, change);
    if (!store->busy && store->writer_runs)
        repli__worker_tell(&store->worker);
    else if (!store->busy)
        repli__commit_queued(store);
    pthread_mutex_unlock(&store->mutex);
}
