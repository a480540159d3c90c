#include <string.h>

#include "base/error.h"
#include "model/doc.h"
#include "base/json_check.h"
#include "model/json_in.h"
#include "base/json_out.h"
#include "model/record.h"

static void write_messages(repli__json_out *out, const char *message, const char *cause) {
    repli__json_name(out, "error_msg");
    repli__json_string(out, message);
    if (cause != NULL && cause[0] != '\0' && strcmp(cause, message) != 0) {
        repli__json_name(out, "error_cause");
        repli__json_string(out, cause);
    }
}

int32_t repli_error_to_json(const repli_error *error, repli_buf *ret_json, repli_error *err) {
    repli_error local;
    const int32_t code = repli__error_read(&local, error, err);
    if (code != REPLI_OK)
        return code;
    /* A driver may have filled it, and an error that cannot be told helps nobody. */
    local.message[sizeof(local.message) - 1] = '\0';
    local.cause[sizeof(local.cause) - 1] = '\0';
    const char *message = local.message[0] != '\0' ? local.message : repli_error_name(local.code);
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "error");
    repli__json_boolean(&out, 1);
    write_messages(&out, message, local.cause);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

int32_t repli__failure_to_json(const char *message, const char *cause, repli_buf *ret_json,
                               repli_error *err) {
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    write_messages(&out, message, cause);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

static int is_string(const repli__json_member *member) {
    return repli__json_type(member->value) == REPLI__JSON_STRING;
}

/* Messages between the first and the last of a trail go behind the first; the last is the cause. */
static void read_trail(repli__json_span trail, char *message, size_t message_size, char *cause,
                       size_t cause_size) {
    if (repli__json_type(trail) != REPLI__JSON_ARRAY)
        return;
    const size_t count = repli__json_count(trail);
    repli__json_span item;
    size_t at = 0;
    for (size_t i = 0; repli__json_next_item(trail, &at, &item); i++) {
        if (i == 0 || repli__json_type(item) != REPLI__JSON_STRING)
            continue;
        if (i == count - 1) {
            repli__json_decode(item, cause, cause_size);
            continue;
        }
        const size_t used = strlen(message);
        if (message_size - used < sizeof(": x"))
            continue;
        memcpy(message + used, ": ", sizeof(": "));
        repli__json_decode(item, message + used + 2, message_size - used - 2);
    }
}

int32_t repli_error_from_json(const char *json, size_t size, repli_error *ret_error,
                              repli_error *err) {
    int32_t code = repli__json_check(json, size, REPLI__DOCUMENT_DEPTH, "the error", err);
    if (code != REPLI_OK)
        return code;
    enum { FLAG, MESSAGE, CAUSE, TRAIL, COUNT };
    repli__json_member m[COUNT] = {
        {.name = "error"}, {.name = "error_msg"}, {.name = "error_cause"}, {.name = "error_trail"}};
    repli__json_in in = {.err = err, .path = ""};
    repli__json_members(&in, repli__json_root(json, size), m, COUNT);
    const repli__json_span flag = m[FLAG].value;
    if (in.code != REPLI_OK)
        return in.code;
    if (!is_string(&m[MESSAGE]) || (flag.text != NULL && flag.text[0] != 't'))
        return repli__error(err, REPLI_EINVALID, "model",
                            "this is not the body of an error: expected an object with "
                            "\"error\": true and a string \"error_msg\"");
    char message[REPLI_ERROR_MESSAGE_SIZE];
    char cause[REPLI_ERROR_CAUSE_SIZE] = "";
    repli__json_decode(m[MESSAGE].value, message, sizeof(message));
    read_trail(m[TRAIL].value, message, sizeof(message), cause, sizeof(cause));
    if (is_string(&m[CAUSE]))
        repli__json_decode(m[CAUSE].value, cause, sizeof(cause));
    repli__error(ret_error, REPLI_EINTERNAL, "agent", "%s", message);
    repli__error_cause(ret_error, cause);
    return REPLI_OK;
}
