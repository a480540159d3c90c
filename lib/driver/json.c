#include "driver/host.h"

#include <string.h>

#include <jansson.h>

#include "base/error.h"

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

static const json_t *element(const json_t *list, const char *name, size_t size) {
    size_t index = 0;
    if (size == 0 || size > 9)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        if (name[i] < '0' || name[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(name[i] - '0');
    }
    return json_array_get(list, index);
}

static const json_t *member(const json_t *object, const char *name, size_t size) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (strncmp(key, name, size) == 0 && key[size] == '\0')
            return value;
    }
    return NULL;
}

static const json_t *walk(const json_t *value, const char *path) {
    if (path[0] == '\0')
        return value;
    size_t size;
    const char *name;
    while (value != NULL && (name = next_name(&path, &size)) != NULL)
        value = json_is_array(value) ? element(value, name, size) : member(value, name, size);
    return value;
}

/* The value at path, of which the caller releases *ret_root. The JSON is not shown in messages: it
 * may hold secrets. */
static int32_t look_up(const repli_host *table, const char *json, size_t size, const char *path,
                       json_t **ret_root, const json_t **ret_value, repli_error *err) {
    const char *origin = ((const repli__host *)table)->origin;
    if (json == NULL || path == NULL)
        return repli__error(err, REPLI_EINVALID, origin, "JSON text and path are needed");
    json_error_t problem;
    json_t *root = json_loadb(json, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL)
        return repli__error(err, REPLI_EINVALID, origin, "not valid JSON at line %d, column %d",
                            problem.line, problem.column);
    const json_t *value = walk(root, path);
    if (value == NULL || json_is_null(value)) {
        json_decref(root);
        return repli__error(err, REPLI_ENOTFOUND, origin, "there is no \"%.100s\"", path);
    }
    *ret_root = root;
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
    json_t *root;
    const json_t *value;
    int32_t code = look_up(table, json, size, path, &root, &value, err);
    if (code != REPLI_OK)
        return code;
    if (!json_is_string(value)) {
        code = wrong_type(table, path, "a string", err);
    } else if (json_string_length(value) >= text_size) {
        code = repli__error(err, REPLI_EFULL, ((const repli__host *)table)->origin,
                            "\"%.100s\" has %zu bytes, but at most %zu can be used", path,
                            json_string_length(value), text_size > 0 ? text_size - 1 : 0);
    } else {
        memcpy(ret_text, json_string_value(value), json_string_length(value) + 1);
    }
    json_decref(root);
    return code;
}

static int32_t host_json_integer(const repli_host *table, const char *json, size_t size,
                                 const char *path, int64_t *ret_value, repli_error *err) {
    json_t *root;
    const json_t *value;
    int32_t code = look_up(table, json, size, path, &root, &value, err);
    if (code != REPLI_OK)
        return code;
    if (json_is_integer(value))
        *ret_value = json_integer_value(value);
    else
        code = wrong_type(table, path, "an integer", err);
    json_decref(root);
    return code;
}

static int32_t host_json_boolean(const repli_host *table, const char *json, size_t size,
                                 const char *path, int32_t *ret_value, repli_error *err) {
    json_t *root;
    const json_t *value;
    int32_t code = look_up(table, json, size, path, &root, &value, err);
    if (code != REPLI_OK)
        return code;
    if (json_is_boolean(value))
        *ret_value = json_is_true(value);
    else
        code = wrong_type(table, path, "true or false", err);
    json_decref(root);
    return code;
}

void repli__host_add_json(repli_host *table) {
    table->json_string = host_json_string;
    table->json_integer = host_json_integer;
    table->json_boolean = host_json_boolean;
}
