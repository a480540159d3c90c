#include "alldata-http/reader.h"

#include <inttypes.h>
#include <string.h>

#include <alldata/alldata.h>

#include "alldata-http/answer.h"
#include "alldata/wire/event.h"
#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_out.h"

/* Opening. */

static int wants_local(const repli__web_target *query) {
    const char *local = repli__web_target_param(query, "local");
    return local != NULL && strcmp(local, "1") == 0;
}

int alldata__http_reader_waits(alldata_node *node, const repli__web_target *query) {
    return alldata_node_gossip(node) != NULL && !wants_local(query);
}

static int32_t take_form(alldata__http_reader *reader, const repli__web_target *query,
                         repli_error *err) {
    const char *form = repli__web_target_param(query, "form");
    reader->framed = form != NULL && strcmp(form, "records") == 0;
    if (form != NULL && !reader->framed && strcmp(form, "ndjson") != 0)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "form is neither ndjson nor records");
    int64_t limit = INT64_MAX;
    const int32_t code = repli__web_target_number(query, "limit", 1, INT64_MAX, &limit, err);
    reader->limit = (uint64_t)limit;
    return code;
}

static int32_t take_range(alldata__http_reader *reader, const repli__web_target *query,
                          alldata_scan_options *options, repli_error *err) {
    const char *after = repli__web_target_param(query, "after");
    options->from = repli__web_target_param(query, "from");
    options->until = repli__web_target_param(query, "until");
    options->prefix = repli__web_target_param(query, "prefix");
    options->interval = repli__web_target_param(query, "interval");
    if (after == NULL)
        return REPLI_OK;
    if (options->from != NULL || strlen(after) >= sizeof(reader->after))
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            options->from != NULL
                                ? "from and after exclude each other: after is the last key that "
                                  "is known"
                                : "after is longer than any key");
    memcpy(reader->after, after, strlen(after) + 1);
    options->from = after;
    return REPLI_OK;
}

static int32_t open_scan(alldata__http_reader *reader, alldata_node *node,
                         const repli__web_target *query, repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    int32_t code = take_form(reader, query, err);
    if (code == REPLI_OK)
        code = take_range(reader, query, &options, err);
    if (code != REPLI_OK)
        return code;
    return alldata__http_reader_waits(node, query)
               ? alldata_cluster_scan_new(node, &options, &reader->all, err)
               : alldata_scan_new(alldata_node_storage(node), &options, &reader->local, err);
}

int32_t alldata__http_reader_new(alldata_node *node, const repli__web_target *query,
                                 alldata__http_reader **ret_reader, repli_error *err) {
    alldata__http_reader *reader = repli__calloc(&repli__mem_default, 1, sizeof(*reader));
    if (reader == NULL)
        return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "reading events");
    const int32_t code = open_scan(reader, node, query, err);
    if (code != REPLI_OK) {
        repli__free(&repli__mem_default, reader);
        return code;
    }
    *ret_reader = reader;
    return REPLI_OK;
}

int32_t alldata__http_reader_tell(alldata__http_reader *reader, alldata_ready_fn ready,
                                  void *user_data, repli_error *err) {
    if (reader->all == NULL)
        return REPLI_OK;
    reader->patient = 1;
    return alldata_cluster_scan_set_ready(reader->all, ready, user_data, err);
}

void alldata__http_reader_free(alldata__http_reader *reader) {
    if (reader == NULL)
        return;
    alldata_scan_free(reader->local);
    alldata_cluster_scan_free(reader->all);
    repli__free(&repli__mem_default, reader);
}

const char *alldata__http_reader_type(const alldata__http_reader *reader) {
    return reader->framed ? ALLDATA__FRAMES_TYPE : alldata__http_lines;
}

/* Writing. */

static int write_string(repli_buf *to, const char *text) {
    repli__json_out out;
    repli__json_begin(&out, to);
    repli__json_string(&out, text);
    return repli__json_end(&out, NULL);
}

static int write_line(repli_buf *to, const char *key, const alldata_record *record) {
    if (repli__buf_text(to, "{\"key\":") != REPLI_OK || write_string(to, key) != REPLI_OK ||
        repli__buf_text(to, ",\"event\":") != REPLI_OK ||
        alldata__event_line(to, record->event, record->event_size) != REPLI_OK)
        return REPLI_ENOMEM;
    return repli__buf_text(to, "}\n");
}

static int write_event(alldata__http_reader *reader, repli_buf *to, const alldata_record *record) {
    const size_t most = sizeof(reader->last) - 1;
    const size_t size = record->key_size < most ? record->key_size : most;
    memcpy(reader->last, record->key, size);
    reader->last[size] = '\0';
    reader->count++;
    return reader->framed ? alldata__frame_write(to, record) : write_line(to, reader->last, record);
}

static int write_tail(const alldata__http_reader *reader, repli_buf *to, int end,
                      const repli_error *error) {
    if (repli__buf_printf(to, "{\"end\":%s,\"count\":%" PRIu64, end ? "true" : "false",
                          reader->count) != REPLI_OK)
        return REPLI_ENOMEM;
    if (!end && reader->last[0] != '\0' &&
        (repli__buf_text(to, ",\"next\":") != REPLI_OK ||
         write_string(to, reader->last) != REPLI_OK))
        return REPLI_ENOMEM;
    if (error != NULL && (repli__buf_text(to, ",\"error\":") != REPLI_OK ||
                          write_string(to, error->message) != REPLI_OK))
        return REPLI_ENOMEM;
    return repli__buf_text(to, "}\n");
}

static int write_end(const alldata__http_reader *reader, repli_buf *to) {
    return reader->framed ? repli__buf_text(to, "end\n") : write_tail(reader, to, 1, NULL);
}

static int write_failure(const alldata__http_reader *reader, repli_buf *to,
                         const repli_error *error) {
    if (reader->framed)
        return repli__buf_printf(to, "fail %s %s\n", alldata_error_name(error->code),
                                 error->message);
    return write_tail(reader, to, 0, error);
}

int alldata__http_reader_cut(const alldata__http_reader *reader, repli_buf *page) {
    if (reader->framed)
        return repli__buf_printf(page, "more %s\n", reader->last);
    return write_tail(reader, page, 0, NULL);
}

static int32_t next(alldata__http_reader *reader, alldata_record *ret_record, repli_error *err) {
    int32_t code;
    do {
        code = reader->patient       ? alldata_cluster_scan_try(reader->all, ret_record, err)
               : reader->all != NULL ? alldata_cluster_scan_next(reader->all, ret_record, err)
                                     : alldata_scan_next(reader->local, ret_record, err);
    } while (code == REPLI_OK && ret_record->key_size == strlen(reader->after) &&
             memcmp(ret_record->key, reader->after, ret_record->key_size) == 0);
    return code;
}

static int ended(int code) {
    return code == REPLI_OK ? ALLDATA__HTTP_PAGE_LAST : ALLDATA__HTTP_PAGE_FAILED;
}

int alldata__http_reader_page(alldata__http_reader *reader, size_t bytes, repli_buf *page) {
    const size_t before = page->size;
    while (page->size - before < bytes) {
        alldata_record record = ALLDATA_RECORD_INIT;
        repli_error error = REPLI_ERROR_INIT;
        if (reader->count == reader->limit)
            return ended(alldata__http_reader_cut(reader, page));
        const int32_t code = next(reader, &record, &error);
        if (code == REPLI_ENOTREADY && reader->patient)
            return page->size > before ? ALLDATA__HTTP_PAGE_MORE : ALLDATA__HTTP_PAGE_NOT_YET;
        if (code == REPLI_EDONE)
            return ended(write_end(reader, page));
        if (code != REPLI_OK)
            return ended(write_failure(reader, page, &error));
        if (write_event(reader, page, &record) != REPLI_OK)
            return ALLDATA__HTTP_PAGE_FAILED;
    }
    return ALLDATA__HTTP_PAGE_MORE;
}
