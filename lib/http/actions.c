#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "http/call.h"

enum { MOST_FINISHED = 10000 };

int repli__http_may_write(const repli__http_call *call, repli__http_asker asker) {
    if ((call->flags & REPLI_HTTP_MAY_WRITE) != 0)
        return 1;
    repli_error error = REPLI_ERROR_INIT;
    repli__error(
        &error, REPLI_EPERMISSION, "http",
        "actions may not be scheduled, cancelled or held up this way: use the UNIX socket, a "
        "loopback address or TLS with client certificates (not from a web page), or have "
        "the agent's operator set http.writes to always");
    repli__http_answer_error(asker, 403, NULL, &error);
    return 0;
}

static void answer_id(repli__http_asker asker, int32_t status, const char *id) {
    char json[64];
    const int size = snprintf(json, sizeof(json), "{\"id\":\"%.36s\"}", id);
    repli__http_answer_text(asker, status, repli__http_json, json, (size_t)size);
}

/* Schedule. */

static void answer_scheduled(void *user_data, int32_t code, const char *id,
                             const repli_error *error) {
    const repli__http_asker asker = *(repli__http_asker *)user_data;
    repli__free(&repli__mem_default, user_data);
    if (code == REPLI_OK)
        answer_id(asker, 200, id);
    else if (code == REPLI_ENOTFOUND)
        repli__http_answer_error(asker, 400, NULL, error); /* an unknown kind */
    else
        repli__http_answer_failure(asker, error);
}

static int32_t schedule(repli_agent *agent, const repli_request *request, repli__http_asker asker,
                        repli_error *err) {
    repli__http_asker *waiting = repli__alloc(&repli__mem_default, sizeof(*waiting));
    if (waiting == NULL)
        return repli__error_nomem(err, "http", "scheduling an action");
    *waiting = asker;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        repli_agent_schedule_async(agent, request, answer_scheduled, waiting, &error);
    if (code != REPLI_OK)
        answer_scheduled(waiting, code, NULL, &error);
    return REPLI_OK;
}

/* A proven identity cannot be talked over: it is the requester, and what the client said of itself
 * becomes a header, unless it sent one of that name. */
static int32_t schedule_as(const repli__http_call *call, const repli_request *request,
                           repli__http_asker asker, repli_error *err) {
    repli_request own = *request;
    own.requester = call->peer;
    if (request->requester == NULL)
        return schedule(call->agent, &own, asker, err);
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, "requester") == 0)
            return schedule(call->agent, &own, asker, err);

    repli_header *headers =
        repli__calloc(&repli__mem_default, request->header_count + 1, sizeof(*headers));
    if (headers == NULL)
        return repli__error_nomem(err, "http", "scheduling an action");
    if (request->header_count > 0)
        memcpy(headers, request->headers, request->header_count * sizeof(*headers));
    headers[request->header_count] = (repli_header){
        .struct_size = sizeof(*headers), .name = "requester", .value = request->requester};
    own.headers = headers;
    own.header_count = request->header_count + 1;
    const int32_t code = schedule(call->agent, &own, asker, err);
    repli__free(&repli__mem_default, headers);
    return code;
}

int32_t repli__http_action_schedule(const repli__http_call *call, repli__http_asker asker,
                                    repli_error *err) {
    if (!repli__http_may_write(call, asker))
        return REPLI_OK;
    repli_doc *doc;
    const repli_request *request;
    const char *body = call->body != NULL ? call->body : "";
    int32_t code = repli_request_from_json(body, call->body_size, &doc, &request, err);
    if (code != REPLI_OK)
        return code;
    if (call->peer != NULL)
        code = schedule_as(call, request, asker, err);
    else
        code = schedule(call->agent, request, asker, err);
    repli_doc_free(doc);
    return code;
}

/* Look up and cancel. */

int32_t repli__http_action_get(const repli__http_call *call, repli__http_asker asker,
                               repli_error *err) {
    repli_doc *doc;
    const repli_action *action;
    int32_t code = repli_agent_action(call->agent, call->target.segments[3], &doc, &action, err);
    if (code == REPLI_ENOTFOUND) {
        repli__http_answer_empty(asker, 404, NULL);
        return REPLI_OK;
    }
    if (code != REPLI_OK)
        return code;
    repli_buf json = REPLI_BUF_INIT;
    code = repli_action_to_json(action, &json, err);
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, repli__http_json, json.data, json.size);
    repli_buf_dispose(&json);
    repli_doc_free(doc);
    return code;
}

/* 200 if it is cancelled, 202 if it was only asked to end. */
static int32_t cancel_status(repli_agent *agent, const char *id) {
    repli_doc *doc;
    const repli_action *action;
    if (repli_agent_action(agent, id, &doc, &action, NULL) != REPLI_OK)
        return 202;
    const int32_t status = action->outcome == REPLI_ENDED_CANCELLED ? 200 : 202;
    repli_doc_free(doc);
    return status;
}

int32_t repli__http_action_cancel(const repli__http_call *call, repli__http_asker asker,
                                  repli_error *err) {
    if (!repli__http_may_write(call, asker))
        return REPLI_OK;
    const char *id = call->target.segments[3];
    const int32_t code = repli_agent_cancel(call->agent, id, err);
    if (code == REPLI_OK)
        answer_id(asker, cancel_status(call->agent, id), id);
    return code;
}

/* Lists. */

/* agent not NULL: with the maintenance behind it, if one lasts. */
static int32_t list_to_json(repli_agent *agent, const repli_action_summary *summaries, size_t count,
                            repli_buf *json, repli_error *err) {
    int32_t code = repli_action_summaries_to_json(summaries, count, json, err);
    if (code != REPLI_OK || agent == NULL)
        return code;
    int lasts = 0;
    json->data[json->size - 1] = ','; /* instead of the last bracket */
    code = repli__http_maintenance_append(agent, json, &lasts, err);
    if (!lasts)
        json->data[json->size - 1] = '}';
    else if (code == REPLI_OK && repli__buf_text(json, "}") != REPLI_OK)
        code = repli__error_nomem(err, "http", "listing actions");
    return code;
}

static int32_t answer_list(repli__http_asker asker, int32_t code, repli_agent *agent,
                           repli_doc *doc, const repli_action_summary *summaries, size_t count,
                           repli_error *err) {
    if (code != REPLI_OK)
        return code;
    repli_buf json = REPLI_BUF_INIT;
    code = list_to_json(agent, summaries, count, &json, err);
    if (code == REPLI_OK)
        repli__http_answer_text(asker, 200, repli__http_json, json.data, json.size);
    repli_buf_dispose(&json);
    repli_doc_free(doc);
    return code;
}

int32_t repli__http_actions_queue(const repli__http_call *call, repli__http_asker asker,
                                  repli_error *err) {
    repli_doc *doc = NULL;
    const repli_action_summary *summaries = NULL;
    size_t count = 0;
    const int32_t code = repli_agent_queue(call->agent, &doc, &summaries, &count, err);
    return answer_list(asker, code, call->agent, doc, summaries, count, err);
}

/* ?limit=N: at most so many; without it all of the last hour and at least the newest 100.
 * ?before=ID: only what finished before that action, for the next page. */
int32_t repli__http_actions_finished(const repli__http_call *call, repli__http_asker asker,
                                     repli_error *err) {
    int64_t limit = 0;
    int32_t code = repli__web_target_number(&call->target, "limit", 1, MOST_FINISHED, &limit, err);
    if (code != REPLI_OK)
        return code;
    const char *before = repli__web_target_param(&call->target, "before");
    repli_doc *doc = NULL;
    const repli_action_summary *summaries = NULL;
    size_t count = 0;
    code =
        repli_agent_finished(call->agent, (uint32_t)limit, before, &doc, &summaries, &count, err);
    return answer_list(asker, code, NULL, doc, summaries, count, err);
}
