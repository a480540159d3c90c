#include <string.h>

#include "alldata/internal.h"
#include "alldata/key.h"
#include "alldata/moment.h"
#include "alldata/pace.h"
#include "base/error.h"

/*
 * Intervals are read one after the other. They may overlap, though, where the length of intervals
 * was changed, so one is begun as soon as the next key could be in it, which is when that is not
 * before its name, and all that have begun are merged. As a rule that is one.
 */

enum { LONGEST_INTERVAL_S = 24 * 60 * 60, BOUND_SIZE = 64 };

typedef struct part {
    struct part *next;
    alldata__interval *interval;
    void *cursor;
    alldata_record record;
} part;

struct alldata_scan {
    alldata_storage *storage;
    int64_t *starts; /* of intervals to be read, in order */
    size_t count, at;
    char next_name[ALLDATA_INTERVAL_SIZE]; /* of the next of them */
    uint32_t flags;
    part *parts;       /* that have begun, each with its next record */
    part *current;     /* whose record was returned; NULL: none */
    repli_error error; /* of a cursor, where its end is none */
    alldata__pace pace;
    size_t from_size, until_size;
    char from[BOUND_SIZE];
    char until[BOUND_SIZE];
};

static int compare(const char *a, size_t a_size, const char *b, size_t b_size) {
    const int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Parts. */

static void end_part(alldata_scan *scan, part *which) {
    part **at = &scan->parts;
    while (*at != which)
        at = &(*at)->next;
    *at = which->next;
    if (which->cursor != NULL)
        scan->storage->module->cursor_close(which->cursor);
    alldata__interval_leave(scan->storage, which->interval);
    alldata__interval_unpin(scan->storage, which->interval);
    repli__free(&scan->storage->mem, which);
}

/* Take the part's next record; it ends if there is none. */
static int32_t advance(alldata_scan *scan, part *which, repli_error *err) {
    const int32_t code =
        scan->storage->module->cursor_next(which->cursor, &which->record, &scan->error);
    if (code == REPLI_OK &&
        (scan->until_size == 0 ||
         compare(which->record.key, which->record.key_size, scan->until, scan->until_size) < 0))
        return REPLI_OK;
    end_part(scan, which);
    return code == REPLI_OK || code == REPLI_EDONE ? REPLI_OK
                                                   : repli__error_copy(err, &scan->error);
}

static int32_t begin_part(alldata_scan *scan, int64_t start, repli_error *err) {
    alldata_storage *storage = scan->storage;
    part *it = repli__calloc(&storage->mem, 1, sizeof(*it));
    if (it == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "reading events");
    int32_t code = alldata__interval_pin(storage, start, &it->interval, err);
    if (code == REPLI_OK) {
        code = alldata__interval_enter(storage, it->interval, err);
        if (code != REPLI_OK)
            alldata__interval_unpin(storage, it->interval);
    }
    if (code != REPLI_OK) {
        repli__free(&storage->mem, it);
        return code;
    }
    it->record = (alldata_record)ALLDATA_RECORD_INIT;
    it->next = scan->parts;
    scan->parts = it;
    code = storage->module->cursor_open(atomic_load(&it->interval->handle), scan->from,
                                        scan->from_size, scan->flags, &it->cursor, err);
    if (code != REPLI_OK) {
        end_part(scan, it);
        return code;
    }
    return advance(scan, it, err);
}

static part *least_part(const alldata_scan *scan) {
    part *least = scan->parts;
    for (part *it = least != NULL ? least->next : NULL; it != NULL; it = it->next)
        if (compare(it->record.key, it->record.key_size, least->record.key,
                    least->record.key_size) < 0)
            least = it;
    return least;
}

static void name_next(alldata_scan *scan) {
    if (scan->at < scan->count)
        alldata__interval_name(scan->starts[scan->at], scan->next_name);
}

/* Begin every interval that could have a key up to the least of those that have begun. */
static int32_t begin_parts(alldata_scan *scan, repli_error *err) {
    int32_t code = REPLI_OK;
    while (code == REPLI_OK && scan->at < scan->count) {
        const char *name = scan->next_name;
        const part *least = least_part(scan);
        if (least != NULL &&
            compare(least->record.key, least->record.key_size, name, ALLDATA_INTERVAL_SIZE - 1) < 0)
            break;
        if (scan->until_size > 0 &&
            compare(name, ALLDATA_INTERVAL_SIZE - 1, scan->until, scan->until_size) >= 0)
            break;
        code = begin_part(scan, scan->starts[scan->at++], err);
        name_next(scan);
    }
    return code;
}

/* Where intervals overlap a key may be in two of them. */
static int32_t drop_twins(alldata_scan *scan, const part *least, repli_error *err) {
    int32_t code = REPLI_OK;
    part *next;
    for (part *it = scan->parts; it != NULL && code == REPLI_OK; it = next) {
        next = it->next;
        if (it != least && compare(it->record.key, it->record.key_size, least->record.key,
                                   least->record.key_size) == 0)
            code = advance(scan, it, err);
    }
    return code;
}

int32_t alldata_scan_next(alldata_scan *scan, alldata_record *ret_record, repli_error *err) {
    int32_t code = alldata__storage_check(scan->storage, err);
    if (code == REPLI_OK && scan->current != NULL) {
        part *it = scan->current;
        scan->current = NULL;
        code = advance(scan, it, err);
    }
    if (code == REPLI_OK && scan->at < scan->count)
        code = begin_parts(scan, err);
    if (code != REPLI_OK)
        return code;
    part *least = least_part(scan);
    if (least == NULL)
        return repli__error(err, REPLI_EDONE, ALLDATA__ORIGIN, "there are no more events");
    if (least->next != NULL || scan->parts != least)
        code = drop_twins(scan, least, err);
    if (code != REPLI_OK)
        return code;
    scan->current = least;
    /* Where there are no threads of ours, writers may wait for this very one. */
    if (scan->storage->run_mode == ALLDATA_RUN_THREADS)
        alldata__pace_step(&scan->pace,
                           atomic_load_explicit(&scan->storage->writes, memory_order_relaxed));
    ret_record->code = REPLI_OK;
    ret_record->key = least->record.key;
    ret_record->key_size = least->record.key_size;
    ret_record->event = least->record.event;
    ret_record->event_size = least->record.event_size;
    return REPLI_OK;
}

/* Begin and end. */

static int32_t take_bound(char to[BOUND_SIZE], size_t *ret_size, const char *text, const char *what,
                          repli_error *err) {
    *ret_size = text != NULL ? strlen(text) : 0;
    if (*ret_size >= BOUND_SIZE)
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "%s has %zu characters: it is a key or the beginning of one", what,
                            *ret_size);
    if (text != NULL)
        memcpy(to, text, *ret_size);
    return REPLI_OK;
}

/* The text before which all those come that begin so. Nothing is at its end but a character. */
static void end_prefix(char *prefix, size_t *size) {
    while (*size > 0 && (unsigned char)prefix[*size - 1] == 0xFF)
        (*size)--;
    if (*size > 0)
        prefix[*size - 1]++;
}

static int32_t take_bounds(alldata_scan *scan, const alldata_scan_options *options,
                           repli_error *err) {
    char prefix[BOUND_SIZE];
    size_t size = 0;
    int32_t code = take_bound(scan->from, &scan->from_size, options->from, "from", err);
    if (code == REPLI_OK)
        code = take_bound(scan->until, &scan->until_size, options->until, "until", err);
    if (code == REPLI_OK)
        code = take_bound(prefix, &size, options->prefix, "prefix", err);
    if (code != REPLI_OK || size == 0)
        return code;
    if (compare(prefix, size, scan->from, scan->from_size) > 0) {
        memcpy(scan->from, prefix, size);
        scan->from_size = size;
    }
    end_prefix(prefix, &size);
    if (size > 0 &&
        (scan->until_size == 0 || compare(prefix, size, scan->until, scan->until_size) < 0)) {
        memcpy(scan->until, prefix, size);
        scan->until_size = size;
    }
    return REPLI_OK;
}

/* Leave out what ended before from begins, which may be the beginning of a key only. The reference
 * has keys that are shorter than others in the interval before the one they name. */
static void skip_early(alldata_scan *scan) {
    char text[] = "00000101T000000";
    int64_t second;
    const size_t size = scan->from_size < sizeof(text) - 1 ? scan->from_size : sizeof(text) - 1;
    memcpy(text, scan->from, size);
    if (size == 0 || !alldata__moment_read(text, &second))
        return;
    while (scan->at < scan->count && scan->starts[scan->at] + LONGEST_INTERVAL_S < second)
        scan->at++;
}

static int32_t take_interval(alldata_scan *scan, const char *name, repli_error *err) {
    int64_t start;
    size_t at = 0;
    if (!alldata__interval_start(name, strlen(name), &start))
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "\"%.40s\" is no name of an interval, such as 20261121T000000", name);
    while (at < scan->count && scan->starts[at] != start)
        at++;
    if (at == scan->count)
        return repli__error(err, REPLI_ENOTFOUND, ALLDATA__ORIGIN, "there is no interval %s", name);
    scan->at = at;
    scan->count = at + 1;
    return REPLI_OK;
}

int32_t alldata_scan_new(alldata_storage *storage, const alldata_scan_options *options,
                         alldata_scan **ret_scan, repli_error *err) {
    static const alldata_scan_options all = ALLDATA_SCAN_OPTIONS_INIT;
    int32_t code = alldata__storage_check(storage, err);
    if (code != REPLI_OK)
        return code;
    alldata_scan *scan = repli__calloc(&storage->mem, 1, sizeof(*scan));
    if (scan == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "reading events");
    scan->storage = storage;
    scan->error = (repli_error)REPLI_ERROR_INIT;
    options = options != NULL ? options : &all;
    code = alldata__storage_starts(storage, &scan->starts, &scan->count, err);
    if (code == REPLI_OK)
        code = take_bounds(scan, options, err);
    if (code == REPLI_OK && options->interval != NULL)
        code = take_interval(scan, options->interval, err);
    if (code != REPLI_OK) {
        alldata_scan_free(scan);
        return code;
    }
    scan->flags = options->flags;
    skip_early(scan);
    name_next(scan);
    *ret_scan = scan;
    return REPLI_OK;
}

void alldata_scan_free(alldata_scan *scan) {
    if (scan == NULL)
        return;
    alldata_storage *storage = scan->storage;
    while (alldata__storage_check(storage, NULL) == REPLI_OK && scan->parts != NULL)
        end_part(scan, scan->parts);
    repli__free(&storage->mem, scan->starts);
    repli__free(&storage->mem, scan);
}

/* The last key. */

static int is_of(const alldata_record *record, const char *node) {
    const size_t size = strlen(node);
    return record->key_size == ALLDATA_KEY_LENGTH &&
           memcmp(record->key + ALLDATA_KEY_LENGTH - size, node, size) == 0;
}

int32_t alldata_storage_last_key(alldata_storage *storage, int32_t node,
                                 char ret_key[ALLDATA_KEY_SIZE], repli_error *err) {
    char from[ALLDATA_KEY_SIZE];
    char last[ALLDATA_KEY_SIZE] = "";
    alldata_scan *scan = NULL;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    if (node < 0 || node >= ALLDATA_KEYGEN_NODES)
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN, "%d is no number of a node",
                            (int)node);
    alldata__key_write((uint64_t)(storage->clock(storage->clock_data) / ALLDATA__TICK_NS), node,
                       from);
    options.from = from;
    int32_t code = alldata_scan_new(storage, &options, &scan, err);
    if (code != REPLI_OK)
        return code;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error end = REPLI_ERROR_INIT;
    const char *digits = from + ALLDATA_KEY_LENGTH - ALLDATA__NODE_LENGTH;
    while ((code = alldata_scan_next(scan, &record, &end)) == REPLI_OK)
        if (is_of(&record, digits))
            memcpy(last, record.key, ALLDATA_KEY_LENGTH);
    alldata_scan_free(scan);
    if (code != REPLI_EDONE)
        return repli__error_copy(err, &end);
    if (last[0] == '\0')
        return repli__error(err, REPLI_ENOTFOUND, ALLDATA__ORIGIN,
                            "no key of node %d lies ahead of the clock", (int)node);
    memcpy(ret_key, last, sizeof(last));
    return REPLI_OK;
}
