#include "alldata-http/answer.h"
#include "alldata-http/reader.h"
#include "base/error.h"

enum { PAGE = 1024 * 1024 };

/* A page of them: a server that can stream does not come here. */
int32_t alldata__http_events(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err) {
    alldata__http_reader *reader;
    int32_t code = alldata__http_reader_new(call->node, query, &reader, err);
    if (code != REPLI_OK)
        return code;
    repli_buf page = REPLI_BUF_INIT;
    const int got = alldata__http_reader_page(reader, PAGE, &page);
    if (got == ALLDATA__HTTP_PAGE_FAILED ||
        (got == ALLDATA__HTTP_PAGE_MORE && alldata__http_reader_cut(reader, &page) != REPLI_OK))
        code = repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "reading events");
    code = alldata__http_answer_buf(call, alldata__http_reader_type(reader), &page, code);
    alldata__http_reader_free(reader);
    return code;
}
