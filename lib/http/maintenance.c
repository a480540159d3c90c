#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "http/call.h"

int32_t repli__http_maintenance_append(repli_agent *agent, repli_buf *json, int *ret_lasts,
                                       repli_error *err) {
    repli_doc *doc = NULL;
    const repli_maintenance *maintenance = NULL;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli_agent_maintenance(agent, &doc, &maintenance, &error);
    *ret_lasts = code == REPLI_OK;
    if (code == REPLI_ENOTFOUND)
        return REPLI_OK;
    if (code != REPLI_OK)
        return repli__error_copy(err, &error);
    if (repli__buf_text(json, "\"maintenance\":") != REPLI_OK)
        code = repli__error_nomem(err, "http", "telling about the maintenance");
    else
        code = repli_maintenance_to_json(maintenance, json, err);
    repli_doc_free(doc);
    return code;
}

int32_t repli__http_maintenance_get(const repli__http_call *call, repli__http_asker asker,
                                    repli_error *err) {
    repli_buf json = REPLI_BUF_INIT;
    int lasts = 0;
    int32_t code = repli__buf_text(&json, "{");
    if (code == REPLI_OK)
        code = repli__http_maintenance_append(call->agent, &json, &lasts, err);
    if (code == REPLI_OK)
        code = repli__buf_text(&json, lasts ? "}" : "\"maintenance\":null}");
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, repli__http_json, json.data, json.size);
    else if (code == REPLI_ENOMEM)
        repli__error_nomem(err, "http", "telling about the maintenance");
    repli_buf_dispose(&json);
    return code;
}

/* ?force=true: even if somebody else holds actions up. */
int32_t repli__http_maintenance_put(const repli__http_call *call, repli__http_asker asker,
                                    repli_error *err) {
    if (!repli__http_may_write(call, asker))
        return REPLI_OK;
    repli_doc *doc;
    const repli_maintenance *given;
    const char *body = call->body != NULL ? call->body : "";
    int32_t code = repli_maintenance_from_json(body, call->body_size, &doc, &given, err);
    if (code != REPLI_OK)
        return code;
    repli_maintenance wanted = *given;
    if (wanted.owner == NULL)
        wanted.owner = call->peer;
    const char *force = repli__web_target_param(&call->target, "force");
    const uint32_t flags =
        force != NULL && strcmp(force, "true") == 0 ? REPLI_MAINTENANCE_FORCE : 0;
    code = repli_agent_set_maintenance(call->agent, &wanted, flags, err);
    repli_doc_free(doc);
    return code == REPLI_OK ? repli__http_maintenance_get(call, asker, err) : code;
}

int32_t repli__http_maintenance_delete(const repli__http_call *call, repli__http_asker asker,
                                       repli_error *err) {
    if (!repli__http_may_write(call, asker))
        return REPLI_OK;
    const int32_t code = repli_agent_set_maintenance(call->agent, NULL, 0, err);
    return code == REPLI_OK ? repli__http_maintenance_get(call, asker, err) : code;
}
