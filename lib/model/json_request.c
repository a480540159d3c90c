#include "base/error.h"
#include "base/uuid.h"
#include "model/json_documents.h"
#include "model/json_header.h"
#include "model/json_time.h"
#include "model/record.h"
#include "model/validate.h"

int32_t repli_request_to_json(const repli_request *request, repli_buf *ret_json, repli_error *err) {
    repli_request local;
    int32_t code = repli__request_read(&local, request, err);
    if (code == REPLI_OK)
        code = repli__request_check(&local, err);
    if (code != REPLI_OK)
        return code;
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "kind");
    repli__json_string(&out, local.kind);
    if (local.args_json != NULL) {
        repli__json_name(&out, "args");
        repli__json_verbatim(&out, local.args_json);
    }
    if (local.created_ns != REPLI_TIME_NONE) {
        repli__json_name(&out, "created_time");
        repli__json_time(&out, local.created_ns);
    }
    if (local.deadline_ns != REPLI_TIME_NONE) {
        repli__json_name(&out, "deadline");
        repli__json_time(&out, local.deadline_ns);
    }
    if (local.not_before_ns != REPLI_TIME_NONE) {
        repli__json_name(&out, "not_before");
        repli__json_time(&out, local.not_before_ns);
    }
    char id[REPLI_UUID_SIZE];
    if (local.id != NULL && repli__uuid_canonical(local.id, id, NULL) == REPLI_OK) {
        repli__json_name(&out, "id");
        repli__json_string(&out, id);
    }
    if (local.header_count > 0) {
        repli__json_name(&out, "metadata");
        repli__headers_write(&out, local.headers, local.header_count);
    }
    if (local.requester != NULL) {
        repli__json_name(&out, "requester");
        repli__json_string(&out, local.requester);
    }
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

static void read_request(repli__json_in *in, repli__json_span root, void *record) {
    enum { KIND, ARGS, CREATED, DEADLINE, NOT_BEFORE, ID, METADATA, HEADERS, REQUESTER, COUNT };
    repli__json_member m[COUNT] = {
        [KIND] = {.name = "kind"},
        [ARGS] = {.name = "args"},
        [CREATED] = {.name = "created_time"},
        [DEADLINE] = {.name = "deadline"},
        [NOT_BEFORE] = {.name = "not_before"},
        [ID] = {.name = "id"},
        [METADATA] = {.name = "metadata"},
        [HEADERS] = {.name = "headers"},
        [REQUESTER] = {.name = "requester"},
    };
    repli__json_members(in, root, m, COUNT);
    repli_request *request = record;
    request->struct_size = sizeof(*request);
    request->kind = repli__json_get_text(in, &m[KIND], REPLI__REQUIRED);
    request->args_json = repli__json_get_json(in, &m[ARGS]);
    request->created_ns = repli__json_get_time(in, &m[CREATED]);
    request->deadline_ns = repli__json_get_time(in, &m[DEADLINE]);
    request->not_before_ns = repli__json_get_time(in, &m[NOT_BEFORE]);
    request->id = repli__json_get_uuid(in, &m[ID], REPLI__OPTIONAL);
    request->requester = repli__json_get_text(in, &m[REQUESTER], REPLI__OPTIONAL);
    /* To merge them would be to choose between their values. */
    const int has_headers = m[HEADERS].value.text != NULL;
    if (in->code == REPLI_OK && has_headers && m[METADATA].value.text != NULL)
        in->code = repli__error(in->err, REPLI_EINVALID, "model",
                                "metadata and its alias headers are both given: use one");
    repli__headers_get(in, has_headers ? &m[HEADERS] : &m[METADATA], &request->headers,
                       &request->header_count);
    if (in->code == REPLI_OK)
        in->code = repli__request_check(request, in->err);
}

int32_t repli__request_from_json(const repli__mem *mem, const char *json, size_t size,
                                 repli_doc **ret_doc, const repli_request **ret_request,
                                 repli_error *err) {
    const void *request = NULL;
    const int32_t code = repli__json_read(mem, json, size, "the request", sizeof(repli_request),
                                          read_request, ret_doc, &request, err);
    if (code == REPLI_OK)
        *ret_request = request;
    return code;
}

int32_t repli_request_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                const repli_request **ret_request, repli_error *err) {
    return repli__request_from_json(NULL, json, size, ret_doc, ret_request, err);
}
