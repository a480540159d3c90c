#include "model/json_in.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

/* Brackets outside of strings, whether or not the rest makes sense. */
static int is_deeper(const char *json, size_t size, size_t max_depth) {
    size_t depth = 0;
    int in_string = 0;
    for (size_t i = 0; i < size; i++) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = 0;
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth)
                return 1;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

static const char *reason_of(json_error_t *error) {
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input: return "it ends too early";
    case json_error_null_character: return "a string contains \\u0000, which is not supported";
    case json_error_null_byte_in_key: return "a name contains \\u0000, which is not supported";
    case json_error_numeric_overflow: return "a number is too large";
    default: repli__utf8_clean(error->text); return error->text;
    }
}

int32_t repli__json_load(const char *json, size_t size, size_t flags, size_t max_depth,
                         const char *what, json_t **ret_root, repli_error *err) {
    if (json == NULL || size == 0)
        return repli__error(err, REPLI_EINVALID, "model", "%s is empty: expected JSON", what);
    if (is_deeper(json, size, max_depth))
        return repli__error(err, REPLI_EINVALID, "model", "%s is nested deeper than %zu levels",
                            what, max_depth);
    json_error_t error;
    json_t *root = json_loadb(json, size, flags | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (root == NULL && json_error_code(&error) == json_error_out_of_memory)
        return repli__error_nomem(err, "model", "parsing JSON");
    if (root == NULL)
        return repli__error(err, REPLI_EINVALID, "model",
                            "%s is not valid JSON: line %d, column %d: %s", what, error.line,
                            error.column, reason_of(&error));
    *ret_root = root;
    return REPLI_OK;
}

int32_t repli__json_validate(const char *json, size_t size, size_t max, const char *what,
                             repli_error *err) {
    if (size > max)
        return repli__error(err, REPLI_EINVALID, "model", "%s is longer than %zu bytes", what, max);
    json_t *root = NULL;
    const int32_t code = repli__json_load(json, size, REPLI__JSON_BIG_INTEGERS, REPLI__VALUE_DEPTH,
                                          what, &root, err);
    json_decref(root);
    return code;
}
