#include "model/json_in.h"

#include <string.h>

#include "base/error.h"
#include "base/locale.h"
#include "base/utf8.h"
#include "base/uuid.h"

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
    repli__locale locale;
    repli__locale_enter(&locale);
    json_t *root = json_loadb(json, size, flags | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    repli__locale_leave(&locale);
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

/* Members. */

static const char *type_of(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    default: return "null";
    }
}

void repli__json_refuse(repli__json_in *in, const char *name, const char *expected,
                        const json_t *found) {
    if (in->code != REPLI_OK)
        return;
    if (found == NULL)
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "%s%s is missing: expected %s",
                                in->path, name, expected);
    else
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "%s%s must be %s, not %s",
                                in->path, name, expected, type_of(found));
}

json_t *repli__json_get(repli__json_in *in, const json_t *object, const char *name) {
    if (in->code != REPLI_OK)
        return NULL;
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static json_t *get_typed(repli__json_in *in, const json_t *object, const char *name, int required,
                         json_type type, const char *expected) {
    json_t *value = repli__json_get(in, object, name);
    if (value != NULL ? json_typeof(value) == type : !required)
        return value;
    repli__json_refuse(in, name, expected, value);
    return NULL;
}

json_t *repli__json_get_object(repli__json_in *in, const json_t *object, const char *name,
                               int required) {
    return get_typed(in, object, name, required, JSON_OBJECT, "an object");
}

json_t *repli__json_get_array(repli__json_in *in, const json_t *object, const char *name,
                              int required) {
    return get_typed(in, object, name, required, JSON_ARRAY, "an array");
}

const json_t *repli__json_object_at(repli__json_in *in, const json_t *array, size_t index) {
    const json_t *value = json_array_get(array, index);
    if (json_is_object(value))
        return value;
    repli__json_refuse(in, "the item", "an object", value);
    return NULL;
}

const char *repli__json_get_text(repli__json_in *in, const json_t *object, const char *name,
                                 int required) {
    const json_t *value = get_typed(in, object, name, required, JSON_STRING, "a string");
    return value != NULL ? repli__json_copy_text(in, json_string_value(value)) : NULL;
}

int64_t repli__json_get_integer(repli__json_in *in, const json_t *object, const char *name) {
    const json_t *value =
        get_typed(in, object, name, REPLI__REQUIRED, JSON_INTEGER, "a 64-bit integer");
    return value != NULL ? json_integer_value(value) : 0;
}

int64_t repli__json_get_time(repli__json_in *in, const json_t *object, const char *name) {
    const json_t *value = get_typed(in, object, name, REPLI__OPTIONAL, JSON_STRING, "a string");
    if (value == NULL)
        return REPLI_TIME_NONE;
    int64_t time_ns = REPLI_TIME_NONE;
    in->code = repli_time_parse(json_string_value(value), &time_ns, in->err);
    if (in->code != REPLI_OK)
        repli__error_within(in->err, in->code, "%s%s", in->path, name);
    return time_ns;
}

const char *repli__json_get_uuid(repli__json_in *in, const json_t *object, const char *name,
                                 int required) {
    const json_t *value = get_typed(in, object, name, required, JSON_STRING, "a string");
    if (value == NULL)
        return NULL;
    char canonical[REPLI_UUID_SIZE];
    in->code = repli__uuid_canonical(json_string_value(value), canonical, in->err);
    if (in->code != REPLI_OK) {
        repli__error_within(in->err, in->code, "%s%s", in->path, name);
        return NULL;
    }
    return repli__json_copy_text(in, canonical);
}

static void *check_memory(repli__json_in *in, void *memory) {
    if (memory == NULL && in->code == REPLI_OK)
        in->code = repli__error_nomem(in->err, "model", "reading JSON");
    return memory;
}

const char *repli__json_copy_text(repli__json_in *in, const char *text) {
    return check_memory(in, repli__arena_strdup(in->arena, text));
}

void *repli__json_copy_array(repli__json_in *in, size_t count, size_t size) {
    return check_memory(in, repli__arena_calloc(in->arena, count, size));
}

const char *repli__json_copy_value(repli__json_in *in, repli__json_span value) {
    if (in->code != REPLI_OK || value.text == NULL || value.text[0] == 'n')
        return NULL;
    char *copy = check_memory(in, repli__arena_alloc(in->arena, value.size + 1));
    if (copy != NULL)
        copy[repli__json_compact(copy, value.text, value.size)] = '\0';
    return copy;
}

/* Documents. */

static int32_t read_root(const repli__json_source *source, const json_t *root, repli_doc *doc,
                         repli__json_read_fn read, void *record, repli_error *err) {
    if (!json_is_object(root))
        return repli__error(err, REPLI_EINVALID, "model", "%s must be an object, not %s",
                            source->what, type_of(root));
    repli__json_in in = {.arena = &doc->arena, .err = err, .path = ""};
    read(&in, root, (repli__json_span){source->json, source->size}, record);
    return in.code == REPLI_OK ? in.code : repli__error_within(err, in.code, "%s", source->what);
}

int32_t repli__json_read(const repli__json_source *source, const repli__mem *mem,
                         size_t record_size, repli__json_read_fn read, repli_doc **ret_doc,
                         const void **ret_record, repli_error *err) {
    json_t *root = NULL;
    int32_t code = repli__json_load(source->json, source->size, source->flags,
                                    REPLI__DOCUMENT_DEPTH, source->what, &root, err);
    if (code != REPLI_OK)
        return code;
    repli_doc *doc = repli__doc_new(mem);
    void *record = doc != NULL ? repli__arena_calloc(&doc->arena, 1, record_size) : NULL;
    code = record != NULL ? read_root(source, root, doc, read, record, err)
                          : repli__error_nomem(err, "model", "reading JSON");
    json_decref(root);
    if (code != REPLI_OK) {
        repli_doc_free(doc);
        return code;
    }
    *ret_doc = doc;
    *ret_record = record;
    return REPLI_OK;
}
