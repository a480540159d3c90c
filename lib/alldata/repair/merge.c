#include "alldata/repair/merge.h"

#include <pthread.h>
#include <string.h>

#include "alldata/export.h"
#include "alldata/internal.h"
#include "alldata/repair/query.h"
#include "alldata/repair/talk.h"
#include "alldata/wire/frame.h"
#include "alldata/wire/list.h"
#include "base/buf.h"
#include "base/error.h"

/* An answer has a page of records, of which the last may be as large as it likes. */
enum { MOST_REPLY = 64 << 20, TRIES = 2, BOUND_SIZE = ALLDATA__PARAMETER_SIZE };

/* What comes behind the page of a stream. */
enum { NOTHING = 0, ASKED_FOR, LOST };

/* What one node has. */
typedef struct stream {
    alldata_record record; /* the next */
    int has;               /* there is one */
    int ended;
    /* Of a peer. */
    alldata__talk talk;
    char *id;
    alldata__frames page;
    int next;  /* page */
    int tries; /* to get it, that failed */
    size_t last_size;
    char last[BOUND_SIZE]; /* key of the page */
} stream;

struct alldata__merge {
    const repli__mem *mem;
    alldata_scan *local;
    alldata_scan_options options;
    char from[BOUND_SIZE];
    char until[BOUND_SIZE];
    char prefix[BOUND_SIZE];
    stream *streams; /* the first is that of this node */
    size_t count;
    size_t others; /* nodes */
    size_t silent; /* of them, those that do not answer */
    size_t bearable;
    repli_error why; /* of the last of them */
    uint64_t conflicts;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t cond;
    int woken;
    void (*ready)(void *user_data);
    void *ready_data;
};

static int compare(const alldata_record *a, const alldata_record *b) {
    const int order = memcmp(a->key, b->key, a->key_size < b->key_size ? a->key_size : b->key_size);
    return order != 0 ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

static void wake(void *user_data) {
    alldata__merge *merge = user_data;
    pthread_mutex_lock(&merge->mutex);
    merge->woken = 1;
    pthread_cond_signal(&merge->cond);
    /* Under the mutex: who takes it back waits for it. */
    if (merge->ready != NULL)
        merge->ready(merge->ready_data);
    pthread_mutex_unlock(&merge->mutex);
}

static void wait_for_peers(alldata__merge *merge) {
    pthread_mutex_lock(&merge->mutex);
    while (!merge->woken)
        pthread_cond_wait(&merge->cond, &merge->mutex);
    merge->woken = 0;
    pthread_mutex_unlock(&merge->mutex);
}

/* A node does not answer. */
static void miss(alldata__merge *merge, const repli_error *why) {
    merge->silent++;
    repli__error_copy(&merge->why, why);
}

/* Pages. */

static int write_target(const alldata__merge *merge, stream *it) {
    repli_buf *to = &it->talk.path;
    to->size = 0;
    int code = repli__buf_text(to, "/_alldata/records");
    const char *const names[] = {"from", "until", "prefix"};
    const char *const values[] = {merge->from, merge->until, merge->prefix};
    char separator = '?';
    for (size_t i = 0; i < 3; i++) {
        if (values[i][0] == '\0' || code != REPLI_OK)
            continue;
        code = alldata__query_add(to, separator, names[i], values[i], strlen(values[i]));
        separator = '&';
    }
    if (code == REPLI_OK && it->last_size > 0) {
        code = alldata__query_add(to, separator, "after", it->last, it->last_size);
        separator = '&';
    }
    if (code == REPLI_OK && (merge->options.flags & ALLDATA_SCAN_VERIFY) != 0)
        code = alldata__query_add(to, separator, "verify", "1", 1);
    return code;
}

static void ask(alldata__merge *merge, stream *it) {
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    if (write_target(merge, it) != REPLI_OK)
        code = repli__error_nomem(&error, "repair", "reading events");
    if (code == REPLI_OK)
        code = alldata__talk_ask(&it->talk, MOST_REPLY, &error);
    it->next = code == REPLI_OK ? ASKED_FOR : LOST;
    if (code != REPLI_OK)
        miss(merge, &error);
}

/* What was behind the last key, and does not go back: otherwise it would be read for ever. */
static int goes_on(stream *it, const alldata_record *record) {
    const alldata_record last = {.key = it->last, .key_size = it->last_size};
    if (record->key_size == 0 || record->key_size >= sizeof(it->last) ||
        memchr(record->key, '\0', record->key_size) != NULL ||
        (it->last_size > 0 && compare(&last, record) >= 0))
        return 0;
    memcpy(it->last, record->key, record->key_size);
    it->last_size = record->key_size;
    return 1;
}

/* Look through a page as a whole before anything is taken from it. *ret_more: there is another. */
static int32_t check_page(stream *it, int *ret_more, repli_error *err) {
    alldata__frames in = {.text = it->talk.answer.data, .size = it->talk.answer.size};
    alldata_record record;
    const char *next = NULL;
    size_t size = 0;
    int32_t code;
    while ((code = alldata__frame_next(&in, &record, err)) == REPLI_OK)
        if (!goes_on(it, &record))
            return repli__error(err, REPLI_EPROTOCOL, "repair",
                                "the record before byte %zu of a page has an odd key, or one that "
                                "is not in order",
                                in.at);
    if (code != REPLI_EDONE)
        return code;
    alldata__list rest = {in.text, in.size, in.at};
    code = alldata__list_tail(&rest, &next, &size, err);
    if (code == REPLI_OK && next != NULL && in.at == 0)
        code = repli__error(err, REPLI_EPROTOCOL, "repair", "a page without records has a next");
    if (code == REPLI_OK)
        it->page = (alldata__frames){.text = in.text, .size = in.at};
    *ret_more = next != NULL;
    return code;
}

/* Take the page that was asked for, and ask for the next. 0: it is not there yet. */
static int take_page(alldata__merge *merge, stream *it) {
    repli_error error = REPLI_ERROR_INIT;
    char last[BOUND_SIZE];
    const size_t last_size = it->last_size;
    int more = 0;
    int32_t code = alldata__talk_look(&it->talk, &error);
    if (code == REPLI_EBUSY)
        return 0;
    it->page = (alldata__frames){.size = 0};
    it->next = NOTHING;
    memcpy(last, it->last, sizeof(last));
    if (code == REPLI_OK && (code = check_page(it, &more, &error)) != REPLI_OK)
        repli__error_within(&error, code, "%s", it->id);
    if (code != REPLI_OK) {
        memcpy(it->last, last, sizeof(last));
        it->last_size = last_size;
        more = ++it->tries < TRIES;
        if (!more) {
            it->next = LOST;
            miss(merge, &error);
        }
    } else {
        it->tries = 0;
    }
    if (more)
        ask(merge, it);
    return 1;
}

/* 0: it has not answered yet, and is not to be waited for. */
static int fill_from_peer(alldata__merge *merge, stream *it, int waits) {
    while (!it->has && !it->ended) {
        if (alldata__frame_next(&it->page, &it->record, NULL) == REPLI_OK)
            it->has = 1;
        else if (it->next != ASKED_FOR)
            it->ended = 1;
        else if (take_page(merge, it))
            continue;
        else if (waits)
            wait_for_peers(merge);
        else
            return 0;
    }
    return 1;
}

static int32_t fill_from_here(alldata__merge *merge, stream *it, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    if (it->has || it->ended)
        return REPLI_OK;
    const int32_t code = alldata_scan_next(merge->local, &it->record, &error);
    it->has = code == REPLI_OK;
    it->ended = code == REPLI_EDONE;
    return it->has || it->ended ? REPLI_OK : repli__error_copy(err, &error);
}

/* See that each that goes on has its next record. */
static int32_t fill(alldata__merge *merge, int waits, repli_error *err) {
    const int32_t code = fill_from_here(merge, &merge->streams[0], err);
    size_t missing = 0;
    for (size_t i = 1; i < merge->count && code == REPLI_OK; i++)
        missing += !fill_from_peer(merge, &merge->streams[i], waits);
    if (missing > 0)
        return repli__error(err, REPLI_ENOTREADY, "repair",
                            "%zu of %zu other nodes have not answered yet", missing, merge->others);
    return code;
}

/* The end: are there events that only those have who did not answer? */
static int32_t conclude(alldata__merge *merge, repli_error *err) {
    if (merge->silent <= merge->bearable)
        return repli__error(err, REPLI_EDONE, "repair", "there are no more events");
    return repli__error(err, REPLI_ENOQUORUM, "repair",
                        "events may be missing: %zu of %zu other nodes do not answer, and where "
                        "events have %zu replicas, %zu may be missed: %.300s",
                        merge->silent, merge->others, merge->bearable + 1, merge->bearable,
                        merge->why.message);
}

static int32_t take_least(alldata__merge *merge, int waits, alldata_record *ret_record,
                          repli_error *err) {
    const stream *least = NULL;
    const int32_t code = fill(merge, waits, err);
    if (code != REPLI_OK)
        return code;
    for (size_t i = 0; i < merge->count; i++)
        if (merge->streams[i].has &&
            (least == NULL || compare(&merge->streams[i].record, &least->record) < 0))
            least = &merge->streams[i];
    if (least == NULL)
        return conclude(merge, err);
    const alldata_record record = least->record;
    int differs = 0;
    for (size_t i = 0; i < merge->count; i++) {
        stream *it = &merge->streams[i];
        if (!it->has || compare(&it->record, &record) != 0)
            continue;
        it->has = 0;
        differs |= it->record.event_size != record.event_size ||
                   memcmp(it->record.event, record.event, record.event_size) != 0;
    }
    merge->conflicts += (uint64_t)differs;
    ret_record->code = REPLI_OK;
    ret_record->key = record.key;
    ret_record->key_size = record.key_size;
    ret_record->event = record.event;
    ret_record->event_size = record.event_size;
    return REPLI_OK;
}

int32_t alldata__merge_next(alldata__merge *merge, alldata_record *ret_record, repli_error *err) {
    return take_least(merge, 1, ret_record, err);
}

int32_t alldata__merge_try(alldata__merge *merge, alldata_record *ret_record, repli_error *err) {
    return take_least(merge, 0, ret_record, err);
}

void alldata__merge_tell(alldata__merge *merge, void (*ready)(void *user_data), void *user_data) {
    pthread_mutex_lock(&merge->mutex);
    merge->ready = ready;
    merge->ready_data = user_data;
    pthread_mutex_unlock(&merge->mutex);
}

uint64_t alldata__merge_conflicts(const alldata__merge *merge) {
    return merge->conflicts;
}

/* Begin and end. */

static int32_t take_bound(char to[BOUND_SIZE], const char *text, repli_error *err) {
    if (text == NULL)
        return REPLI_OK;
    const size_t size = strlen(text);
    if (size >= BOUND_SIZE)
        return repli__error(err, REPLI_EINVALID, "repair",
                            "a bound of what is read has %zu characters: it is a key or the "
                            "beginning of one",
                            size);
    memcpy(to, text, size + 1);
    return REPLI_OK;
}

/* Narrow the bounds to an interval. */
static int32_t take_interval(alldata__merge *merge, const alldata_storage *storage,
                             const char *interval, repli_error *err) {
    char end[ALLDATA_INTERVAL_SIZE];
    int64_t start;
    if (!alldata__interval_start(interval, strlen(interval), &start))
        return repli__error(err, REPLI_EINVALID, "repair",
                            "\"%.40s\" is no name of an interval, such as 20261121T000000",
                            interval);
    alldata__interval_name(start + storage->period, end);
    if (strcmp(interval, merge->from) > 0)
        memcpy(merge->from, interval, sizeof(end));
    if (merge->until[0] == '\0' || strcmp(end, merge->until) < 0)
        memcpy(merge->until, end, sizeof(end));
    return REPLI_OK;
}

static int32_t take_options(alldata__merge *merge, const alldata_storage *storage,
                            const alldata_scan_options *options, repli_error *err) {
    int32_t code = take_bound(merge->from, options->from, err);
    if (code == REPLI_OK)
        code = take_bound(merge->until, options->until, err);
    if (code == REPLI_OK)
        code = take_bound(merge->prefix, options->prefix, err);
    if (code == REPLI_OK && options->interval != NULL)
        code = take_interval(merge, storage, options->interval, err);
    merge->options.flags = options->flags;
    merge->options.from = merge->from[0] != '\0' ? merge->from : NULL;
    merge->options.until = merge->until[0] != '\0' ? merge->until : NULL;
    merge->options.prefix = merge->prefix[0] != '\0' ? merge->prefix : NULL;
    return code;
}

static int32_t add_stream(alldata__merge *merge, const alldata__cluster *cluster,
                          const alldata__member *member, repli_error *err) {
    stream *it = &merge->streams[merge->count];
    it->id = repli__strdup(merge->mem, member->id);
    if (it->id == NULL ||
        alldata__talk_init(&it->talk, merge->mem, it->id, member->host, member->port) != REPLI_OK) {
        repli__free(merge->mem, it->id);
        return repli__error_nomem(err, "repair", "reading events");
    }
    it->talk.transport = cluster->transport;
    it->talk.wake = wake;
    it->talk.wake_data = merge;
    merge->count++;
    ask(merge, it);
    return REPLI_OK;
}

static int32_t add_streams(alldata__merge *merge, const alldata__cluster *cluster,
                           repli_error *err) {
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < cluster->count && code == REPLI_OK; i++) {
        const alldata__member *member = &cluster->members[i];
        if (member->answers && cluster->transport != NULL) {
            code = add_stream(merge, cluster, member, err);
            continue;
        }
        repli_error error = REPLI_ERROR_INIT;
        repli__error(&error, REPLI_ENOQUORUM, "repair", "%s is not there, or cannot be read from",
                     member->id);
        miss(merge, &error);
    }
    return code;
}

int32_t alldata__merge_new(const alldata__cluster *cluster, const alldata_scan_options *options,
                           const repli__mem *mem, alldata__merge **ret_merge, repli_error *err) {
    static const alldata_scan_options all = ALLDATA_SCAN_OPTIONS_INIT;
    alldata__merge *merge = repli__calloc(mem, 1, sizeof(*merge));
    if (merge == NULL)
        return repli__error_nomem(err, "repair", "reading events");
    merge->mem = mem;
    merge->why = (repli_error)REPLI_ERROR_INIT;
    merge->options = all;
    merge->others = cluster->count;
    merge->bearable = cluster->replication_factor > 1 ? (size_t)cluster->replication_factor - 1 : 0;
    pthread_mutex_init(&merge->mutex, NULL);
    pthread_cond_init(&merge->cond, NULL);
    int32_t code = take_options(merge, cluster->storage, options != NULL ? options : &all, err);
    if (code == REPLI_OK)
        code = alldata_scan_new(cluster->storage, &merge->options, &merge->local, err);
    if (code == REPLI_OK) {
        merge->streams = repli__calloc(mem, cluster->count + 1, sizeof(*merge->streams));
        merge->count = merge->streams != NULL;
        if (merge->streams == NULL)
            code = repli__error_nomem(err, "repair", "reading events");
    }
    if (code == REPLI_OK)
        code = add_streams(merge, cluster, err);
    if (code != REPLI_OK) {
        alldata__merge_free(merge);
        return code;
    }
    *ret_merge = merge;
    return REPLI_OK;
}

void alldata__merge_free(alldata__merge *merge) {
    if (merge == NULL)
        return;
    /* Calling off what is still asked for is no news. */
    alldata__merge_tell(merge, NULL, NULL);
    for (size_t i = 1; i < merge->count; i++) {
        alldata__talk_dispose(&merge->streams[i].talk);
        repli__free(merge->mem, merge->streams[i].id);
    }
    alldata_scan_free(merge->local);
    pthread_cond_destroy(&merge->cond);
    pthread_mutex_destroy(&merge->mutex);
    repli__free(merge->mem, merge->streams);
    repli__free(merge->mem, merge);
}

static int32_t next(void *merge, alldata_record *ret_record, repli_error *err) {
    return alldata__merge_next(merge, ret_record, err);
}

int32_t alldata__merge_interval(const alldata__cluster *cluster, const char *interval,
                                const char *path, const repli__mem *mem, alldata__merge **ret_merge,
                                repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.interval = interval;
    options.flags = ALLDATA_SCAN_VERIFY;
    const int32_t code = alldata__export_check(cluster->storage, interval, path, err);
    return code == REPLI_OK ? alldata__merge_new(cluster, &options, mem, ret_merge, err) : code;
}

int32_t alldata__merge_export(const alldata__cluster *cluster, const char *interval,
                              const char *path, const repli__mem *mem, repli_error *err) {
    alldata__merge *merge = NULL;
    int32_t code = alldata__merge_interval(cluster, interval, path, mem, &merge, err);
    if (code != REPLI_OK)
        return code;
    const alldata__export what = {.interval = interval, .next = next, .source = merge};
    code = alldata__export_write(mem, &what, path, err);
    alldata__merge_free(merge);
    return code;
}
