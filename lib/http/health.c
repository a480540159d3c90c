#include "http/call.h"

/* The health of the agent itself, whatever its store does. */

static const char ok[] = "{\"ok\":true}";

static int32_t answer(repli__http_asker asker, int32_t code, const repli_error *error) {
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, repli__http_json, ok, sizeof(ok) - 1);
    else
        repli__http_answer_error(asker, 503, NULL, error);
    return REPLI_OK;
}

int32_t repli__http_health_live(const repli__http_call *call, repli__http_asker asker,
                                repli_error *err) {
    (void)err;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_live(call->agent, &error);
    return answer(asker, code, &error);
}

int32_t repli__http_health_ready(const repli__http_call *call, repli__http_asker asker,
                                 repli_error *err) {
    (void)err;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_ready(call->agent, &error);
    return answer(asker, code, &error);
}
