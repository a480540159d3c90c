#include "http/call.h"

int32_t repli__http_metrics(const repli__http_call *call, repli__http_asker asker,
                            repli_error *err) {
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = repli_agent_metrics(call->agent, &text, err);
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, "text/plain; version=0.0.4; charset=utf-8",
                                text.data != NULL ? text.data : "", text.size);
    repli_buf_dispose(&text);
    return code;
}
