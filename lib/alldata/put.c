#include "alldata/internal.h"

#include <errno.h>
#include <string.h>

#include "alldata/moment.h"
#include "base/error.h"
#include "base/sized.h"

/*
 * Whoever comes while nobody writes leads: it takes all requests that wait, its own first, puts
 * their records into one batch for each interval, and lets the next one lead. So those who come
 * while the disk is busy share its next turn, and there is never more than one who writes.
 */

static void fail(alldata__request *request, const repli_error *error) {
    if (request->code == REPLI_OK)
        request->code = repli__error_copy(&request->error, error);
}

static int wants_sync(const alldata_storage *storage, const alldata__request *request) {
    return ((request->flags | storage->put_flags) & ALLDATA_PUT_SYNC) != 0;
}

/* Whoever watches. */

static void tell_failed(const alldata_storage *storage, const repli_error *error) {
    if (storage->watcher != NULL)
        storage->watcher->failed(storage->watcher->user_data, error);
}

static void tell_before(const alldata_storage *storage, const alldata__batch *batch) {
    if (storage->watcher != NULL)
        storage->watcher->before(storage->watcher->user_data, batch->interval->start);
}

static void tell_stored(const alldata_storage *storage, const alldata__batch *batch) {
    if (storage->watcher != NULL && batch->count > 0)
        storage->watcher->stored(storage->watcher->user_data, batch->interval->start,
                                 batch->records, batch->count);
}

/* Flush. */

static int32_t write_batch(alldata_storage *storage, alldata__batch *batch, repli_error *err) {
    alldata__interval *interval = batch->interval;
    void *handle = atomic_load(&interval->handle);
    /* What is stored already may not be synced; that takes more than the sync of a put. */
    const int syncs_all = batch->syncs && batch->rests && atomic_load(&interval->dirty);
    const uint32_t flags = batch->syncs && !syncs_all ? ALLDATA_PUT_SYNC : 0;
    int32_t code = REPLI_OK;
    if (batch->count > 0) {
        tell_before(storage, batch);
        if (flags == 0)
            atomic_store(&interval->dirty, 1);
        atomic_fetch_add_explicit(&storage->writes, 1, memory_order_relaxed);
        code = storage->module->put(handle, batch->records, batch->count, flags, err);
        storage->counts.commits++;
        storage->counts.syncs += flags != 0;
    }
    if (code == REPLI_OK && syncs_all) {
        atomic_store(&interval->dirty, 0);
        code = storage->module->sync(handle, err);
        storage->counts.syncs++;
    }
    return code;
}

static void fail_batch(alldata_storage *storage, alldata__batch *batch, alldata__request *list,
                       const repli_error *error) {
    alldata__interval *interval = batch->interval;
    repli__log_printf(&storage->log, REPLI_LOG_ERROR, ALLDATA__ORIGIN, "%s (%s)", error->message,
                      error->native);
    atomic_store(&interval->dirty, 1);
    interval->broken = 1;
    repli__error_copy(&interval->why, error);
    for (size_t i = 0; i < batch->count; i++) {
        batch->records[i]->code = error->code;
        fail(batch->owners[i], error);
    }
    if (batch->rests)
        for (alldata__request *request = list; request != NULL; request = request->next)
            if (wants_sync(storage, request))
                fail(request, error);
    storage->counts.failed += batch->count;
}

static int32_t conflict(const alldata_record *record, repli_error *err) {
    return repli__error(err, REPLI_ECONFLICT, ALLDATA__ORIGIN,
                        "another event is stored under the key %.27s: events never change; give "
                        "this one a key of its own",
                        record->key);
}

/* The module may have found that one of them could not be stored. */
static void count_batch(alldata_storage *storage, alldata__batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        const alldata_record *record = batch->records[i];
        repli_error error = REPLI_ERROR_INIT;
        if (record->code == REPLI_OK) {
            storage->counts.stored++;
            storage->counts.event_bytes += record->event_size;
            continue;
        }
        if (record->code == REPLI_ECONFLICT)
            conflict(record, &error);
        else
            repli__error(&error, record->code, ALLDATA__ORIGIN,
                         "%s does not take the event of the key %.27s: it has %zu bytes",
                         storage->module->name, record->key, record->event_size);
        storage->counts.conflicts += record->code == REPLI_ECONFLICT;
        storage->counts.failed += record->code != REPLI_ECONFLICT;
        fail(batch->owners[i], &error);
    }
}

static void flush(alldata_storage *storage, alldata__request *list) {
    alldata__batch *batch = storage->batch;
    if (batch->interval == NULL)
        return;
    repli_error error = REPLI_ERROR_INIT;
    if (write_batch(storage, batch, &error) != REPLI_OK) {
        fail_batch(storage, batch, list, &error);
        tell_failed(storage, &error);
    } else {
        count_batch(storage, batch);
        tell_stored(storage, batch);
    }
    alldata__roll_leave(storage, batch->interval);
    alldata__batch_clear(batch);
}

/* Records. */

typedef struct comparison {
    const alldata_record *record;
    int found;
    int equal;
} comparison;

static int32_t compare(void *user_data, const char *event, size_t size) {
    comparison *self = user_data;
    self->found = 1;
    self->equal = size == self->record->event_size && memcmp(event, self->record->event, size) == 0;
    return 0;
}

static int32_t look_for(alldata_storage *storage, alldata__batch *batch, comparison *ret,
                        repli_error *err) {
    const alldata_record *record = ret->record;
    const alldata_record *other = alldata__batch_find(batch, record->key);
    if (other != NULL)
        return compare(ret, other->event, other->event_size);
    storage->counts.lookups++;
    const int32_t code = storage->module->get(atomic_load(&batch->interval->handle), record->key,
                                              ALLDATA_KEY_LENGTH, compare, ret, err);
    return code == REPLI_ENOTFOUND ? REPLI_OK : code;
}

static int32_t add(alldata_storage *storage, alldata__request *list, alldata__request *request,
                   alldata_record *record, repli_error *err) {
    alldata__batch *batch = storage->batch;
    if (!alldata__recent_add(batch->interval->recent, record->key)) {
        comparison it = {.record = record};
        repli_error error = REPLI_ERROR_INIT;
        if (look_for(storage, batch, &it, &error) != REPLI_OK) {
            storage->counts.failed++;
            return repli__error_copy(err, &error);
        }
        storage->counts.duplicates += it.found && it.equal;
        storage->counts.conflicts += it.found && !it.equal;
        if (it.found && !it.equal)
            return conflict(record, err);
        if (it.found) {
            batch->rests = 1;
            batch->syncs |= wants_sync(storage, request);
            return REPLI_OK;
        }
    }
    batch->syncs |= wants_sync(storage, request);
    if (alldata__batch_add(batch, record, request))
        flush(storage, list);
    return REPLI_OK;
}

/* The second of a key, which most share with the one before. Returns 0 if this is no key. */
static int read_key(alldata__batch *batch, const alldata_record *record, int64_t *ret_second) {
    const char *key = record->key;
    if (key == NULL || record->key_size != ALLDATA_KEY_LENGTH ||
        alldata__digits_read(key + ALLDATA__SECOND_LENGTH,
                             ALLDATA_KEY_LENGTH - ALLDATA__SECOND_LENGTH) < 0)
        return 0;
    if (memcmp(key, batch->last_text, ALLDATA__SECOND_LENGTH) != 0) {
        int64_t second;
        if (!alldata__moment_read(key, &second))
            return 0;
        memcpy(batch->last_text, key, ALLDATA__SECOND_LENGTH);
        batch->last_second = second;
    }
    *ret_second = batch->last_second;
    return 1;
}

static int32_t check(alldata__batch *batch, const alldata_record *record, int64_t *ret_second,
                     repli_error *err) {
    if (repli__sized(record) < sizeof(*record))
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "struct_size of a record is %u, not %zu: initialise it with "
                            "ALLDATA_RECORD_INIT",
                            (unsigned)repli__sized(record), sizeof(*record));
    if (!read_key(batch, record, ret_second))
        return alldata_key_validate(record->key, record->key_size, err);
    if (record->event == NULL || record->event_size == 0)
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "the event of the key %.27s is empty", record->key);
    return REPLI_OK;
}

/* The batch becomes one of the interval of that second. */
static int32_t turn_to(alldata_storage *storage, alldata__request *list,
                       const alldata__request *request, int64_t second, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    flush(storage, list);
    const int32_t code =
        alldata__roll_route(storage, second, request->flags, &storage->batch->interval, &error);
    if (code == REPLI_OK)
        return code;
    storage->counts.refused += code == REPLI_EINVALID;
    storage->counts.failed += code != REPLI_EINVALID;
    if (code != REPLI_EINVALID)
        tell_failed(storage, &error);
    return repli__error_copy(err, &error);
}

static int32_t accept(alldata_storage *storage, alldata__request *list, alldata__request *request,
                      alldata_record *record, repli_error *err) {
    const alldata__batch *batch = storage->batch;
    int64_t second = 0;
    int32_t code = check(storage->batch, record, &second, err);
    if (code != REPLI_OK) {
        storage->counts.refused++;
        return code;
    }
    if (batch->interval == NULL || second < batch->interval->start ||
        second - batch->interval->start >= storage->period)
        code = turn_to(storage, list, request, second, err);
    return code == REPLI_OK ? add(storage, list, request, record, err) : code;
}

static void sync_all(alldata_storage *storage, alldata__request *request) {
    for (size_t i = 0; i < ALLDATA__WINDOW; i++) {
        alldata__interval *interval = storage->window[i];
        void *handle = interval != NULL ? atomic_load(&interval->handle) : NULL;
        if (handle == NULL || !atomic_exchange(&interval->dirty, 0))
            continue;
        repli_error error = REPLI_ERROR_INIT;
        storage->counts.syncs++;
        if (storage->module->sync(handle, &error) == REPLI_OK)
            continue;
        atomic_store(&interval->dirty, 1);
        interval->broken = 1;
        repli__error_copy(&interval->why, &error);
        fail(request, &error);
        tell_failed(storage, &error);
    }
}

static void process(alldata_storage *storage, alldata__request *list) {
    alldata__roll(storage);
    int syncs_all = 0;
    for (alldata__request *request = list; request != NULL; request = request->next) {
        syncs_all |= request->syncs_all;
        for (size_t i = 0; i < request->count; i++) {
            alldata_record *record = &request->records[i];
            repli_error *err = request->code == REPLI_OK ? &request->error : NULL;
            record->code = REPLI_OK;
            const int32_t code = accept(storage, list, request, record, err);
            if (code == REPLI_OK)
                continue;
            record->code = code;
            if (request->code == REPLI_OK)
                request->code = code;
        }
    }
    flush(storage, list);
    for (alldata__request *request = list; syncs_all && request != NULL; request = request->next)
        if (request->syncs_all)
            sync_all(storage, request);
    for (alldata__request *request = list; request != NULL; request = request->next)
        if (request->between != NULL)
            request->between(request->between_data);
}

/* Leading. */

/* The first, and those behind it, as long as they are not too many. The mutex is held. */
static alldata__request *take_list(alldata_storage *storage) {
    alldata__request *list = storage->first;
    alldata__request *end = list;
    size_t count = list->count;
    while (end->next != NULL && end->next->count <= ALLDATA__BATCH &&
           count + end->next->count <= ALLDATA__BATCH) {
        end = end->next;
        count += end->count;
    }
    storage->first = end->next;
    if (storage->first == NULL)
        storage->last = NULL;
    end->next = NULL;
    return list;
}

static void add_counts(alldata_storage_stats *to, alldata_storage_stats *from) {
    to->stored += from->stored;
    to->event_bytes += from->event_bytes;
    to->duplicates += from->duplicates;
    to->conflicts += from->conflicts;
    to->refused += from->refused;
    to->failed += from->failed;
    to->lookups += from->lookups;
    to->commits += from->commits;
    to->syncs += from->syncs;
    *from = (alldata_storage_stats){0};
}

/* Called with the mutex held. */
static void lead(alldata_storage *storage, const alldata__request *mine) {
    alldata__request *list = take_list(storage);
    pthread_mutex_unlock(&storage->mutex);
    process(storage, list);
    pthread_mutex_lock(&storage->mutex);
    add_counts(&storage->stats, &storage->counts);
    alldata__request *heir = storage->first;
    storage->busy = heir != NULL;
    pthread_mutex_unlock(&storage->mutex);
    if (heir != NULL) {
        heir->leads = 1;
        sem_post(&heir->wake);
    }
    alldata__request *next;
    for (alldata__request *request = list; request != NULL; request = next) {
        /* Once told, it is no longer ours to look at. */
        next = request->next;
        if (request != mine)
            sem_post(&request->wake);
    }
}

void alldata__put_submit(alldata_storage *storage, alldata__request *request) {
    request->error = (repli_error)REPLI_ERROR_INIT;
    request->next = NULL;
    sem_init(&request->wake, 0, 0);
    pthread_mutex_lock(&storage->mutex);
    if (storage->last != NULL)
        storage->last->next = request;
    else
        storage->first = request;
    storage->last = request;
    const int waits = storage->busy;
    storage->busy = 1;
    if (waits) {
        pthread_mutex_unlock(&storage->mutex);
        while (sem_wait(&request->wake) != 0 && errno == EINTR)
            continue;
        if (request->leads)
            pthread_mutex_lock(&storage->mutex);
    }
    if (!waits || request->leads)
        lead(storage, request);
    sem_destroy(&request->wake);
}

int32_t alldata_storage_put(alldata_storage *storage, alldata_record *records, size_t count,
                            uint32_t flags, repli_error *err) {
    int32_t code = alldata__storage_check(storage, err);
    if (code != REPLI_OK || count == 0)
        return code;
    if (records == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN, "the records are missing");
    alldata__request request = {.records = records, .count = count, .flags = flags};
    alldata__put_submit(storage, &request);
    return request.code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &request.error);
}

int32_t alldata_storage_sync(alldata_storage *storage, repli_error *err) {
    const int32_t code = alldata__storage_check(storage, err);
    if (code != REPLI_OK)
        return code;
    alldata__request request = {.syncs_all = 1};
    alldata__put_submit(storage, &request);
    return request.code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &request.error);
}

void alldata__storage_watch(alldata_storage *storage, const alldata__watcher *watcher) {
    storage->watcher = watcher;
}

void alldata__storage_between(alldata_storage *storage, void (*call)(void *user_data),
                              void *user_data) {
    alldata__request request = {.between = call, .between_data = user_data};
    alldata__put_submit(storage, &request);
}
