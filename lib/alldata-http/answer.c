#include "alldata-http/answer.h"

#include <alldata/alldata.h>

#include "base/buf.h"
#include "base/json_out.h"

const char alldata__http_json[] = "application/json";
const char alldata__http_lines[] = "application/x-ndjson";

enum { RETRY_S = 1 };

void alldata__http_answer(alldata__http_call *call, const alldata_http_response *response) {
    /* Looked at first: a call that is not owned may be gone after it was answered. */
    alldata__http_call *owned = call->owned ? call : NULL;
    call->respond(call->user_data, response);
    repli__free(&repli__mem_default, owned);
}

static alldata_http_response response_of(int32_t status) {
    return (alldata_http_response){.struct_size = sizeof(alldata_http_response), .status = status};
}

void alldata__http_answer_empty(alldata__http_call *call, int32_t status) {
    const alldata_http_response response = response_of(status);
    alldata__http_answer(call, &response);
}

void alldata__http_answer_text(alldata__http_call *call, int32_t status, const char *type,
                               const char *text, size_t size) {
    alldata_http_response response = response_of(status);
    response.type = type;
    response.body = text;
    response.body_size = size;
    alldata__http_answer(call, &response);
}

int32_t alldata__http_answer_buf(alldata__http_call *call, const char *type, repli_buf *buf,
                                 int32_t code) {
    if (code == REPLI_OK)
        alldata__http_answer_text(call, 200, type, buf->data, buf->size);
    repli_buf_dispose(buf);
    return code;
}

int alldata__http_write_failure(repli_buf *json, const repli_error *error,
                                const alldata_put_result *result) {
    repli__json_out out;
    repli__json_begin(&out, json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "error");
    repli__json_boolean(&out, 1);
    repli__json_name(&out, "error_msg");
    repli__json_string(&out, error->message);
    repli__json_name(&out, "code");
    repli__json_string(&out, alldata_error_name(error->code));
    if (result != NULL && result->key[0] != '\0') {
        repli__json_name(&out, "key");
        repli__json_string(&out, result->key);
    }
    if (result != NULL) {
        repli__json_name(&out, "replicas");
        repli__json_integer(&out, result->replicas);
        repli__json_name(&out, "needed");
        repli__json_integer(&out, result->needed);
    }
    repli__json_close(&out, '}');
    return repli__json_end(&out, NULL);
}

void alldata__http_answer_error(alldata__http_call *call, int32_t status, const char *allow,
                                const repli_error *error) {
    static const char plain[] = "{\"error\":true,\"error_msg\":\"the node is out of memory\","
                                "\"code\":\"out_of_memory\"}";
    alldata_http_response response = response_of(status);
    response.type = alldata__http_json;
    response.body = plain;
    response.body_size = sizeof(plain) - 1;
    response.allow = allow;
    response.retry_after_s = status == 503 ? RETRY_S : 0;
    repli_buf json = REPLI_BUF_INIT;
    if (alldata__http_write_failure(&json, error, NULL) == REPLI_OK) {
        response.body = json.data;
        response.body_size = json.size;
    }
    alldata__http_answer(call, &response);
    repli_buf_dispose(&json);
}

void alldata__http_answer_failure(alldata__http_call *call, const repli_error *error) {
    alldata__http_answer_error(call, alldata__http_status_of(error->code), NULL, error);
}

int32_t alldata__http_status_of(int32_t code) {
    switch (code) {
    case REPLI_EINVALID: return 400;
    case REPLI_EPERMISSION: return 403;
    case REPLI_ENOTFOUND: return 404;
    case REPLI_ECONFLICT: return 409;
    case REPLI_ENOTSUP: return 501;
    case REPLI_EFULL:
    case REPLI_ENOMEM:
    case REPLI_EBUSY:
    case REPLI_ENOTREADY:
    case REPLI_ECANCELLED:
    case REPLI_ESTATE: return 503;
    default: return 500;
    }
}
