#include "alldata/coordinator/state.h"

#include <string.h>

#include "alldata/moment.h"
#include "base/error.h"

/*
 * All that waits is written together, so that those who come while the disk is busy share its next
 * turn. Intervals of late events have to be opened, which takes as long as some hundred writes: so
 * events of now never wait for more than a few of them.
 *
 * Somebody writes at a time: the writer's thread, or who has brought a few events that need not
 * reach the disk yet. To write those takes a few microseconds, less than to wake the writer and to
 * be woken by it.
 */

enum { LATE_INTERVALS = 4, FEW = 128, FEW_BYTES = 64 * 1024 };

typedef struct intervals {
    int64_t starts[LATE_INTERVALS];
    size_t count;
} intervals;

/* Not 0: there is room for that of the item. */
static int add_interval(const alldata_coordinator *c, intervals *all, const alldata__item *item) {
    int64_t second = 0;
    if (!item->is_late || !alldata__moment_read(item->key, &second))
        return 1;
    const int64_t start = alldata__period_start(c->options.storage->period, second);
    for (size_t i = 0; i < all->count; i++)
        if (all->starts[i] == start)
            return 1;
    if (all->count == LATE_INTERVALS)
        return 0;
    all->starts[all->count++] = start;
    return 1;
}

/* The first that wait, for which the same flags hold. The mutex is held. */
static size_t take(alldata_coordinator *c, alldata__queue *from, uint32_t *ret_flags) {
    size_t count = 0;
    intervals late = {.count = 0};
    while (from->first != NULL && count < ALLDATA__WRITES &&
           (count == 0 || from->first->flags == *ret_flags) &&
           add_interval(c, &late, from->first)) {
        alldata__item *item = from->first;
        *ret_flags = item->flags;
        c->items[count] = item;
        c->records[count] =
            (alldata_record){.struct_size = sizeof(alldata_record),
                             .key = item->key,
                             .key_size = item->key[0] != '\0' ? ALLDATA_KEY_LENGTH : 0,
                             .event = item->event,
                             .event_size = item->event_size};
        from->first = item->next;
        from->count--;
        from->bytes -= item->event_size;
        count++;
    }
    if (from->first == NULL)
        from->last = NULL;
    return count;
}

/* The storage says why of one alone. What is due to all, like a full disk, is due to this one; else
 * it is asked again, which changes nothing or stores it. */
static void write_again(alldata_coordinator *c, size_t i, uint32_t flags,
                        const repli_error *first) {
    alldata_record *record = &c->records[i];
    repli_error error = *first;
    if (record->code != first->code || record->code == REPLI_ECONFLICT ||
        record->code == REPLI_EINVALID)
        alldata_storage_put(c->options.storage, record, 1, flags, &error);
    alldata__coordinator_enter(c);
    alldata__put_written(c, c->items[i], record->code, &error);
    alldata__coordinator_leave(c);
}

static void write_some(alldata_coordinator *c, size_t count, uint32_t flags) {
    repli_error first = REPLI_ERROR_INIT;
    const int32_t code = alldata_storage_put(c->options.storage, c->records, count, flags, &first);
    alldata__coordinator_enter(c);
    for (size_t i = 0; i < count; i++)
        if (c->records[i].code == REPLI_OK)
            alldata__put_written(c, c->items[i], REPLI_OK, NULL);
    alldata__coordinator_leave(c);
    for (size_t i = 0; code != REPLI_OK && i < count; i++)
        if (c->records[i].code != REPLI_OK)
            write_again(c, i, flags, &first);
}

static void count_hint(alldata_coordinator *c, alldata__site *site) {
    site->hints++;
    c->counters.hints_pending++;
    c->counters.hints_written++;
}

/* Another thread may just be writing it. */
static int is_here(alldata_coordinator *c, const alldata__item *item) {
    pthread_mutex_lock(&c->mutex);
    const int is_written = item->is_written;
    pthread_mutex_unlock(&c->mutex);
    return is_written;
}

/* Of an event that this node has the key is enough. */
static void write_hints(alldata_coordinator *c, alldata__attempt *list) {
    alldata__attempt *next;
    repli_error error = REPLI_ERROR_INIT;
    for (const alldata__attempt *it = list; it != NULL; it = it->behind) {
        alldata__hint hint = {.event = is_here(c, it->item) ? NULL : it->item->event,
                              .event_size = it->item->event_size};
        memcpy(hint.key, it->item->key, sizeof(hint.key));
        alldata__hints_add(c->hints, it->site->id, &hint);
    }
    const int durable = (c->options.put_flags & ALLDATA_PUT_SYNC) != 0;
    const int32_t code = alldata__hints_write(c->hints, durable, &error);
    if (code != REPLI_OK)
        repli__log_printf(&c->log, REPLI_LOG_ERROR, ALLDATA__COORDINATOR, "%s", error.message);
    alldata__coordinator_enter(c);
    for (alldata__attempt *it = list; it != NULL; it = next) {
        next = it->behind;
        if (code == REPLI_OK)
            count_hint(c, it->site);
        alldata__put_hinted(c, it, code);
    }
    alldata__coordinator_leave(c);
}

/* Whoever set c->is_writing has the right to. Returns how many there were. */
static size_t write_next(alldata_coordinator *c, alldata__queue *from) {
    uint32_t flags = 0;
    pthread_mutex_lock(&c->mutex);
    const size_t count = take(c, from, &flags);
    pthread_mutex_unlock(&c->mutex);
    if (count > 0)
        write_some(c, count, flags | c->options.put_flags);
    return count;
}

/* Another module than LevelDB may wait for a network, however little it is. */
int alldata__may_write(const alldata_coordinator *c) {
    const alldata__queue *waiting = &c->waiting;
    return waiting->first != NULL && !c->is_writing && !c->writer_waits && waiting->count <= FEW &&
           waiting->bytes <= FEW_BYTES && c->options.run_mode == ALLDATA_RUN_THREADS &&
           ((c->options.put_flags | waiting->first->flags) & ALLDATA_PUT_SYNC) == 0 &&
           c->options.storage->module == alldata_storage_leveldb();
}

void alldata__write_here(alldata_coordinator *c) {
    write_next(c, &c->waiting);
    alldata__coordinator_enter(c);
    c->is_writing = 0;
    c->brings |= c->waiting.first != NULL;
    pthread_cond_signal(&c->written);
    alldata__coordinator_leave(c);
}

static size_t write_all(alldata_coordinator *c) {
    pthread_mutex_lock(&c->mutex);
    c->writer_waits = 1;
    while (c->is_writing)
        pthread_cond_wait(&c->written, &c->mutex);
    c->writer_waits = 0;
    c->is_writing = 1;
    pthread_mutex_unlock(&c->mutex);
    const size_t count = write_next(c, &c->waiting) + write_next(c, &c->late);
    pthread_mutex_lock(&c->mutex);
    c->is_writing = 0;
    pthread_mutex_unlock(&c->mutex);
    return count;
}

uint64_t alldata__coordinator_write(void *user_data) {
    alldata_coordinator *c = user_data;
    const size_t count = write_all(c);
    pthread_mutex_lock(&c->mutex);
    alldata__attempt *hints = c->hint_first;
    c->hint_first = c->hint_last = NULL;
    const int owes = c->counters.hints_pending > 0 || c->delivered != NULL;
    pthread_mutex_unlock(&c->mutex);
    if (hints != NULL)
        write_hints(c, hints);
    uint64_t due_ns = owes || hints != NULL ? alldata__deliver(c) : UINT64_MAX;
    if (count > 0 || hints != NULL)
        return 0;
    alldata__coordinator_enter(c);
    const uint64_t held_ns = alldata__send_held(c);
    alldata__coordinator_leave(c);
    return held_ns < due_ns ? held_ns : due_ns;
}
