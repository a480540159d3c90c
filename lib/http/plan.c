#include "base/error.h"
#include "base/mem.h"
#include "http/call.h"

/* What an action would do. Apart from the URL that schedules, where an agent which knows no plans
 * would do it. */

/* What is not there is the kind, or something that the action needs, and not this URL. */
static void answer_refusal(repli__http_asker asker, const repli_error *error) {
    const int refused = error->code == REPLI_ENOTFOUND || error->code == REPLI_ENOTSUP;
    repli__http_answer_error(asker, refused ? 400 : repli__http_status(error), NULL, error);
}

static void answer_plan(void *user_data, int32_t code, const repli_plan *plan,
                        const repli_error *error) {
    const repli__http_asker asker = *(repli__http_asker *)user_data;
    repli__free(&repli__mem_default, user_data);
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, repli__http_json, plan->json, plan->json_size);
    else
        answer_refusal(asker, error);
}

static int32_t ask(repli_agent *agent, const repli_request *request, repli__http_asker asker,
                   repli_error *err) {
    repli__http_asker *waiting = repli__alloc(&repli__mem_default, sizeof(*waiting));
    if (waiting == NULL)
        return repli__error_nomem(err, "http", "planning an action");
    *waiting = asker;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_plan(agent, request, answer_plan, waiting, &error);
    if (code != REPLI_OK)
        answer_plan(waiting, code, NULL, &error);
    return REPLI_OK;
}

int32_t repli__http_plan(const repli__http_call *call, repli__http_asker asker, repli_error *err) {
    if (!repli__http_may_write(call, asker))
        return REPLI_OK;
    repli_doc *doc;
    const repli_request *request;
    const char *body = call->body != NULL ? call->body : "";
    int32_t code = repli_request_from_json(body, call->body_size, &doc, &request, err);
    if (code != REPLI_OK)
        return code;
    code = ask(call->agent, request, asker, err);
    repli_doc_free(doc);
    return code;
}
