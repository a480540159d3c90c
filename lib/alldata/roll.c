#include "alldata/internal.h"

#include "alldata/key.h"
#include "base/error.h"

/* How long an interval that got late events stays open for more of them, and how many are at a
 * time: each has files and memory, and late events may be of any number of intervals. */
enum { LATE_MS = 1000, LATE_MOST = 16 };

static void warn(alldata_storage *storage, const repli_error *error) {
    repli__log_printf(&storage->log, REPLI_LOG_ERROR, ALLDATA__ORIGIN, "%s (%s)", error->message,
                      error->native);
}

/* An interval without events is closed as well when its time is over, so it is there. */
static void begin(alldata_storage *storage, size_t place) {
    repli_error error = REPLI_ERROR_INIT;
    alldata__interval **at = &storage->window[place];
    const int64_t start = atomic_load(&storage->window_start) + (int64_t)place * storage->period;
    int32_t code = REPLI_OK;
    if (*at == NULL)
        code = alldata__interval_pin(storage, start, at, &error);
    if (code == REPLI_OK)
        code = alldata__interval_open(storage, *at, ALLDATA_INTERVAL_CREATE, &error);
    if (code != REPLI_OK)
        warn(storage, &error);
}

void alldata__roll(alldata_storage *storage) {
    const int64_t before = atomic_load(&storage->window_start);
    const int64_t now = alldata__storage_now(storage);
    const int64_t start = alldata__window_start(storage->period, before, now);
    if (start == before)
        return;
    if (start < before)
        repli__log_printf(&storage->log, REPLI_LOG_WARNING, ALLDATA__ORIGIN,
                          "the clock was set back to before all open intervals: closed ones are "
                          "opened again");
    alldata__interval *old[ALLDATA__WINDOW];
    for (size_t i = 0; i < ALLDATA__WINDOW; i++) {
        old[i] = storage->window[i];
        storage->window[i] = NULL;
    }
    atomic_store(&storage->window_start, start);
    for (size_t i = 0; i < ALLDATA__WINDOW; i++) {
        if (old[i] == NULL)
            continue;
        const int64_t place = (old[i]->start - start) / storage->period;
        if (old[i]->start >= start && place < ALLDATA__WINDOW)
            storage->window[place] = old[i];
        else
            alldata__interval_close_later(storage, old[i], 0);
    }
    begin(storage, 0);
    begin(storage, 1);
}

static int32_t refuse(const alldata_storage *storage, int64_t first, int old, repli_error *err) {
    char name[ALLDATA_INTERVAL_SIZE];
    alldata__interval_name(old ? first : first + ALLDATA__WINDOW * storage->period, name);
    return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                        old ? "the key is too old: its interval is closed; the oldest key that is "
                              "accepted begins with %s"
                            : "the key is too far in the future: keys are accepted before %s; are "
                              "the clocks of this node and of the key's right?",
                        name);
}

static int32_t pin_late(alldata_storage *storage, int64_t second, alldata__interval **ret,
                        repli_error *err) {
    alldata__interval *interval = NULL;
    const int64_t start = alldata__period_start(storage->period, second);
    int32_t code = alldata__interval_pin(storage, start, &interval, err);
    if (code != REPLI_OK)
        return code;
    if (atomic_load(&interval->handle) == NULL)
        alldata__interval_spare(storage, LATE_MOST);
    code = alldata__interval_open(storage, interval, ALLDATA_INTERVAL_CREATE, err);
    if (code == REPLI_OK)
        *ret = interval;
    else
        alldata__interval_unpin(storage, interval);
    return code;
}

int32_t alldata__roll_route(alldata_storage *storage, int64_t second, uint32_t flags,
                            alldata__interval **ret, repli_error *err) {
    const int64_t first = atomic_load_explicit(&storage->window_start, memory_order_relaxed);
    if (second < first)
        return (flags & ALLDATA_PUT_LATE) != 0 ? pin_late(storage, second, ret, err)
                                               : refuse(storage, first, 1, err);
    const int64_t place = (second - first) / storage->period;
    if (place >= ALLDATA__WINDOW)
        return refuse(storage, first, 0, err);
    alldata__interval **at = &storage->window[place];
    int32_t code = REPLI_OK;
    if (*at == NULL)
        code = alldata__interval_pin(storage, first + place * storage->period, at, err);
    if (code == REPLI_OK)
        code = alldata__interval_open(storage, *at, ALLDATA_INTERVAL_CREATE, err);
    if (code == REPLI_OK)
        *ret = *at;
    return code;
}

int32_t alldata__roll_accepts(const alldata_storage *storage, const char *key, size_t size,
                              uint32_t flags, int *ret_late, repli_error *err) {
    int64_t tick = 0;
    const int32_t code = alldata_key_validate(key, size, err);
    if (code != REPLI_OK)
        return code;
    alldata__key_read(key, size, &tick);
    const int64_t second = tick / ALLDATA__TICKS_PER_S;
    const int64_t first = alldata__window_start(
        storage->period, atomic_load(&storage->window_start), alldata__storage_now(storage));
    *ret_late = second < first && (flags & ALLDATA_PUT_LATE) != 0;
    if (second < first)
        return *ret_late ? REPLI_OK : refuse(storage, first, 1, err);
    if ((second - first) / storage->period >= ALLDATA__WINDOW)
        return refuse(storage, first, 0, err);
    return REPLI_OK;
}

void alldata__roll_leave(alldata_storage *storage, alldata__interval *interval) {
    if (interval->start < atomic_load_explicit(&storage->window_start, memory_order_relaxed))
        alldata__interval_close_later(storage, interval, LATE_MS);
}
