#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "http/call.h"

enum { DEFAULT_EVENTS = 100, MOST_EVENTS = 1000 };

typedef struct page {
    repli_doc *doc;
    const repli_event *events;
    size_t count;
    int64_t first;
    int64_t last;
} page;

static int32_t read_page(repli_agent *agent, int64_t after, int64_t limit, page *it,
                         repli_error *err) {
    return repli_agent_events(agent, after, (uint32_t)limit, &it->doc, &it->events, &it->count,
                              &it->first, &it->last, err);
}

/* after -1: those at the end. */
static int32_t find_page(repli_agent *agent, int64_t after, int64_t limit, page *it,
                         repli_error *err) {
    if (after >= 0)
        return read_page(agent, after, limit, it, err);
    const int32_t code = read_page(agent, 0, 1, it, err);
    if (code != REPLI_OK)
        return code;
    repli_doc_free(it->doc);
    return read_page(agent, it->last > limit ? it->last - limit : 0, limit, it, err);
}

static int32_t write_page(const page *it, repli_buf *json, repli_error *err) {
    int32_t code = repli__buf_printf(
        json, "{\"first\":%" PRId64 ",\"last\":%" PRId64 ",\"events\":[", it->first, it->last);
    for (size_t i = 0; i < it->count && code == REPLI_OK; i++) {
        if (i > 0)
            code = repli__buf_text(json, ",");
        if (code == REPLI_OK)
            code = repli_event_to_json(&it->events[i], json, err);
    }
    if (code == REPLI_OK)
        code = repli__buf_text(json, "]}");
    return code == REPLI_ENOMEM ? repli__error_nomem(err, "http", "writing events") : code;
}

/* Server-sent events, a page of them. */
static int32_t write_messages(const page *it, repli_buf *text, repli_error *err) {
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < it->count && code == REPLI_OK; i++) {
        code = repli__buf_printf(text, "id: %" PRId64 "\ndata: ", it->events[i].number);
        if (code == REPLI_OK)
            code = repli_event_to_json(&it->events[i], text, err);
        if (code == REPLI_OK)
            code = repli__buf_text(text, "\n\n");
    }
    return code == REPLI_ENOMEM ? repli__error_nomem(err, "http", "writing events") : code;
}

static int32_t answer_messages(const page *it, repli__http_asker asker, repli_error *err) {
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = write_messages(it, &text, err);
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, "text/event-stream", text.data != NULL ? text.data : "",
                                text.size);
    repli_buf_dispose(&text);
    return code;
}

/* Where a stream begins: at ?after=N, or with what comes from now on. */
static int32_t find_begin(const repli__http_call *call, repli_error *err) {
    int64_t after = -1;
    int32_t code = repli__web_target_number(&call->target, "after", 0, INT64_MAX - 1, &after, err);
    if (code == REPLI_OK && after < 0) {
        page it = {0};
        code = read_page(call->agent, 0, 1, &it, err);
        after = it.last;
        repli_doc_free(it.doc);
    }
    if (code == REPLI_OK)
        *call->cursor = after;
    return code;
}

int32_t repli__http_events_stream(const repli__http_call *call, repli__http_asker asker,
                                  repli_error *err) {
    page it = {0};
    int32_t code = *call->cursor == REPLI__HTTP_CURSOR_NONE ? find_begin(call, err) : REPLI_OK;
    if (code == REPLI_OK)
        code = read_page(call->agent, *call->cursor, DEFAULT_EVENTS, &it, err);
    if (code != REPLI_OK)
        return code;
    if (it.count > 0)
        *call->cursor = it.events[it.count - 1].number;
    code = answer_messages(&it, asker, err);
    repli_doc_free(it.doc);
    return code;
}

/* ?after=N: from there on, oldest first; without it the newest. ?limit=N: at most so many. */
int32_t repli__http_events(const repli__http_call *call, repli__http_asker asker,
                           repli_error *err) {
    int64_t after = -1;
    int64_t limit = DEFAULT_EVENTS;
    page it = {0};
    int32_t code = repli__web_target_number(&call->target, "after", 0, INT64_MAX - 1, &after, err);
    if (code == REPLI_OK)
        code = repli__web_target_number(&call->target, "limit", 1, MOST_EVENTS, &limit, err);
    if (code == REPLI_OK)
        code = find_page(call->agent, after, limit, &it, err);
    if (code != REPLI_OK)
        return code;
    repli_buf json = REPLI_BUF_INIT;
    code = write_page(&it, &json, err);
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, repli__http_json, json.data, json.size);
    repli_buf_dispose(&json);
    repli_doc_free(it.doc);
    return code;
}
