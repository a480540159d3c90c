#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/doc.h"
#include "model/json_in.h"
#include "model/json_out.h"
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

/* The messages between the first and the last of a trail are put behind the first. */
static void read_trail(const json_t *trail, char *message, size_t size) {
    for (size_t i = 1; i + 1 < json_array_size(trail); i++) {
        const char *text = json_string_value(json_array_get(trail, i));
        const size_t used = strlen(message);
        if (text != NULL)
            snprintf(message + used, size - used, ": %s", text);
    }
}

static int32_t read_error(const json_t *root, repli_error *ret_error, repli_error *err) {
    const json_t *flag = json_object_get(root, "error");
    const char *first = json_string_value(json_object_get(root, "error_msg"));
    if (first == NULL || (flag != NULL && !json_is_true(flag)))
        return repli__error(err, REPLI_EINVALID, "model",
                            "this is not the body of an error: expected an object with "
                            "\"error\": true and a string \"error_msg\"");
    char message[2 * REPLI_ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof(message), "%s", first);
    const json_t *trail = json_object_get(root, "error_trail");
    read_trail(trail, message, sizeof(message));

    const size_t length = json_array_size(trail);
    const char *cause = json_string_value(json_object_get(root, "error_cause"));
    if (cause == NULL && length > 1)
        cause = json_string_value(json_array_get(trail, length - 1));
    repli__error(ret_error, REPLI_EINTERNAL, "agent", "%s", message);
    if (cause != NULL)
        repli__error_cause(ret_error, cause);
    return REPLI_OK;
}

int32_t repli_error_from_json(const char *json, size_t size, repli_error *ret_error,
                              repli_error *err) {
    json_t *root = NULL;
    int32_t code = repli__json_load(json, size, REPLI__JSON_BIG_INTEGERS, REPLI__DOCUMENT_DEPTH,
                                    "the error", &root, err);
    if (code != REPLI_OK)
        return code;
    code = read_error(root, ret_error, err);
    json_decref(root);
    return code;
}
