#include <string.h>

#include <alldata/alldata.h>

#include "alldata-http/answer.h"
#include "alldata/wire/frame.h"
#include "alldata/wire/list.h"
#include "base/error.h"

/* What nodes of our own make say to each other, besides puts. */

static const char lines_of_text[] = "text/plain; charset=utf-8";

/* More than that would not be in one body of a node of ours. */
enum { MOST_RECORDS = 65536 };

static void all_stored(void *user_data, const alldata_put_result *results, size_t count) {
    alldata__http_call *call = user_data;
    repli_buf text = REPLI_BUF_INIT;
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < count && code == REPLI_OK; i++)
        if (results[i].code != REPLI_OK)
            code = alldata__list_failure(&text, i, results[i].code);
    if (code != REPLI_OK) {
        repli_error error = REPLI_ERROR_INIT;
        repli__error_nomem(&error, ALLDATA__HTTP_ORIGIN, "telling what became of records");
        alldata__http_answer_failure(call, &error);
    } else if (text.size > 0) {
        alldata__http_answer_text(call, 200, lines_of_text, text.data, text.size);
    } else {
        alldata__http_answer_empty(call, 201);
    }
    repli_buf_dispose(&text);
}

static int32_t read_records(alldata__http_call *call, alldata_record **ret_records,
                            size_t *ret_count, repli_error *err) {
    alldata__frames in = {.text = call->body, .size = call->body_size};
    alldata_record record = ALLDATA_RECORD_INIT;
    size_t capacity = 0;
    int32_t code;
    while ((code = alldata__frame_next(&in, &record, err)) == REPLI_OK) {
        if (*ret_count == MOST_RECORDS ||
            repli__grow(&repli__mem_default, (void **)ret_records, &capacity, *ret_count,
                        sizeof(record)) != REPLI_OK)
            return repli__error(err, REPLI_EFULL, ALLDATA__HTTP_ORIGIN,
                                "the body has more records than there is room for");
        (*ret_records)[(*ret_count)++] = record;
    }
    if (code == REPLI_EDONE && in.at == in.size && in.size > 0)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                        "what stands at byte %zu of %zu of the body is no record", in.at, in.size);
}

int32_t alldata__http_peer_records(alldata__http_call *call, const repli__web_target *query,
                                   repli_error *err) {
    (void)query;
    alldata_record *records = NULL;
    size_t count = 0;
    int32_t code = read_records(call, &records, &count, err);
    if (code == REPLI_OK)
        code = alldata_coordinator_store(alldata_node_coordinator(call->node), records, count,
                                         call->put_flags, all_stored, call, err);
    repli__free(&repli__mem_default, records);
    return code;
}

int32_t alldata__http_peer_read(alldata__http_call *call, const repli__web_target *query,
                                repli_error *err) {
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = alldata_node_serve(call->node, call->target, &text, err);
    const int framed = strcmp(query->segments[1], "records") == 0;
    return alldata__http_answer_buf(call, framed ? ALLDATA__FRAMES_TYPE : lines_of_text, &text,
                                    code);
}
