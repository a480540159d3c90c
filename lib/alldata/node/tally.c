#include "alldata/node/tally.h"

#include <stdlib.h>
#include <string.h>

#include "alldata/node/tally_file.h"
#include "base/clock.h"
#include "base/error.h"

#define ORIGIN "node"

enum { PIECE = 4096, RETRY_MS = 5000 };

/* Entries. The mutex is held. */

static size_t place_of(const alldata__tally *tally, int64_t start) {
    size_t at = tally->count;
    while (at > 0 && tally->entries[at - 1].start >= start)
        at--;
    return at;
}

static alldata__tally_entry *find(const alldata__tally *tally, int64_t start) {
    const size_t at = place_of(tally, start);
    return at < tally->count && tally->entries[at].start == start ? &tally->entries[at] : NULL;
}

/* NULL: there is no memory, and whoever counts is to look for it. */
static alldata__tally_entry *find_or_add(alldata__tally *tally, int64_t start) {
    const size_t at = place_of(tally, start);
    if (at < tally->count && tally->entries[at].start == start)
        return &tally->entries[at];
    if (repli__grow(tally->mem, (void **)&tally->entries, &tally->capacity, tally->count,
                    sizeof(*tally->entries)) != REPLI_OK) {
        tally->lost = 1;
        return NULL;
    }
    memmove(&tally->entries[at + 1], &tally->entries[at],
            (tally->count++ - at) * sizeof(*tally->entries));
    tally->entries[at] = (alldata__tally_entry){.start = start, .counted = !tally->lost};
    return &tally->entries[at];
}

static void count_key(alldata__tally_entry *entry, const char *key, size_t size) {
    entry->events++;
    if (size == ALLDATA_KEY_LENGTH && memcmp(key, entry->last_key, ALLDATA_KEY_LENGTH) > 0)
        memcpy(entry->last_key, key, ALLDATA_KEY_LENGTH);
}

/* The file. The mutex is held: it is written seldom. */

static void file(alldata__tally *tally) {
    repli_error error = REPLI_ERROR_INIT;
    if (alldata__tally_write(tally->mem, tally->path, tally->entries, tally->count, &error) !=
        REPLI_OK)
        repli__log_printf(tally->log, REPLI_LOG_WARNING, ORIGIN,
                          "the numbers of events are not kept, and are counted again after the "
                          "next start: %s",
                          error.message);
}

/* The storage's watcher. */

static void before(void *user_data, int64_t start) {
    alldata__tally *tally = user_data;
    pthread_mutex_lock(&tally->mutex);
    alldata__tally_entry *entry = find(tally, start);
    if (entry != NULL && entry->filed) {
        entry->filed = 0;
        file(tally);
    }
    pthread_mutex_unlock(&tally->mutex);
}

static void stored(void *user_data, int64_t start, alldata_record *const *records, size_t count) {
    alldata__tally *tally = user_data;
    alldata__digests_touch(tally->digests, records, count);
    pthread_mutex_lock(&tally->mutex);
    tally->unwritable = 0;
    alldata__tally_entry *entry = find_or_add(tally, start);
    for (size_t i = 0; entry != NULL && i < count; i++)
        if (records[i]->code == REPLI_OK)
            count_key(entry, records[i]->key, records[i]->key_size);
    pthread_mutex_unlock(&tally->mutex);
}

static void failed(void *user_data, const repli_error *error) {
    alldata__tally *tally = user_data;
    alldata__digests_forget(tally->digests);
    pthread_mutex_lock(&tally->mutex);
    tally->unwritable = 1;
    tally->failures++;
    memcpy(tally->why, error->message, sizeof(tally->why));
    pthread_mutex_unlock(&tally->mutex);
}

/* Counting what was there before. */

static int32_t list_interval(void *user_data, const char *name, int32_t state) {
    alldata__tally *tally = user_data;
    int64_t start = 0;
    (void)state;
    alldata__interval_start(name, strlen(name), &start);
    pthread_mutex_lock(&tally->mutex);
    alldata__tally_entry *entry = find(tally, start);
    if (entry == NULL) {
        entry = find_or_add(tally, start);
        if (entry != NULL)
            entry->counted = 0;
    }
    pthread_mutex_unlock(&tally->mutex);
    return entry == NULL;
}

static int is_lost(alldata__tally *tally) {
    pthread_mutex_lock(&tally->mutex);
    const int lost = tally->lost;
    pthread_mutex_unlock(&tally->mutex);
    return lost;
}

static int32_t list(alldata__tally *tally, repli_error *err) {
    pthread_mutex_lock(&tally->mutex);
    tally->lost = 0;
    pthread_mutex_unlock(&tally->mutex);
    const int32_t code = alldata_storage_intervals(tally->storage, list_interval, tally, err);
    if (code == REPLI_OK && is_lost(tally))
        return repli__error_nomem(err, ORIGIN, "counting events");
    return code;
}

/* The newest first: it is what somebody looks at. */
static int choose(alldata__tally *tally) {
    pthread_mutex_lock(&tally->mutex);
    size_t at = tally->count;
    while (at > 0 && tally->entries[at - 1].counted)
        at--;
    if (at > 0)
        tally->scanned = (alldata__tally_entry){.start = tally->entries[at - 1].start};
    pthread_mutex_unlock(&tally->mutex);
    return at > 0;
}

/* While nobody writes: what the scan does not see is counted by the watcher from here on. */
static void begin_scan(void *user_data) {
    alldata__tally *tally = user_data;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_record record = ALLDATA_RECORD_INIT;
    char name[ALLDATA_INTERVAL_SIZE];
    repli_error error = REPLI_ERROR_INIT;
    alldata__interval_name(tally->scanned.start, name);
    options.interval = name;
    tally->scan_code = alldata_scan_new(tally->storage, &options, &tally->scan, &error);
    if (tally->scan_code == REPLI_OK)
        tally->scan_code = alldata_scan_next(tally->scan, &record, &error);
    if (tally->scan_code == REPLI_OK)
        count_key(&tally->scanned, record.key, record.key_size);
    pthread_mutex_lock(&tally->mutex);
    alldata__tally_entry *entry = find(tally, tally->scanned.start);
    if (entry != NULL)
        entry->events = 0;
    pthread_mutex_unlock(&tally->mutex);
}

static void end_scan(alldata__tally *tally) {
    alldata_scan_free(tally->scan);
    tally->scan = NULL;
}

/* A scan keeps the storage from opening an interval anew in which a write has failed. */
static int was_disturbed(alldata__tally *tally) {
    pthread_mutex_lock(&tally->mutex);
    const int failures = tally->failures;
    tally->failures = 0;
    pthread_mutex_unlock(&tally->mutex);
    return failures > 0;
}

static uint64_t retry(alldata__tally *tally) {
    end_scan(tally);
    tally->retry_ns = repli__deadline_ns(RETRY_MS);
    return tally->retry_ns;
}

static void finish(alldata__tally *tally) {
    end_scan(tally);
    pthread_mutex_lock(&tally->mutex);
    alldata__tally_entry *entry = find(tally, tally->scanned.start);
    if (entry != NULL) {
        entry->events += tally->scanned.events;
        entry->counted = 1;
        if (memcmp(tally->scanned.last_key, entry->last_key, ALLDATA_KEY_LENGTH) > 0)
            memcpy(entry->last_key, tally->scanned.last_key, ALLDATA_KEY_LENGTH);
    }
    pthread_mutex_unlock(&tally->mutex);
}

uint64_t alldata__tally_work(alldata__tally *tally) {
    repli_error error = REPLI_ERROR_INIT;
    if (tally->scan == NULL && repli__mono_ns() < tally->retry_ns)
        return tally->retry_ns;
    if (is_lost(tally) && list(tally, &error) != REPLI_OK)
        return retry(tally);
    if (tally->scan == NULL) {
        if (!choose(tally))
            return UINT64_MAX;
        alldata__storage_between(tally->storage, begin_scan, tally);
    }
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code = tally->scan_code;
    for (int i = 0; i < PIECE && code == REPLI_OK; i++) {
        code = alldata_scan_next(tally->scan, &record, &error);
        if (code == REPLI_OK)
            count_key(&tally->scanned, record.key, record.key_size);
    }
    if (code != REPLI_OK && code != REPLI_EDONE)
        return retry(tally);
    if (code == REPLI_EDONE)
        finish(tally);
    else if (was_disturbed(tally))
        return retry(tally);
    return 0;
}

void alldata__tally_closed(alldata__tally *tally, const char *interval) {
    int64_t start = 0;
    alldata__interval_start(interval, strlen(interval), &start);
    pthread_mutex_lock(&tally->mutex);
    alldata__tally_entry *entry = find_or_add(tally, start);
    if (entry != NULL && entry->counted) {
        entry->filed = 1;
        file(tally);
    }
    pthread_mutex_unlock(&tally->mutex);
}

/* Life. */

int32_t alldata__tally_init(alldata__tally *tally, const repli__mem *mem, repli__log *log,
                            alldata_storage *storage, alldata__digests *digests, char *path,
                            repli_error *err) {
    *tally = (alldata__tally){
        .mem = mem, .log = log, .storage = storage, .path = path, .digests = digests};
    pthread_mutex_init(&tally->mutex, NULL);
    int32_t code = list(tally, err);
    if (code == REPLI_OK)
        code = alldata__tally_read(mem, path, tally->entries, tally->count, err);
    if (code != REPLI_OK)
        return code;
    tally->watcher = (alldata__watcher){before, stored, failed, tally};
    alldata__storage_watch(storage, &tally->watcher);
    return REPLI_OK;
}

void alldata__tally_stop(alldata__tally *tally) {
    end_scan(tally);
}

void alldata__tally_dispose(alldata__tally *tally, int keep) {
    if (tally->mem == NULL)
        return;
    for (size_t i = 0; keep && i < tally->count; i++)
        tally->entries[i].filed = tally->entries[i].counted;
    if (keep)
        file(tally);
    pthread_mutex_destroy(&tally->mutex);
    repli__free(tally->mem, tally->entries);
}

/* What is known. */

void alldata__tally_get(alldata__tally *tally, int64_t start, alldata__tally_entry *ret_entry) {
    pthread_mutex_lock(&tally->mutex);
    const alldata__tally_entry *entry = find(tally, start);
    *ret_entry =
        entry != NULL ? *entry : (alldata__tally_entry){.start = start, .counted = !tally->lost};
    pthread_mutex_unlock(&tally->mutex);
}

void alldata__tally_status(alldata__tally *tally, alldata_node_status *status) {
    pthread_mutex_lock(&tally->mutex);
    for (size_t i = 0; i < tally->count; i++) {
        status->events += tally->entries[i].events;
        status->uncounted += !tally->entries[i].counted;
    }
    status->writable = !tally->unwritable;
    if (tally->unwritable)
        memcpy(status->storage_error, tally->why, sizeof(tally->why));
    pthread_mutex_unlock(&tally->mutex);
}
