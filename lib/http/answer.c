#include "http/answer.h"

#include <string.h>

#include <replicante/model.h>

const char repli__http_json[] = "application/json";

enum { RETRY_FULL_S = 5 };

static repli_http_response response_of(int32_t status) {
    return (repli_http_response){
        .struct_size = sizeof(repli_http_response), .status = status, .age_ms = -1};
}

void repli__http_answer_empty(repli__http_asker asker, int32_t status, const char *allow) {
    repli_http_response response = response_of(status);
    response.allow = allow;
    asker.respond(asker.user_data, &response);
}

void repli__http_answer_text(repli__http_asker asker, int32_t status, const char *content_type,
                             const char *body, size_t size) {
    repli_http_response response = response_of(status);
    response.content_type = content_type;
    response.body = body;
    response.body_size = size;
    asker.respond(asker.user_data, &response);
}

/* An error's body. ret_json is to be disposed of, and need not be what was used. */
static void set_error_body(repli_http_response *response, const repli_error *error,
                           repli_buf *ret_json) {
    static const char plain[] = "{\"error\":true,\"error_msg\":\"the agent is out of memory\"}";
    response->content_type = repli__http_json;
    if (repli_error_to_json(error, ret_json, NULL) == REPLI_OK) {
        response->body = ret_json->data;
        response->body_size = ret_json->size;
    } else {
        response->body = plain;
        response->body_size = sizeof(plain) - 1;
    }
}

void repli__http_answer_error(repli__http_asker asker, int32_t status, const char *allow,
                              const repli_error *error) {
    repli_http_response response = response_of(status);
    repli_buf json = REPLI_BUF_INIT;
    set_error_body(&response, error, &json);
    response.allow = allow;
    response.retry_after_s = status == 429 ? RETRY_FULL_S : 0;
    asker.respond(asker.user_data, &response);
    repli_buf_dispose(&json);
}

void repli__http_answer_failure(repli__http_asker asker, const repli_error *error) {
    repli__http_answer_error(asker, repli__http_status(error), NULL, error);
}

void repli__http_answer_snapshot(repli__http_asker asker, repli_snapshot *snapshot,
                                 const char *text, size_t size, const repli_error *error) {
    repli_http_response response = response_of(200);
    repli_buf json = REPLI_BUF_INIT;
    if (text != NULL) {
        response.content_type = repli__http_json;
        response.body = text;
        response.body_size = size;
        response.snapshot = snapshot;
    } else {
        response.status = 500;
        set_error_body(&response, error, &json);
    }
    response.age_ms = repli_snapshot_age_ms(snapshot);
    asker.respond(asker.user_data, &response);
    repli_buf_dispose(&json);
}

int32_t repli__http_status(const repli_error *error) {
    switch (error->code) {
    case REPLI_EINVALID: return 400;
    case REPLI_ENOTFOUND: return 404;
    case REPLI_ECONFLICT: return 409;
    /* The database's own code tells a full disk from a full queue. */
    case REPLI_EFULL: return error->native[0] != '\0' ? 507 : 429;
    case REPLI_ENOMEM:
    case REPLI_EBUSY:
    case REPLI_ECANCELLED:
    case REPLI_ESTATE: return 503;
    default: return 500;
    }
}
