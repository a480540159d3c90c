#include "alldata-http/flow.h"

#include "alldata-http/answer.h"
#include "alldata-http/reader.h"

enum { PAGE = 64 * 1024 };

static int next(void *user_data, repli_buf *page) {
    switch (alldata__http_reader_page(user_data, PAGE, page)) {
    case ALLDATA__HTTP_PAGE_MORE: return REPLI__WEB_MORE;
    case ALLDATA__HTTP_PAGE_LAST: return REPLI__WEB_END;
    default: return REPLI__WEB_BREAK;
    }
}

static void end(void *user_data) {
    alldata__http_reader_free(user_data);
}

void alldata__http_flow_begin(alldata__http_call *call, const repli__web_request *request) {
    repli__web_target query;
    repli_error error = REPLI_ERROR_INIT;
    alldata__http_reader *reader;
    int32_t code = repli__web_target_parse(&query, call->target, &error);
    if (code == REPLI_OK)
        code = alldata__http_reader_new(call->node, &query, &reader, &error);
    if (code != REPLI_OK) {
        alldata__http_answer_failure(call, &error);
        return;
    }
    const repli__web_stream stream = {.user_data = reader, .next = next, .end = end};
    const repli__web_response response = {.status = 200,
                                          .content_type = alldata__http_reader_type(reader)};
    repli__web_answer_stream(request, &response, &stream);
}
