#include "driver/host.h"

#include <string.h>

#include "base/error.h"
#include "base/json_check.h"
#include "base/json_span.h"

/* Name up to the next dot of *path, which then points behind it; NULL at the end. */
static const char *next_name(const char **path, size_t *ret_size) {
    const char *name = *path;
    if (name == NULL)
        return NULL;
    const char *dot = strchr(name, '.');
    *ret_size = dot != NULL ? (size_t)(dot - name) : strlen(name);
    *path = dot != NULL ? dot + 1 : NULL;
    return name;
}

static repli__json_span element(repli__json_span array, const char *name, size_t size) {
    repli__json_span item = {NULL, 0};
    size_t index = 0;
    size_t at = 0;
    if (size == 0 || size > 9)
        return item;
    for (size_t i = 0; i < size; i++) {
        if (name[i] < '0' || name[i] > '9')
            return item;
        index = index * 10 + (size_t)(name[i] - '0');
    }
    for (size_t i = 0; i <= index; i++)
        if (!repli__json_next_item(array, &at, &item))
            return (repli__json_span){NULL, 0};
    return item;
}

static repli__json_span member(repli__json_span object, const char *name, size_t size) {
    repli__json_span key;
    repli__json_span value;
    size_t at = 0;
    while (repli__json_next_member(object, &at, &key, &value))
        if (repli__json_string_is(key, name, size))
            return value;
    return (repli__json_span){NULL, 0};
}

static repli__json_span walk(repli__json_span value, const char *path) {
    if (path[0] == '\0')
        return value;
    size_t size;
    const char *name;
    while ((name = next_name(&path, &size)) != NULL) {
        switch (repli__json_type(value)) {
        case REPLI__JSON_ARRAY: value = element(value, name, size); break;
        case REPLI__JSON_OBJECT: value = member(value, name, size); break;
        default: return (repli__json_span){NULL, 0};
        }
    }
    return value;
}

/* The value at path. The JSON is not shown in messages: it may hold secrets. */
static int32_t look_up(const repli_host *table, const char *json, size_t size, const char *path,
                       repli__json_span *ret_value, repli_error *err) {
    const char *origin = ((const repli__host *)table)->origin;
    if (json == NULL || path == NULL)
        return repli__error(err, REPLI_EINVALID, origin, "JSON text and path are needed");
    const int32_t code = repli__json_check(json, size, REPLI__DOCUMENT_DEPTH, "the value", err);
    if (code != REPLI_OK)
        return code;
    const repli__json_span value = walk(repli__json_root(json, size), path);
    const int type = repli__json_type(value);
    if (type == REPLI__JSON_NONE || type == REPLI__JSON_NULL)
        return repli__error(err, REPLI_ENOTFOUND, origin, "there is no \"%.100s\"", path);
    *ret_value = value;
    return REPLI_OK;
}

static int32_t wrong_type(const repli_host *table, const char *path, const char *wanted,
                          repli_error *err) {
    return repli__error(err, REPLI_EINVALID, ((const repli__host *)table)->origin,
                        "\"%.100s\" is not %s", path, wanted);
}

static int32_t host_json_string(const repli_host *table, const char *json, size_t size,
                                const char *path, char *ret_text, size_t text_size,
                                repli_error *err) {
    repli__json_span value;
    const int32_t code = look_up(table, json, size, path, &value, err);
    if (code != REPLI_OK)
        return code;
    if (repli__json_type(value) != REPLI__JSON_STRING)
        return wrong_type(table, path, "a string", err);
    const size_t length = repli__json_length(value);
    if (length >= text_size)
        return repli__error(err, REPLI_EFULL, ((const repli__host *)table)->origin,
                            "\"%.100s\" has %zu bytes, but at most %zu can be used", path, length,
                            text_size > 0 ? text_size - 1 : 0);
    repli__json_decode(value, ret_text, text_size);
    return REPLI_OK;
}

static int32_t host_json_integer(const repli_host *table, const char *json, size_t size,
                                 const char *path, int64_t *ret_value, repli_error *err) {
    repli__json_span value;
    const int32_t code = look_up(table, json, size, path, &value, err);
    if (code != REPLI_OK)
        return code;
    if (repli__json_type(value) != REPLI__JSON_INTEGER || !repli__json_to_integer(value, ret_value))
        return wrong_type(table, path, "an integer of 64 bits", err);
    return REPLI_OK;
}

static int32_t host_json_boolean(const repli_host *table, const char *json, size_t size,
                                 const char *path, int32_t *ret_value, repli_error *err) {
    repli__json_span value;
    const int32_t code = look_up(table, json, size, path, &value, err);
    if (code != REPLI_OK)
        return code;
    if (repli__json_type(value) != REPLI__JSON_BOOLEAN)
        return wrong_type(table, path, "true or false", err);
    *ret_value = value.text[0] == 't';
    return REPLI_OK;
}

void repli__host_add_json(repli_host *table) {
    table->json_string = host_json_string;
    table->json_integer = host_json_integer;
    table->json_boolean = host_json_boolean;
}
