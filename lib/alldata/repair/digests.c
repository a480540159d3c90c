#include "alldata/repair/digests.h"

#include <pthread.h>
#include <string.h>

#include "alldata/key.h"
#include "alldata/moment.h"
#include "base/error.h"

/*
 * Days that were asked for, least recently used out first, with what is known of each of their
 * minutes. A number is given to each time that something is stored: a sum is kept only if its
 * minute was not touched since the events of it began to be read.
 */

enum {
    MINUTES = 24 * 60,
    MOST_DAYS = 64,
    PARTS = 8,
    MINUTE_LENGTH = 13,
    SEEK_BYTES = 4096, /* as many bytes as could be read while a key is looked for */
    LINE_BYTES = 40    /* of a bucket that is handed out */
};

typedef struct minute {
    uint64_t hash;
    uint64_t touched; /* when something was stored in it last; 0: never since the day is kept */
    uint32_t count;
    uint32_t known;
} minute;

typedef struct day {
    int64_t number; /* since 1970 */
    uint64_t used;
    minute minutes[MINUTES];
} day;

/* A minute that a page ended in. */
typedef struct part {
    char next[ALLDATA_KEY_SIZE]; /* "": none */
    int64_t minute;
    uint64_t since;
    uint64_t hash;
    uint32_t count;
} part;

struct alldata__digests {
    repli__mem mem;
    alldata_storage *storage;
    pthread_mutex_t mutex; /* guards what follows */
    uint64_t touches;
    uint64_t
        floor; /* what began before it is not kept: something was stored in a day that is not */
    uint64_t uses;
    day *days[MOST_DAYS];
    size_t count;
    part parts[PARTS];
    size_t next_part;
};

int32_t alldata__digests_new(alldata_storage *storage, const repli__mem *mem,
                             alldata__digests **ret_digests, repli_error *err) {
    alldata__digests *self = repli__calloc(mem, 1, sizeof(*self));
    if (self == NULL)
        return repli__error_nomem(err, "repair", "adding up events");
    self->mem = *mem;
    self->storage = storage;
    self->touches = 1;
    pthread_mutex_init(&self->mutex, NULL);
    *ret_digests = self;
    return REPLI_OK;
}

static void drop_all(alldata__digests *self) {
    while (self->count > 0)
        repli__free(&self->mem, self->days[--self->count]);
    memset(self->parts, 0, sizeof(self->parts));
    self->floor = ++self->touches;
}

void alldata__digests_free(alldata__digests *self) {
    if (self == NULL)
        return;
    drop_all(self);
    pthread_mutex_destroy(&self->mutex);
    const repli__mem mem = self->mem;
    repli__free(&mem, self);
}

void alldata__digests_forget(alldata__digests *self) {
    pthread_mutex_lock(&self->mutex);
    drop_all(self);
    pthread_mutex_unlock(&self->mutex);
}

/* Minutes. The mutex is held. */

static day *find_day(alldata__digests *self, int64_t number) {
    for (size_t i = 0; i < self->count; i++)
        if (self->days[i]->number == number)
            return self->days[i];
    return NULL;
}

/* The day, emptied of another if there are too many; NULL: there is no memory. */
static day *make_day(alldata__digests *self, int64_t number) {
    size_t at = self->count;
    if (at == MOST_DAYS) {
        at = 0;
        for (size_t i = 1; i < MOST_DAYS; i++)
            if (self->days[i]->used < self->days[at]->used)
                at = i;
        self->floor = self->touches;
    } else {
        self->days[at] = repli__alloc(&self->mem, sizeof(day));
        if (self->days[at] == NULL)
            return NULL;
        self->count++;
    }
    memset(self->days[at], 0, sizeof(day));
    self->days[at]->number = number;
    return self->days[at];
}

static minute *find_minute(alldata__digests *self, int64_t number) {
    day *it = find_day(self, number / MINUTES);
    return it != NULL ? &it->minutes[number % MINUTES] : NULL;
}

static void touch(alldata__digests *self, int64_t number) {
    const uint64_t touch = ++self->touches;
    minute *it = find_minute(self, number);
    for (size_t i = 0; i < PARTS; i++)
        if (self->parts[i].minute == number)
            self->parts[i].next[0] = '\0';
    if (it == NULL) {
        self->floor = touch;
        return;
    }
    it->touched = touch;
    it->known = 0;
}

/* The minute of a key or of its first characters, as of the last one if it begins the same. */
typedef struct reader {
    char text[MINUTE_LENGTH];
    int64_t minute;
} reader;

static int read_minute(reader *in, const char *text, int64_t *ret_minute) {
    if (memcmp(in->text, text, MINUTE_LENGTH) != 0) {
        char second[ALLDATA__SECOND_LENGTH];
        int64_t number;
        memcpy(second, text, MINUTE_LENGTH);
        memset(second + MINUTE_LENGTH, '0', ALLDATA__SECOND_LENGTH - MINUTE_LENGTH);
        if (!alldata__moment_read(second, &number) || number < 0)
            return 0;
        memcpy(in->text, text, MINUTE_LENGTH);
        in->minute = number / 60;
    }
    *ret_minute = in->minute;
    return 1;
}

void alldata__digests_touch(alldata__digests *self, alldata_record *const *records, size_t count) {
    reader in = {.minute = -1};
    int64_t last = -1;
    pthread_mutex_lock(&self->mutex);
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        if (records[i]->code == REPLI_OK && read_minute(&in, records[i]->key, &number) &&
            number != last)
            touch(self, last = number);
    }
    pthread_mutex_unlock(&self->mutex);
}

/* A walk over a page. */

typedef struct walk {
    alldata__digests *digests;
    const alldata__digests_page *page;
    char at[ALLDATA_KEY_SIZE]; /* where it is: a key, or the beginning of one */
    size_t bytes;              /* read and handed out so far */
    size_t taken;              /* events of those read */
    alldata__digest sum;       /* of the bucket that it is in */
    reader reader;
    /* Of the minute whose events are read. */
    int64_t minute; /* -1: none */
    int64_t broken; /* one that is not read from its beginning; -1: none */
    uint64_t since;
    uint64_t hash;
    uint32_t count;
} walk;

static int32_t hand_out(walk *w) {
    if (w->sum.count == 0)
        return REPLI_OK;
    const int32_t code = w->page->take(w->page->user_data, &w->sum);
    w->bytes += LINE_BYTES;
    w->sum.count = 0;
    w->sum.hash = 0;
    return code;
}

static int32_t add(walk *w, const char *key, uint64_t count, uint64_t hash) {
    const size_t length = w->page->length;
    int32_t code = REPLI_OK;
    if (w->sum.count > 0 && memcmp(w->sum.bucket, key, length) != 0)
        code = hand_out(w);
    memcpy(w->sum.bucket, key, length);
    w->sum.bucket[length] = '\0';
    w->sum.count += count;
    w->sum.hash += hash;
    return code;
}

/* The first key of a minute. */
static void write_minute(int64_t number, char to[ALLDATA_KEY_SIZE]) {
    alldata__moment_write(number * 60, to);
    memset(to + ALLDATA__SECOND_LENGTH, '0', ALLDATA_KEY_LENGTH - ALLDATA__SECOND_LENGTH);
    to[ALLDATA_KEY_LENGTH] = '\0';
}

/* The minute that it stands at the beginning of; -1 if it does not. */
static int64_t whole_minute(walk *w) {
    static const char first[] = "00000000T000000000000000000";
    char text[ALLDATA_KEY_SIZE];
    const size_t size = strlen(w->at);
    int64_t number = -1;
    if (size < 8)
        return -1;
    memcpy(text, w->at, size);
    memcpy(text + size, first + size, sizeof(first) - size);
    if (strcmp(text + MINUTE_LENGTH, first + MINUTE_LENGTH) != 0 ||
        !read_minute(&w->reader, text, &number))
        return -1;
    return number;
}

/* Does the page end behind a minute? */
static int has_end_of(const walk *w, int64_t number) {
    char next[ALLDATA_KEY_SIZE];
    if (w->page->until == NULL)
        return 1;
    write_minute(number + 1, next);
    next[MINUTE_LENGTH] = '\0';
    return strcmp(next, w->page->until) <= 0;
}

/* Go over minutes that are known, from where it is on. Returns the code of what took them. */
static int32_t take_known(walk *w) {
    alldata__digests *self = w->digests;
    int64_t number = w->page->length <= MINUTE_LENGTH ? whole_minute(w) : -1;
    int32_t code = REPLI_OK;
    while (number >= 0 && code == REPLI_OK && w->bytes < w->page->bytes && has_end_of(w, number)) {
        pthread_mutex_lock(&self->mutex);
        day *it = find_day(self, number / MINUTES);
        const minute found = it != NULL ? it->minutes[number % MINUTES] : (minute){0};
        if (it != NULL)
            it->used = ++self->uses;
        pthread_mutex_unlock(&self->mutex);
        if (!found.known)
            break;
        write_minute(number, w->at);
        if (found.count > 0)
            code = add(w, w->at, found.count, found.hash);
        write_minute(++number, w->at);
    }
    return code;
}

/* Keep what was added up of a minute, of which all was read. The mutex is held. */
static void keep(walk *w, int64_t number, uint32_t count, uint64_t hash) {
    alldata__digests *self = w->digests;
    minute *it = find_minute(self, number);
    if (w->since < self->floor || it == NULL || it->touched > w->since)
        return;
    it->count = count;
    it->hash = hash;
    it->known = 1;
}

/* The minute ends, and the next key, if any, is in another. */
static void end_minute(walk *w, int64_t next) {
    if (w->minute < 0 || w->page->length > MINUTE_LENGTH)
        return;
    pthread_mutex_lock(&w->digests->mutex);
    if (w->minute != w->broken && (next >= 0 || has_end_of(w, w->minute)))
        keep(w, w->minute, w->count, w->hash);
    /* In between there are none. */
    const int64_t end = (w->minute / MINUTES + 1) * MINUTES;
    for (int64_t i = w->minute + 1; next >= 0 && i < next && i < end; i++)
        keep(w, i, 0, 0);
    pthread_mutex_unlock(&w->digests->mutex);
    w->minute = -1;
}

static void begin_minute(walk *w, int64_t number) {
    w->minute = number;
    w->count = 0;
    w->hash = 0;
    pthread_mutex_lock(&w->digests->mutex);
    if (find_day(w->digests, number / MINUTES) == NULL)
        make_day(w->digests, number / MINUTES);
    pthread_mutex_unlock(&w->digests->mutex);
}

/* Go on with a minute that a page ended in, or begin one if this is its beginning. */
static void resume_minute(walk *w) {
    alldata__digests *self = w->digests;
    w->minute = -1;
    w->broken = -1;
    pthread_mutex_lock(&self->mutex);
    w->since = self->touches;
    for (size_t i = 0; i < PARTS; i++) {
        const part *it = &self->parts[i];
        if (it->next[0] == '\0' || strcmp(it->next, w->at) != 0)
            continue;
        w->minute = it->minute;
        w->since = it->since;
        w->hash = it->hash;
        w->count = it->count;
    }
    pthread_mutex_unlock(&self->mutex);
    if (w->minute >= 0)
        return;
    const int64_t number = whole_minute(w);
    if (number >= 0)
        begin_minute(w, number);
    else if (strlen(w->at) > MINUTE_LENGTH && !read_minute(&w->reader, w->at, &w->broken))
        w->broken = -1;
}

static void keep_part(walk *w, const char *next) {
    alldata__digests *self = w->digests;
    if (w->minute < 0 || w->minute == w->broken)
        return;
    pthread_mutex_lock(&self->mutex);
    part *it = &self->parts[self->next_part++ % PARTS];
    const minute *found = find_minute(self, w->minute);
    *it = (part){.minute = w->minute, .since = w->since, .hash = w->hash, .count = w->count};
    if (found != NULL && found->touched <= w->since && w->since >= self->floor)
        memcpy(it->next, next, ALLDATA_KEY_LENGTH);
    pthread_mutex_unlock(&self->mutex);
}

static int is_known(walk *w, int64_t number) {
    pthread_mutex_lock(&w->digests->mutex);
    const minute *it = find_minute(w->digests, number);
    const int known = it != NULL && it->known;
    pthread_mutex_unlock(&w->digests->mutex);
    return known && number != w->broken && w->page->length <= MINUTE_LENGTH &&
           has_end_of(w, number);
}

/* Take one event. *ret_stops: it is not taken, as its minute is known or enough was read. */
static int32_t take_record(walk *w, const alldata_record *record, int *ret_stops) {
    int64_t number;
    if (record->key_size != ALLDATA_KEY_LENGTH ||
        alldata_key_validate(record->key, record->key_size, NULL) != REPLI_OK ||
        !read_minute(&w->reader, record->key, &number))
        return REPLI_OK;
    if (w->minute != number && w->minute >= 0)
        end_minute(w, number);
    const int begins = w->minute != number;
    *ret_stops = (w->taken > 0 && w->bytes >= w->page->bytes) || (begins && is_known(w, number));
    memcpy(w->at, record->key, ALLDATA_KEY_LENGTH);
    w->at[ALLDATA_KEY_LENGTH] = '\0';
    if (*ret_stops) {
        if (begins)
            write_minute(number, w->at);
        else
            keep_part(w, w->at);
        return REPLI_OK;
    }
    if (begins)
        begin_minute(w, number);
    const uint64_t hash = alldata__record_hash(record);
    w->taken++;
    w->count++;
    w->hash += hash;
    w->bytes += record->key_size + record->event_size;
    return add(w, record->key, 1, hash);
}

/* Read events until a minute comes that is known, or enough was read. *ret_ended: there are no
 * more.
 */
static int32_t read_on(walk *w, int *ret_ended, repli_error *err) {
    alldata_scan *scan = NULL;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int stops = 0;
    resume_minute(w);
    options.from = w->at;
    options.until = w->page->until;
    int32_t code = alldata_scan_new(w->digests->storage, &options, &scan, err);
    if (code != REPLI_OK)
        return code;
    w->bytes += SEEK_BYTES;
    while (code == REPLI_OK && !stops) {
        code = alldata_scan_next(scan, &record, &error);
        if (code == REPLI_OK)
            code = take_record(w, &record, &stops);
        else if (code != REPLI_EDONE)
            repli__error_copy(err, &error);
    }
    alldata_scan_free(scan);
    *ret_ended = code == REPLI_EDONE;
    if (*ret_ended)
        end_minute(w, -1);
    return *ret_ended ? REPLI_OK : code;
}

static int32_t check(const alldata__digests_page *page, repli_error *err) {
    const size_t length = page->length;
    if (length != 8 && length != 11 && length != MINUTE_LENGTH && length != ALLDATA__SECOND_LENGTH)
        return repli__error(err, REPLI_EINVALID, "repair",
                            "the length of a bucket is %zu: it is 8, 11, 13 or 15", length);
    if ((page->from != NULL && strlen(page->from) > ALLDATA_KEY_LENGTH) ||
        (page->until != NULL && strlen(page->until) > ALLDATA_KEY_LENGTH))
        return repli__error(err, REPLI_EINVALID, "repair",
                            "from and until have %d characters at most", ALLDATA_KEY_LENGTH);
    return REPLI_OK;
}

int32_t alldata__digests_read(alldata__digests *digests, const alldata__digests_page *page,
                              char ret_next[ALLDATA_KEY_SIZE], repli_error *err) {
    walk w = {.digests = digests, .page = page, .minute = -1, .broken = -1};
    int ended = 0;
    int32_t code = check(page, err);
    if (code == REPLI_OK && page->from != NULL)
        memcpy(w.at, page->from, strlen(page->from) + 1);
    do {
        if (code == REPLI_OK)
            code = take_known(&w);
        if (code == REPLI_OK && (w.bytes < page->bytes || w.bytes == 0))
            code = read_on(&w, &ended, err);
    } while (code == REPLI_OK && !ended && w.bytes < page->bytes);
    if (code == REPLI_OK)
        code = hand_out(&w);
    if (code == REPLI_OK)
        memcpy(ret_next, ended ? "" : w.at, ended ? 1 : sizeof(w.at));
    return code;
}
