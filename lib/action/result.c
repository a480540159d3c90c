#include "action/result.h"

#include "model/doc.h"

void repli__result_init(repli__result *result, const repli__mem *mem) {
    *result = (repli__result){
        .phase = REPLI_PHASE_RUNNING, .error_text = {.allocator = mem}, .next_ms = -1};
}

void repli__result_dispose(repli__result *result) {
    repli_buf_dispose(&result->error_text);
}

void repli__result_fail(repli__result *result, int32_t ended, const char *message,
                        const char *cause) {
    result->phase = REPLI_PHASE_FAILED;
    result->ended = ended;
    result->error = "{\"error_msg\":\"out of memory while writing down why the action failed\"}";
    repli_buf_dispose(&result->error_text);
    if (repli__failure_to_json(message, cause, &result->error_text, NULL) == REPLI_OK)
        result->error = result->error_text.data;
}

void repli__result_take(repli__result *result, const repli_outcome *outcome, int32_t ended) {
    if (outcome->phase == 0)
        return;
    result->phase = outcome->phase;
    result->payload = outcome->payload_json;
    result->next_ms = outcome->next_step_ms;
    if (outcome->phase == REPLI_PHASE_FAILED)
        repli__result_fail(result, ended != 0 ? ended : REPLI_ENDED_FAILED,
                           outcome->error != NULL ? outcome->error : "the action failed",
                           outcome->error_cause);
}
