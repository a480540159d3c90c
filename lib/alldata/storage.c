#include "alldata/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"

/* How late the end of an interval is seen after the clock was set. */
enum { LOOK_MS = 10000 };

int32_t alldata__storage_check(const alldata_storage *storage, repli_error *err) {
    return alldata__owner_check(&storage->owner, ALLDATA__ORIGIN, err);
}

static int64_t system_clock(void *user_data) {
    (void)user_data;
    return repli__wall_ns();
}

int64_t alldata__storage_now(const alldata_storage *storage) {
    const int64_t ns = storage->clock(storage->clock_data);
    return ns / REPLI__NS_PER_S - (ns % REPLI__NS_PER_S < 0);
}

/* What is due, apart from puts. */

static int is_past(const alldata_storage *storage) {
    const int64_t before = atomic_load(&storage->window_start);
    return alldata__window_start(storage->period, before, alldata__storage_now(storage)) != before;
}

static uint64_t next_ns(alldata_storage *storage) {
    const uint64_t close_ns = alldata__interval_close_ns(storage);
    if (is_past(storage))
        return 0;
    const int64_t end = atomic_load(&storage->window_start) + 2 * storage->period;
    const int64_t left_s = end - alldata__storage_now(storage);
    const uint64_t look_ns = repli__deadline_ns(left_s < LOOK_MS / 1000 ? left_s * 1000 : LOOK_MS);
    return close_ns < look_ns ? close_ns : look_ns;
}

static void tick(alldata_storage *storage) {
    if (is_past(storage)) {
        alldata__request request = {.count = 0};
        alldata__put_submit(storage, &request);
    }
    alldata__interval_close_due(storage);
}

static uint64_t work(void *user_data) {
    tick(user_data);
    return next_ns(user_data);
}

uint64_t alldata_storage_deadline(alldata_storage *storage) {
    if (alldata__storage_check(storage, NULL) != REPLI_OK ||
        storage->run_mode != ALLDATA_RUN_DISPATCH)
        return UINT64_MAX;
    return next_ns(storage);
}

int32_t alldata_storage_dispatch(alldata_storage *storage, repli_error *err) {
    const int32_t code = alldata__storage_check(storage, err);
    if (code != REPLI_OK)
        return code;
    if (storage->run_mode != ALLDATA_RUN_DISPATCH)
        return repli__error(err, REPLI_ESTATE, ALLDATA__ORIGIN,
                            "this storage has a thread of its own: there is nothing to dispatch");
    tick(storage);
    return REPLI_OK;
}

/* Open. */

static int32_t refuse(repli_error *err, const char *what, const char *value, const char *why) {
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN, "%s is %s, %s", what,
                        repli__utf8_quote(quote, value), why);
}

static int32_t check_options(const alldata_storage_options *options, repli_error *err) {
    if (options->location == NULL || options->location[0] == '\0')
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "the location is missing: say where events are to be stored");
    if (options->interval != NULL && alldata__period(options->interval) == 0)
        return refuse(err, "interval", options->interval, "not P1D, PT3H, PT1H, PT15M or PT5M");
    if (options->run_mode != ALLDATA_RUN_THREADS && options->run_mode != ALLDATA_RUN_DISPATCH)
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "run_mode is %d, which is none of ALLDATA_RUN_*",
                            (int)options->run_mode);
    if ((options->put_flags & ~ALLDATA_PUT_SYNC) != 0)
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "put_flags is %#x: only ALLDATA_PUT_SYNC can be given once for all",
                            (unsigned)options->put_flags);
    if (options->module != NULL &&
        (options->module->abi_version != ALLDATA_MODULE_ABI ||
         options->module->struct_size < REPLI__SIZE_TO(alldata_storage_module, cursor_close)))
        return repli__error(err, REPLI_EABI, ALLDATA__ORIGIN,
                            "the module has version %u of the interface and %u bytes, this library "
                            "wants version %u and at least %zu",
                            (unsigned)options->module->abi_version,
                            (unsigned)options->module->struct_size, ALLDATA_MODULE_ABI,
                            REPLI__SIZE_TO(alldata_storage_module, cursor_close));
    return REPLI_OK;
}

static int32_t copy_texts(alldata_storage *storage, const alldata_storage_options *options,
                          repli_error *err) {
    storage->location = repli__strdup(&storage->mem, options->location);
    storage->settings =
        repli__calloc(&storage->mem, options->setting_count, sizeof(*storage->settings));
    int lacks = storage->location == NULL || storage->settings == NULL;
    for (size_t i = 0; !lacks && i < options->setting_count; i++) {
        alldata_setting *to = &storage->settings[storage->setting_count++];
        to->struct_size = sizeof(*to);
        to->name = repli__strdup(&storage->mem, options->settings[i].name);
        to->value = repli__strdup(&storage->mem, options->settings[i].value);
        lacks = to->name == NULL || to->value == NULL;
    }
    return lacks ? repli__error_nomem(err, ALLDATA__ORIGIN, "opening a storage") : REPLI_OK;
}

static void take_options(alldata_storage *storage, const alldata_storage_options *options) {
    storage->module = options->module != NULL ? options->module : alldata_storage_leveldb();
    storage->period = alldata__period(options->interval != NULL ? options->interval : "P1D");
    storage->put_flags = options->put_flags;
    storage->run_mode = options->run_mode;
    storage->clock = options->clock != NULL ? options->clock : system_clock;
    storage->clock_data = options->clock_data;
    storage->closed = options->closed;
    storage->closed_data = options->closed_data;
    repli__log_set(&storage->log, options->log_level, options->log, options->log_data);
}

static int32_t open_module(alldata_storage *storage, const alldata_storage_options *options,
                           repli_error *err) {
    const alldata_module_args args = {
        .struct_size = sizeof(args),
        .log_level = options->log != NULL ? options->log_level : 0,
        .location = storage->location,
        .settings = storage->settings,
        .setting_count = storage->setting_count,
        .allocator = &storage->mem,
        .log = options->log,
        .log_data = options->log_data,
    };
    return storage->module->open(&args, &storage->self, err);
}

static int32_t open_window(alldata_storage *storage, repli_error *err) {
    const int64_t now = alldata__storage_now(storage);
    const int64_t start = alldata__period_start(storage->period, now) - storage->period;
    atomic_store(&storage->window_start, start);
    int32_t code = REPLI_OK;
    for (int i = 0; i < 2 && code == REPLI_OK; i++) {
        code =
            alldata__interval_pin(storage, start + i * storage->period, &storage->window[i], err);
        if (code == REPLI_OK)
            code =
                alldata__interval_open(storage, storage->window[i], ALLDATA_INTERVAL_CREATE, err);
    }
    return code;
}

static int32_t open_parts(alldata_storage *storage, const alldata_storage_options *options,
                          repli_error *err) {
    int32_t code = copy_texts(storage, options, err);
    if (code != REPLI_OK)
        return code;
    take_options(storage, options);
    storage->batch = alldata__batch_new(&storage->mem);
    if (storage->batch == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "opening a storage");
    code = open_module(storage, options, err);
    if (code == REPLI_OK)
        code = open_window(storage, err);
    if (code != REPLI_OK || storage->run_mode != ALLDATA_RUN_THREADS)
        return code;
    code = repli__worker_init(&storage->worker, "alldata-store", work, storage, err);
    storage->has_worker = code == REPLI_OK;
    return code == REPLI_OK ? repli__worker_start(&storage->worker, err) : code;
}

int32_t alldata_storage_new(const alldata_storage_options *options,
                            const repli_allocator *allocator, alldata_storage **ret_storage,
                            repli_error *err) {
    alldata_storage_options own;
    if (options == NULL ||
        repli__sized(options) < REPLI__SIZE_TO(alldata_storage_options, log_data))
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "the options are missing or too small: initialise them with "
                            "ALLDATA_STORAGE_OPTIONS_INIT");
    repli__sized_copy(&own, sizeof(own), options);
    int32_t code = check_options(&own, err);
    if (code != REPLI_OK)
        return code;
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    alldata_storage *storage = repli__calloc(&mem, 1, sizeof(*storage));
    if (storage == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "opening a storage");
    storage->mem = mem;
    alldata__owner_init(&storage->owner);
    repli__log_init(&storage->log);
    pthread_mutex_init(&storage->opening, NULL);
    pthread_mutex_init(&storage->mutex, NULL);
    code = open_parts(storage, &own, err);
    if (code != REPLI_OK) {
        alldata_storage_free(storage);
        return code;
    }
    *ret_storage = storage;
    return REPLI_OK;
}

/* Close. */

static void close_parts(alldata_storage *storage) {
    if (storage->has_worker) {
        repli__worker_quit(&storage->worker);
        repli__worker_join(&storage->worker, UINT64_MAX);
        repli__worker_dispose(&storage->worker);
        storage->has_worker = 0;
    }
    while (storage->closing != NULL) {
        alldata__interval *interval = storage->closing;
        storage->closing = interval->closing;
        alldata__interval_unpin(storage, interval);
    }
    for (size_t i = 0; i < ALLDATA__WINDOW; i++)
        if (storage->window[i] != NULL)
            alldata__interval_unpin(storage, storage->window[i]);
    if (storage->self != NULL)
        storage->module->close(storage->self);
}

void alldata_storage_free(alldata_storage *storage) {
    if (storage == NULL)
        return;
    if (alldata__owner_is_self(&storage->owner))
        close_parts(storage);
    const repli__mem mem = storage->mem;
    while (storage->intervals != NULL) {
        alldata__interval *interval = storage->intervals;
        storage->intervals = interval->next;
        alldata__interval_free(storage, interval);
    }
    for (size_t i = 0; i < storage->setting_count; i++) {
        repli__free(&mem, (char *)storage->settings[i].name);
        repli__free(&mem, (char *)storage->settings[i].value);
    }
    repli__free(&mem, storage->settings);
    repli__free(&mem, storage->location);
    repli__free(&mem, storage->batch);
    pthread_mutex_destroy(&storage->mutex);
    pthread_mutex_destroy(&storage->opening);
    repli__log_dispose(&storage->log);
    alldata__owner_dispose(&storage->owner);
    repli__free(&mem, storage);
}

/* What there is. */

typedef struct starts {
    const repli__mem *mem;
    int64_t *list;
    size_t count, capacity;
    int lacks;
} starts;

static int32_t take_start(void *user_data, const char *text, size_t size) {
    starts *self = user_data;
    int64_t start;
    if (!alldata__interval_start(text, size, &start))
        return 0;
    if (repli__grow(self->mem, (void **)&self->list, &self->capacity, self->count,
                    sizeof(*self->list)) != REPLI_OK) {
        self->lacks = 1;
        return 1;
    }
    self->list[self->count++] = start;
    return 0;
}

static int compare_starts(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int32_t alldata__storage_starts(alldata_storage *storage, int64_t **ret_starts, size_t *ret_count,
                                repli_error *err) {
    starts all = {.mem = &storage->mem};
    int32_t code = storage->module->list(storage->self, take_start, &all, err);
    if (code == REPLI_OK && all.lacks)
        code = repli__error_nomem(err, ALLDATA__ORIGIN, "listing the intervals");
    if (code != REPLI_OK) {
        repli__free(&storage->mem, all.list);
        return code;
    }
    if (all.count > 0)
        qsort(all.list, all.count, sizeof(*all.list), compare_starts);
    *ret_starts = all.list;
    *ret_count = all.count;
    return REPLI_OK;
}

int32_t alldata_storage_intervals(alldata_storage *storage, alldata_interval_fn take,
                                  void *user_data, repli_error *err) {
    int64_t *list = NULL;
    size_t count = 0;
    int32_t code = alldata__storage_check(storage, err);
    if (code == REPLI_OK)
        code = alldata__storage_starts(storage, &list, &count, err);
    if (code != REPLI_OK)
        return code;
    const int64_t first = atomic_load(&storage->window_start);
    for (size_t i = 0; i < count; i++) {
        char name[ALLDATA_INTERVAL_SIZE];
        alldata__interval_name(list[i], name);
        if (take(user_data, name,
                 list[i] < first ? ALLDATA_INTERVAL_CLOSED : ALLDATA_INTERVAL_OPEN) != 0)
            break;
    }
    repli__free(&storage->mem, list);
    return REPLI_OK;
}

void alldata_storage_stats_get(alldata_storage *storage, alldata_storage_stats *stats) {
    if (alldata__storage_check(storage, NULL) != REPLI_OK)
        return;
    pthread_mutex_lock(&storage->mutex);
    const alldata_storage_stats now = storage->stats;
    pthread_mutex_unlock(&storage->mutex);
    repli__sized_fill(stats, &now, sizeof(now));
}
