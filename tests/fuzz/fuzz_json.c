#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "fuzz.h"
#include "base/json_check.h"
#include "base/json_span.h"
#include "model/validate.h"

/* All that is read of JSON. What is read is written, and reads as the same; and what is good JSON
 * is what jansson thinks it is, and means the same. */

/* Against jansson. */

static json_t *tree_of(repli__json_span span);

static json_t *string_of(repli__json_span span) {
    char *text = malloc(span.size);
    HOLDS(text != NULL);
    const size_t size = repli__json_decode(span, text, span.size);
    HOLDS(size == repli__json_length(span));
    HOLDS(size == strlen(text));
    HOLDS(repli__json_string_is(span, text, size));
    json_t *string = json_stringn(text, size);
    free(text);
    return string;
}

static json_t *object_of(repli__json_span span) {
    json_t *object = json_object();
    repli__json_span name;
    repli__json_span value;
    size_t count = 0;
    for (size_t at = 0; repli__json_next_member(span, &at, &name, &value); count++) {
        json_t *key = string_of(name);
        json_object_setn_new(object, json_string_value(key), json_string_length(key),
                             tree_of(value));
        json_decref(key);
    }
    HOLDS(repli__json_count(span) == count);
    return object;
}

static json_t *array_of(repli__json_span span) {
    json_t *array = json_array();
    repli__json_span item;
    size_t count = 0;
    for (size_t at = 0; repli__json_next_item(span, &at, &item); count++)
        json_array_append_new(array, tree_of(item));
    HOLDS(repli__json_count(span) == count);
    return array;
}

static json_t *tree_of(repli__json_span span) {
    int64_t integer;
    switch (repli__json_type(span)) {
    case REPLI__JSON_NULL: return json_null();
    case REPLI__JSON_BOOLEAN: return json_boolean(span.text[0] == 't');
    case REPLI__JSON_STRING: return string_of(span);
    case REPLI__JSON_ARRAY: return array_of(span);
    case REPLI__JSON_OBJECT: return object_of(span);
    case REPLI__JSON_INTEGER:
        if (repli__json_to_integer(span, &integer))
            return json_integer(integer);
        return json_real(repli__json_to_real(span));
    default: return json_real(repli__json_to_real(span));
    }
}

/* We refuse what goes deeper or is longer than makes sense, and bytes of zero, which jansson may
 * take for an end. */
static int beyond_limits(const char *json, size_t size) {
    size_t brackets = 0;
    size_t digits = 0;
    for (size_t i = 0; i < size; i++) {
        brackets += json[i] == '[' || json[i] == '{';
        digits = strchr("0123456789+-.eE", json[i]) != NULL ? digits + 1 : 0;
        if (json[i] == '\0' || digits > REPLI__NUMBER_MAX)
            return 1;
    }
    return brackets > REPLI__VALUE_DEPTH;
}

static void compare(const char *json, size_t size) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__json_check(json, size, REPLI__VALUE_DEPTH, "it", &error);
    fuzz_outcome(code, &error);
    json_error_t why;
    json_t *tree = json_loadb(json, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &why);
    if (code == REPLI_OK)
        HOLDS_FOR(tree != NULL, why.text);
    else if (!beyond_limits(json, size))
        HOLDS_FOR(tree == NULL, error.message);
    json_decref(tree);
    if (code != REPLI_OK)
        return;
    const repli__json_span root = repli__json_root(json, size);
    char *compact = malloc(root.size);
    HOLDS(compact != NULL);
    const size_t compact_size = repli__json_compact(compact, root);
    HOLDS(compact_size <= root.size);
    HOLDS(repli__json_check(compact, compact_size, REPLI__VALUE_DEPTH, "it", NULL) == REPLI_OK);
    json_t *ours = tree_of(repli__json_root(compact, compact_size));
    free(compact);
    /* A name that is there twice has no meaning in common, nor an integer beyond 64 bits. */
    json_t *theirs = json_loadb(json, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (theirs != NULL)
        HOLDS(json_equal(ours, theirs));
    json_decref(theirs);
    json_decref(ours);
}

/* Reading and writing. */

typedef int32_t (*read_fn)(const char *json, size_t size, repli_doc **ret_doc, const void **ret,
                           size_t *ret_count, repli_error *err);
typedef int32_t (*write_fn)(const void *record, size_t count, repli_buf *ret_json,
                            repli_error *err);

#define KIND(name)                                                                                 \
    static int32_t read_##name(const char *json, size_t size, repli_doc **ret_doc,                 \
                               const void **ret, size_t *ret_count, repli_error *err) {            \
        const repli_##name *record = NULL;                                                         \
        const int32_t code = repli_##name##_from_json(json, size, ret_doc, &record, err);          \
        *ret = record;                                                                             \
        *ret_count = 1;                                                                            \
        return code;                                                                               \
    }                                                                                              \
    static int32_t write_##name(const void *record, size_t count, repli_buf *ret_json,             \
                                repli_error *err) {                                                \
        (void)count;                                                                               \
        return repli_##name##_to_json(record, ret_json, err);                                      \
    }

KIND(node)
KIND(store_extras)
KIND(shards)
KIND(action)
KIND(request)

static int32_t read_summaries(const char *json, size_t size, repli_doc **ret_doc, const void **ret,
                              size_t *ret_count, repli_error *err) {
    const repli_action_summary *summaries = NULL;
    const int32_t code =
        repli_action_summaries_from_json(json, size, ret_doc, &summaries, ret_count, err);
    *ret = summaries;
    return code;
}

static int32_t write_summaries(const void *record, size_t count, repli_buf *ret_json,
                               repli_error *err) {
    return repli_action_summaries_to_json(record, count, ret_json, err);
}

static const struct {
    read_fn read;
    write_fn write;
} kinds[] = {{read_request, write_request},     {read_action, write_action},
             {read_summaries, write_summaries}, {read_node, write_node},
             {read_shards, write_shards},       {read_store_extras, write_store_extras}};

/* Reads, and if that works, writes. Not 0 if it did. */
static int rewrite(size_t kind, const char *json, size_t size, repli_buf *ret_json) {
    repli_error error = REPLI_ERROR_INIT;
    repli_doc *doc = NULL;
    const void *record;
    size_t count = 0;
    const int32_t code = kinds[kind].read(json, size, &doc, &record, &count, &error);
    fuzz_outcome(code, &error);
    HOLDS((code == REPLI_OK) == (doc != NULL));
    HOLDS(code == REPLI_OK || code == REPLI_EINVALID);
    if (code != REPLI_OK)
        return 0;
    const int32_t written = kinds[kind].write(record, count, ret_json, &error);
    HOLDS_FOR(written == REPLI_OK, error.message);
    HOLDS(strlen(ret_json->data) == ret_json->size);
    repli_doc_free(doc);
    return 1;
}

static void round_trip(size_t kind, const char *json, size_t size) {
    repli_buf once = REPLI_BUF_INIT;
    repli_buf twice = REPLI_BUF_INIT;
    if (rewrite(kind, json, size, &once)) {
        HOLDS_FOR(repli__json_check(once.data, once.size, REPLI__DOCUMENT_DEPTH, "it", NULL) ==
                      REPLI_OK,
                  once.data);
        HOLDS_FOR(rewrite(kind, once.data, once.size, &twice), once.data);
        HOLDS_FOR(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0,
                  once.data);
    }
    repli_buf_dispose(&once);
    repli_buf_dispose(&twice);
}

static void read_an_error(const char *json, size_t size) {
    repli_error found = REPLI_ERROR_INIT;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_error_from_json(json, size, &found, &error);
    fuzz_outcome(code, &error);
    if (code != REPLI_OK)
        return;
    HOLDS(found.code == REPLI_EINTERNAL);
    repli_buf text = REPLI_BUF_INIT;
    HOLDS(repli_error_to_json(&found, &text, &error) == REPLI_OK);
    repli_error again = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_error_from_json(text.data, text.size, &again, &error) == REPLI_OK, text.data);
    HOLDS_FOR(strcmp(found.message, again.message) == 0, text.data);
    HOLDS_FOR(strcmp(found.cause, again.cause) == 0, text.data);
    repli_buf_dispose(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *json = (const char *)data;
    compare(json, size);
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
        round_trip(kind, json, size);
    read_an_error(json, size);
    return 0;
}
