#include <string.h>

#include "alldata-http/answer.h"
#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/error.h"

/* Many events a request. Most of one bound what they take besides the body. */
enum { MOST_EVENTS = 65536 };

static int32_t too_many(repli_error *err) {
    return repli__error(err, REPLI_EFULL, ALLDATA__HTTP_ORIGIN,
                        "the body has more than %d events: send the rest in another request",
                        MOST_EVENTS);
}

/* Events that clients put. */

typedef struct item {
    alldata_put put;
    char key[ALLDATA_KEY_SIZE];
} item;

typedef struct items {
    item *each;
    size_t count;
    size_t capacity;
} items;

static int32_t add_item(items *all, const char *key, size_t key_size, const char *event,
                        size_t event_size, repli_error *err) {
    if (all->count == MOST_EVENTS)
        return too_many(err);
    if (repli__grow(&repli__mem_default, (void **)&all->each, &all->capacity, all->count,
                    sizeof(*all->each)) != REPLI_OK)
        return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "taking events");
    item *it = &all->each[all->count];
    *it = (item){.put = ALLDATA_PUT_INIT};
    it->put.event = event;
    it->put.event_size = event_size;
    const int32_t code = key_size > 0 ? alldata_key_validate(key, key_size, err) : REPLI_OK;
    if (code != REPLI_OK)
        return repli__error_within(err, code, "event %zu", all->count + 1);
    if (key_size > 0)
        memcpy(it->key, key, ALLDATA_KEY_LENGTH);
    all->count++;
    return REPLI_OK;
}

static int32_t read_frames(const alldata__http_call *call, items *all, repli_error *err) {
    alldata__frames in = {.text = call->body, .size = call->body_size};
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code;
    while ((code = alldata__frame_next(&in, &record, err)) == REPLI_OK) {
        code = add_item(all, record.key, record.key_size, record.event, record.event_size, err);
        if (code != REPLI_OK)
            return code;
    }
    if (code != REPLI_EDONE)
        return code;
    return in.at == in.size
               ? REPLI_OK
               : repli__error(err, REPLI_EPROTOCOL, ALLDATA__HTTP_ORIGIN,
                              "what stands at byte %zu of %zu is no record", in.at, in.size);
}

static int is_blank(const char *line, size_t size) {
    while (size > 0 && (*line == ' ' || *line == '\t' || *line == '\r'))
        line++, size--;
    return size == 0;
}

static int32_t read_lines(const alldata__http_call *call, items *all, repli_error *err) {
    const char *at = call->body;
    size_t left = call->body_size;
    while (left > 0) {
        const char *feed = memchr(at, '\n', left);
        const size_t size = feed != NULL ? (size_t)(feed - at) : left;
        const int32_t code = is_blank(at, size) ? REPLI_OK : add_item(all, NULL, 0, at, size, err);
        if (code != REPLI_OK)
            return code;
        const size_t taken = feed != NULL ? size + 1 : size;
        at += taken;
        left -= taken;
    }
    return REPLI_OK;
}

static int write_result(repli_buf *text, const alldata_put_result *result) {
    if (result->code != REPLI_OK) {
        if (alldata__http_write_failure(text, result->error, result) != REPLI_OK)
            return REPLI_ENOMEM;
        return repli__buf_append(text, "\n", 1);
    }
    return repli__buf_printf(text, "{\"key\":\"%s\",\"code\":\"ok\",\"replicas\":%d}\n",
                             result->key, result->replicas);
}

static void all_put(void *user_data, const alldata_put_result *results, size_t count) {
    alldata__http_call *call = user_data;
    repli_buf text = REPLI_BUF_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    int failed = 0;
    for (size_t i = 0; i < count && code == REPLI_OK; i++) {
        failed |= results[i].code != REPLI_OK;
        code = write_result(&text, &results[i]);
    }
    if (code == REPLI_OK) {
        alldata__http_answer_text(call, failed ? 200 : 201, alldata__http_lines, text.data,
                                  text.size);
    } else {
        repli__error_nomem(&error, ALLDATA__HTTP_ORIGIN, "telling what became of events");
        alldata__http_answer_failure(call, &error);
    }
    repli_buf_dispose(&text);
}

static int32_t put_items(alldata__http_call *call, items *all, repli_error *err) {
    alldata_put *puts = repli__calloc(&repli__mem_default, all->count, sizeof(*puts));
    if (puts == NULL)
        return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "taking events");
    for (size_t i = 0; i < all->count; i++) {
        puts[i] = all->each[i].put;
        puts[i].key = all->each[i].key[0] != '\0' ? all->each[i].key : NULL;
        puts[i].commit = call->commit;
        puts[i].timeout_ms = call->timeout_ms;
        puts[i].flags = call->put_flags;
    }
    const int32_t code = alldata_node_put(call->node, puts, all->count, all_put, call, err);
    repli__free(&repli__mem_default, puts);
    return code;
}

/* What cannot be read is the client's fault; so is too much at a time, which has a status of its
 * own. */
static int32_t refuse_body(alldata__http_call *call, int32_t code, repli_error *err) {
    if (code != REPLI_EFULL && code != REPLI_EPROTOCOL)
        return code;
    alldata__http_answer_error(call, code == REPLI_EFULL ? 413 : 400, NULL, err);
    return REPLI_OK;
}

int32_t alldata__http_put_many(alldata__http_call *call, const repli__web_target *query,
                               repli_error *err) {
    (void)query;
    items all = {0};
    if (call->type == ALLDATA__HTTP_OTHER)
        return repli__error(
            err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
            "Content-Type is neither application/x-ndjson, for an event a line, nor "
            "application/x-alldata-records");
    int32_t code = call->type == ALLDATA__HTTP_FRAMES ? read_frames(call, &all, err)
                                                      : read_lines(call, &all, err);
    if (code == REPLI_OK && all.count == 0)
        code = repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN, "the body has no event");
    if (code != REPLI_OK)
        code = refuse_body(call, code, err);
    else
        code = put_items(call, &all, err);
    repli__free(&repli__mem_default, all.each);
    return code;
}
