#include "alldata/repair/serve.h"

#include <stdlib.h>
#include <string.h>

#include "alldata/repair/query.h"
#include "alldata/wire/frame.h"
#include "base/error.h"

/* What is asked for; texts are "" if they are not given. */
typedef struct question {
    char from[ALLDATA__PARAMETER_SIZE];
    char after[ALLDATA__PARAMETER_SIZE];
    char until[ALLDATA__PARAMETER_SIZE];
    char prefix[ALLDATA__PARAMETER_SIZE];
    char interval[ALLDATA__PARAMETER_SIZE];
    size_t bytes;
    size_t length;
    uint32_t flags;
} question;

static const char *given(const char *text) {
    return text[0] != '\0' ? text : NULL;
}

static int take_number(const char *text, size_t least, size_t most, size_t *ret_number) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return 0;
    const unsigned long long number = strtoull(text, &end, 10);
    *ret_number = (size_t)number;
    return *end == '\0' && number >= least && number <= most;
}

static int take_parameter(question *q, const alldata__parameter *it) {
    const struct {
        const char *name;
        char *to;
    } texts[] = {{"from", q->from},
                 {"after", q->after},
                 {"until", q->until},
                 {"prefix", q->prefix},
                 {"interval", q->interval}};
    size_t number = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(it->name, texts[i].name) == 0) {
            memcpy(texts[i].to, it->value, sizeof(it->value));
            return 1;
        }
    if (strcmp(it->name, "bytes") == 0)
        return take_number(it->value, 1, ALLDATA__PAGE_MAX, &q->bytes);
    if (strcmp(it->name, "length") == 0)
        return take_number(it->value, 1, ALLDATA__BUCKET_SIZE - 1, &q->length);
    if (strcmp(it->name, "verify") != 0 || !take_number(it->value, 0, 1, &number))
        return 0;
    q->flags = number > 0 ? ALLDATA_SCAN_VERIFY : 0;
    return 1;
}

static int32_t take_query(question *q, alldata__query *query, repli_error *err) {
    alldata__parameter it;
    int32_t code;
    *q = (question){.bytes = ALLDATA__PAGE};
    while ((code = alldata__query_next(query, &it, err)) == REPLI_OK)
        if (!take_parameter(q, &it))
            return repli__error(err, REPLI_EINVALID, "repair",
                                "%s is no parameter of %s, or its value is none", it.name,
                                query->path);
    return code == REPLI_EDONE ? REPLI_OK : code;
}

static int32_t wrote(int code, repli_error *err) {
    return code == REPLI_OK ? REPLI_OK : repli__error_nomem(err, "repair", "answering a peer");
}

/* Digests. */

static int32_t take_digest(void *user_data, const alldata__digest *digest) {
    return alldata__list_digest(user_data, digest);
}

static int32_t serve_digests(const alldata__source *source, const question *q, repli_buf *to,
                             repli_error *err) {
    char next[ALLDATA_KEY_SIZE] = "";
    const alldata__digests_page page = {.from = q->from,
                                        .until = given(q->until),
                                        .length = q->length,
                                        .bytes = q->bytes,
                                        .take = take_digest,
                                        .user_data = to};
    int32_t code = wrote(alldata__list_node(to, source->id), err);
    if (code == REPLI_OK)
        code = alldata__digests_read(source->digests, &page, next, err);
    if (code == REPLI_ENOMEM)
        return wrote(code, err);
    return code == REPLI_OK ? wrote(alldata__list_end(to, given(next)), err) : code;
}

/* Keys and records. */

static int32_t begin_scan(const alldata__source *source, const question *q, alldata_scan **ret_scan,
                          repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.flags = q->flags;
    options.from = given(strcmp(q->after, q->from) > 0 ? q->after : q->from);
    options.until = given(q->until);
    options.prefix = given(q->prefix);
    options.interval = given(q->interval);
    return alldata_scan_new(source->storage, &options, ret_scan, err);
}

/* The next record behind that of after. */
static int32_t next_record(alldata_scan *scan, const question *q, alldata_record *ret_record,
                           repli_error *err) {
    const size_t size = strlen(q->after);
    int32_t code;
    do
        code = alldata_scan_next(scan, ret_record, err);
    while (code == REPLI_OK && size > 0 && ret_record->key_size == size &&
           memcmp(ret_record->key, q->after, size) == 0);
    return code;
}

static int write_key(repli_buf *to, const alldata_record *record) {
    if (alldata_key_validate(record->key, record->key_size, NULL) != REPLI_OK)
        return REPLI_EDONE;
    return alldata__list_key(to, record->key, (uint32_t)(alldata__record_hash(record) >> 32));
}

/* Append records with write, which says REPLI_EDONE of what is left out, to the end of the page. */
static int32_t serve_scan(const alldata__source *source, const question *q,
                          int (*write)(repli_buf *to, const alldata_record *record), repli_buf *to,
                          repli_error *err) {
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error error = REPLI_ERROR_INIT;
    size_t bytes = 0;
    int32_t code = begin_scan(source, q, &scan, err);
    if (code != REPLI_OK)
        return code;
    while ((code = next_record(scan, q, &record, &error)) == REPLI_OK && bytes < q->bytes) {
        const int wrote_it = write(to, &record);
        if (wrote_it == REPLI_ENOMEM) {
            code = wrote(wrote_it, &error);
            break;
        }
        if (wrote_it == REPLI_OK)
            bytes += record.key_size + record.event_size;
    }
    alldata_scan_free(scan);
    if (code != REPLI_OK && code != REPLI_EDONE)
        return repli__error_copy(err, &error);
    return wrote(alldata__list_end(to, code == REPLI_OK ? "" : NULL), err);
}

/* Intervals. */

typedef struct intervals {
    repli_buf *to;
    int code;
} intervals;

static int32_t take_interval(void *user_data, const char *name, int32_t state) {
    intervals *self = user_data;
    return self->code = alldata__list_interval(self->to, name, state);
}

static int32_t serve_intervals(const alldata__source *source, repli_buf *to, repli_error *err) {
    intervals self = {.to = to};
    const int32_t code = alldata_storage_intervals(source->storage, take_interval, &self, err);
    if (code == REPLI_OK && self.code == REPLI_OK)
        self.code = alldata__list_end(to, NULL);
    return code == REPLI_OK ? wrote(self.code, err) : code;
}

int32_t alldata__serve(const alldata__source *source, const char *target, repli_buf *to,
                       repli_error *err) {
    const size_t before = to->size;
    alldata__query query;
    question q;
    int32_t code = alldata__query_begin(&query, target, err);
    if (code == REPLI_OK)
        code = take_query(&q, &query, err);
    if (code != REPLI_OK)
        return code;
    if (strcmp(query.path, "/_alldata/digests") == 0)
        code = serve_digests(source, &q, to, err);
    else if (strcmp(query.path, "/_alldata/keys") == 0)
        code = serve_scan(source, &q, write_key, to, err);
    else if (strcmp(query.path, "/_alldata/records") == 0)
        code = serve_scan(source, &q, alldata__frame_write, to, err);
    else if (strcmp(query.path, "/_alldata/intervals") == 0)
        code = serve_intervals(source, to, err);
    else
        code = repli__error(err, REPLI_ENOTFOUND, "repair", "there is no such path");
    if (code != REPLI_OK)
        to->size = before;
    return code;
}
