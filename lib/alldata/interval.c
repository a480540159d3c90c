#include "alldata/internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"

enum { RETRY_MS = 5000 };

/* The mutex is held. */
static alldata__interval *find(alldata_storage *storage, int64_t start) {
    alldata__interval *interval = storage->intervals;
    while (interval != NULL && interval->start != start)
        interval = interval->next;
    return interval;
}

static alldata__interval *make(const alldata_storage *storage, int64_t start) {
    alldata__interval *interval = repli__calloc(&storage->mem, 1, sizeof(*interval));
    if (interval == NULL)
        return NULL;
    interval->start = start;
    interval->why = (repli_error)REPLI_ERROR_INIT;
    alldata__interval_name(start, interval->name);
    atomic_init(&interval->handle, NULL);
    atomic_init(&interval->dirty, 0);
    return interval;
}

void alldata__interval_free(const alldata_storage *storage, alldata__interval *interval) {
    repli__free(&storage->mem, interval->recent);
    repli__free(&storage->mem, interval);
}

int32_t alldata__interval_pin(alldata_storage *storage, int64_t start, alldata__interval **ret,
                              repli_error *err) {
    pthread_mutex_lock(&storage->mutex);
    alldata__interval *interval = find(storage, start);
    if (interval == NULL) {
        interval = make(storage, start);
        if (interval == NULL) {
            pthread_mutex_unlock(&storage->mutex);
            return repli__error_nomem(err, ALLDATA__ORIGIN, "opening an interval");
        }
        interval->next = storage->intervals;
        storage->intervals = interval;
    }
    interval->pins++;
    pthread_mutex_unlock(&storage->mutex);
    *ret = interval;
    return REPLI_OK;
}

static void unlink_interval(alldata_storage *storage, const alldata__interval *interval) {
    alldata__interval **at = &storage->intervals;
    while (*at != interval)
        at = &(*at)->next;
    *at = interval->next;
}

/* The opening mutex is held, so that nobody opens it again before it is closed. */
static void close_handle(alldata_storage *storage, alldata__interval *interval) {
    void *handle = atomic_exchange(&interval->handle, NULL);
    if (handle != NULL)
        storage->module->interval_close(handle);
    repli__free(&storage->mem, interval->recent);
    interval->recent = NULL;
}

void alldata__interval_unpin(alldata_storage *storage, alldata__interval *interval) {
    pthread_mutex_lock(&storage->mutex);
    if (interval->pins > 1) {
        interval->pins--;
        pthread_mutex_unlock(&storage->mutex);
        return;
    }
    pthread_mutex_unlock(&storage->mutex);
    pthread_mutex_lock(&storage->opening);
    pthread_mutex_lock(&storage->mutex);
    const int last = --interval->pins == 0;
    if (last)
        unlink_interval(storage, interval);
    pthread_mutex_unlock(&storage->mutex);
    if (last) {
        close_handle(storage, interval);
        alldata__interval_free(storage, interval);
    }
    pthread_mutex_unlock(&storage->opening);
}

static int32_t take_newest(void *user_data, const char *text, size_t size) {
    alldata__recent_reset(user_data, text, size);
    return 0;
}

/* The opening mutex is held. */
static int32_t open_handle(alldata_storage *storage, alldata__interval *interval, uint32_t flags,
                           repli_error *err) {
    void *handle = NULL;
    alldata__recent *recent = alldata__recent_new(&storage->mem);
    if (recent == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "opening an interval");
    int32_t code =
        storage->module->interval_open(storage->self, interval->name, flags, &handle, err);
    repli_error error = REPLI_ERROR_INIT; /* an empty one is none to tell of */
    if (code == REPLI_OK) {
        code = storage->module->newest(handle, take_newest, recent, &error);
        code = code == REPLI_ENOTFOUND ? REPLI_OK : code;
        if (code != REPLI_OK) {
            storage->module->interval_close(handle);
            repli__error_copy(err, &error);
        }
    }
    if (code != REPLI_OK) {
        repli__free(&storage->mem, recent);
        return code;
    }
    interval->recent = recent;
    interval->broken = 0;
    atomic_store(&interval->handle, handle);
    return REPLI_OK;
}

/* After a put has failed. What was written before may be in the middle of something: only what is
 * opened anew reads it again from its beginning. */
static int32_t mend(alldata_storage *storage, alldata__interval *interval, repli_error *err) {
    if (interval->cursors > 0) {
        repli__error_copy(err, &interval->why);
        return repli__error_within(err, interval->why.code,
                                   "the interval %s must be opened anew, which waits for %zu scans "
                                   "of it to end",
                                   interval->name, interval->cursors);
    }
    close_handle(storage, interval);
    repli__log_printf(&storage->log, REPLI_LOG_WARNING, ALLDATA__ORIGIN,
                      "the interval %s is opened anew, since a write failed", interval->name);
    return open_handle(storage, interval, ALLDATA_INTERVAL_CREATE, err);
}

int32_t alldata__interval_open(alldata_storage *storage, alldata__interval *interval,
                               uint32_t flags, repli_error *err) {
    if (atomic_load(&interval->handle) != NULL && !interval->broken)
        return REPLI_OK;
    int32_t code = REPLI_OK;
    pthread_mutex_lock(&storage->opening);
    if (atomic_load(&interval->handle) == NULL)
        code = open_handle(storage, interval, flags, err);
    else if (interval->broken)
        code = mend(storage, interval, err);
    pthread_mutex_unlock(&storage->opening);
    return code;
}

int32_t alldata__interval_enter(alldata_storage *storage, alldata__interval *interval,
                                repli_error *err) {
    int32_t code = REPLI_OK;
    pthread_mutex_lock(&storage->opening);
    if (atomic_load(&interval->handle) == NULL)
        code = open_handle(storage, interval, 0, err);
    if (code == REPLI_OK)
        interval->cursors++;
    pthread_mutex_unlock(&storage->opening);
    return code;
}

void alldata__interval_leave(alldata_storage *storage, alldata__interval *interval) {
    pthread_mutex_lock(&storage->opening);
    interval->cursors--;
    pthread_mutex_unlock(&storage->opening);
}

/* Closing. */

void alldata__interval_close_later(alldata_storage *storage, alldata__interval *interval,
                                   uint64_t delay_ms) {
    pthread_mutex_lock(&storage->mutex);
    const int listed = interval->closing_ns != 0;
    interval->closing_ns = repli__deadline_ns((int64_t)delay_ms);
    if (!listed) {
        alldata__interval **at = &storage->closing;
        while (*at != NULL && (*at)->start < interval->start)
            at = &(*at)->closing;
        interval->closing = *at;
        *at = interval;
    }
    pthread_mutex_unlock(&storage->mutex);
    if (listed)
        alldata__interval_unpin(storage, interval);
    if (storage->has_worker)
        repli__worker_tell(&storage->worker);
}

uint64_t alldata__interval_close_ns(alldata_storage *storage) {
    uint64_t least = UINT64_MAX;
    pthread_mutex_lock(&storage->mutex);
    for (const alldata__interval *i = storage->closing; i != NULL; i = i->closing)
        if (i->closing_ns < least)
            least = i->closing_ns;
    pthread_mutex_unlock(&storage->mutex);
    return least;
}

static alldata__interval *take_due(alldata_storage *storage) {
    const uint64_t now = repli__mono_ns();
    pthread_mutex_lock(&storage->mutex);
    alldata__interval **at = &storage->closing;
    while (*at != NULL && (*at)->closing_ns > now)
        at = &(*at)->closing;
    alldata__interval *interval = *at;
    if (interval != NULL) {
        *at = interval->closing;
        interval->closing_ns = 0;
    }
    pthread_mutex_unlock(&storage->mutex);
    return interval;
}

/* Closed is only what is on disk, durable mode or not. */
static int32_t settle(alldata_storage *storage, alldata__interval *interval, repli_error *err) {
    void *handle = atomic_load(&interval->handle);
    if (handle == NULL || !atomic_exchange(&interval->dirty, 0))
        return REPLI_OK;
    const int32_t code = storage->module->sync(handle, err);
    if (code != REPLI_OK)
        atomic_store(&interval->dirty, 1);
    return code;
}

void alldata__interval_spare(alldata_storage *storage, size_t most) {
    size_t count = 0;
    alldata__interval *first = NULL;
    pthread_mutex_lock(&storage->opening);
    pthread_mutex_lock(&storage->mutex);
    for (alldata__interval *i = storage->closing; i != NULL; i = i->closing) {
        if (i->pins > 1 || atomic_load(&i->handle) == NULL)
            continue;
        count++;
        if (first == NULL || i->closing_ns < first->closing_ns)
            first = i;
    }
    pthread_mutex_unlock(&storage->mutex);
    if (count >= most && settle(storage, first, NULL) == REPLI_OK)
        close_handle(storage, first);
    pthread_mutex_unlock(&storage->opening);
}

void alldata__interval_close_due(alldata_storage *storage) {
    alldata__interval *interval;
    while ((interval = take_due(storage)) != NULL) {
        repli_error error = REPLI_ERROR_INIT;
        char name[ALLDATA_INTERVAL_SIZE];
        memcpy(name, interval->name, sizeof(name));
        if (settle(storage, interval, &error) != REPLI_OK) {
            repli__log_printf(&storage->log, REPLI_LOG_ERROR, ALLDATA__ORIGIN,
                              "cannot close the interval %s, which is tried again: %s", name,
                              error.message);
            alldata__interval_close_later(storage, interval, RETRY_MS);
            return;
        }
        alldata__interval_unpin(storage, interval);
        repli__log_printf(&storage->log, REPLI_LOG_INFO, ALLDATA__ORIGIN,
                          "the interval %s is closed", name);
        if (storage->closed != NULL)
            storage->closed(storage->closed_data, name);
    }
}
