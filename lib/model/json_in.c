#include "model/json_in.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "base/json_check.h"

static const repli__json_span none = {NULL, 0};

/* Refusals. */

void repli__json_refuse(repli__json_in *in, const repli__json_member *member,
                        const char *expected) {
    if (in->code != REPLI_OK)
        return;
    if (member->value.text == NULL)
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "%s%s is missing: expected %s",
                                in->path, member->name, expected);
    else
        in->code =
            repli__error(in->err, REPLI_EINVALID, "model", "%s%s must be %s, not %s", in->path,
                         member->name, expected, repli__json_type_name(member->value));
}

void repli__json_refuse_word(repli__json_in *in, const repli__json_member *member,
                             const char *expected, const char *word) {
    if (in->code != REPLI_OK)
        return;
    char quote[REPLI__QUOTE_SIZE];
    in->code = repli__error(in->err, REPLI_EINVALID, "model", "%s%s must be %s, not %s", in->path,
                            member->name, expected, repli__utf8_quote(quote, word));
}

void repli__json_refuse_entry(repli__json_in *in, const repli__json_member *map,
                              repli__json_span name, const char *expected, repli__json_span found) {
    if (in->code != REPLI_OK)
        return;
    char text[REPLI__QUOTE_SIZE];
    char quote[REPLI__QUOTE_SIZE];
    repli__json_decode(name, text, sizeof(text));
    in->code = repli__error(in->err, REPLI_EINVALID, "model", "%s.%s must be %s, not %s", map->name,
                            repli__utf8_quote(quote, text), expected, repli__json_type_name(found));
}

void repli__json_within(repli__json_in *in, const char *where, size_t index) {
    if (in->code != REPLI_OK)
        repli__error_within(in->err, in->code, "%s[%zu]", where, index);
}

/* Members. */

static void found(repli__json_in *in, repli__json_member *member, repli__json_span value) {
    if (member->value.text != NULL && in->code == REPLI_OK)
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "%s%s is there twice", in->path,
                                member->name);
    member->value = value;
}

void repli__json_members(repli__json_in *in, repli__json_span object, repli__json_member *members,
                         size_t count) {
    if (in->code != REPLI_OK || repli__json_type(object) != REPLI__JSON_OBJECT)
        return;
    repli__json_span name;
    repli__json_span value;
    size_t at = 0;
    while (repli__json_next_member(object, &at, &name, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (repli__json_string_is(name, members[i].name, strlen(members[i].name))) {
                found(in, &members[i], value);
                break;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        if (in->code != REPLI_OK || repli__json_type(members[i].value) == REPLI__JSON_NULL)
            members[i].value = none;
}

static repli__json_span get(repli__json_in *in, const repli__json_member *member, int type,
                            int required, const char *expected) {
    if (in->code != REPLI_OK)
        return none;
    const int actual = repli__json_type(member->value);
    if (actual == type || (actual == REPLI__JSON_NONE && !required))
        return member->value;
    repli__json_refuse(in, member, expected);
    return none;
}

repli__json_span repli__json_get_object(repli__json_in *in, const repli__json_member *member,
                                        int required) {
    return get(in, member, REPLI__JSON_OBJECT, required, "an object");
}

repli__json_span repli__json_get_array(repli__json_in *in, const repli__json_member *member,
                                       int required) {
    return get(in, member, REPLI__JSON_ARRAY, required, "an array");
}

static repli__json_span get_string(repli__json_in *in, const repli__json_member *member,
                                   int required) {
    return get(in, member, REPLI__JSON_STRING, required, "a string");
}

const char *repli__json_get_text(repli__json_in *in, const repli__json_member *member,
                                 int required) {
    const repli__json_span value = get_string(in, member, required);
    return value.text != NULL ? repli__json_copy_string(in, value) : NULL;
}

const char *repli__json_get_uuid(repli__json_in *in, const repli__json_member *member,
                                 int required) {
    const char *text = repli__json_get_text(in, member, required);
    char canonical[REPLI_UUID_SIZE];
    if (text == NULL)
        return NULL;
    in->code = repli__uuid_canonical(text, canonical, in->err);
    if (in->code != REPLI_OK) {
        repli__error_within(in->err, in->code, "%s%s", in->path, member->name);
        return NULL;
    }
    const char *copy = repli__arena_strdup(in->arena, canonical);
    if (copy == NULL)
        in->code = repli__error_nomem(in->err, "model", "reading JSON");
    return copy;
}

int64_t repli__json_get_integer(repli__json_in *in, const repli__json_member *member) {
    static const char expected[] = "a 64-bit integer";
    const repli__json_span value = get(in, member, REPLI__JSON_INTEGER, REPLI__REQUIRED, expected);
    int64_t number = 0;
    if (value.text != NULL && !repli__json_to_integer(value, &number))
        repli__json_refuse(in, member, expected);
    return number;
}

int64_t repli__json_get_time(repli__json_in *in, const repli__json_member *member) {
    const repli__json_span value = get_string(in, member, REPLI__OPTIONAL);
    if (value.text == NULL)
        return REPLI_TIME_NONE;
    /* Longer than any time, so that a cut one is refused. */
    char text[2 * REPLI_TIME_SIZE];
    int64_t time_ns = REPLI_TIME_NONE;
    repli__json_decode(value, text, sizeof(text));
    in->code = repli_time_parse(text, &time_ns, in->err);
    if (in->code != REPLI_OK)
        repli__error_within(in->err, in->code, "%s%s", in->path, member->name);
    return time_ns;
}

const char *repli__json_get_json(repli__json_in *in, const repli__json_member *member) {
    if (in->code != REPLI_OK || member->value.text == NULL)
        return NULL;
    char *copy = repli__json_new_array(in, member->value.size + 1, 1);
    if (copy != NULL)
        copy[repli__json_compact(copy, member->value)] = '\0';
    return copy;
}

int repli__json_get_word(repli__json_in *in, repli__json_span value,
                         char ret_word[REPLI__WORD_SIZE]) {
    if (in->code != REPLI_OK || repli__json_type(value) != REPLI__JSON_STRING)
        return 0;
    repli__json_decode(value, ret_word, REPLI__WORD_SIZE);
    return 1;
}

repli__json_span repli__json_next_object(repli__json_in *in, repli__json_span array, size_t *at) {
    repli__json_member item = {.name = "the item", .value = none};
    repli__json_next_item(array, at, &item.value);
    return repli__json_get_object(in, &item, REPLI__REQUIRED);
}

/* Copies. */

void *repli__json_new_array(repli__json_in *in, size_t count, size_t size) {
    void *memory = repli__arena_calloc(in->arena, count, size);
    if (memory == NULL && in->code == REPLI_OK)
        in->code = repli__error_nomem(in->err, "model", "reading JSON");
    return memory;
}

const char *repli__json_copy_string(repli__json_in *in, repli__json_span string) {
    if (in->code != REPLI_OK)
        return NULL;
    char *text = repli__json_new_array(in, string.size, 1);
    if (text != NULL)
        repli__json_decode(string, text, string.size);
    return text;
}

/* Documents. */

static int32_t read_root(repli__json_span root, const char *what, repli_doc *doc,
                         repli__json_read_fn read, void *record, repli_error *err) {
    if (repli__json_type(root) != REPLI__JSON_OBJECT)
        return repli__error(err, REPLI_EINVALID, "model", "%s must be an object, not %s", what,
                            repli__json_type_name(root));
    repli__json_in in = {.arena = &doc->arena, .err = err, .path = ""};
    read(&in, root, record);
    return in.code == REPLI_OK ? in.code : repli__error_within(err, in.code, "%s", what);
}

int32_t repli__json_read(const repli__mem *mem, const char *json, size_t size, const char *what,
                         size_t record_size, repli__json_read_fn read, repli_doc **ret_doc,
                         const void **ret_record, repli_error *err) {
    int32_t code = repli__json_check(json, size, REPLI__DOCUMENT_DEPTH, what, err);
    if (code != REPLI_OK)
        return code;
    repli_doc *doc = repli__doc_new(mem);
    void *record = doc != NULL ? repli__arena_calloc(&doc->arena, 1, record_size) : NULL;
    if (record != NULL)
        code = read_root(repli__json_root(json, size), what, doc, read, record, err);
    else
        code = repli__error_nomem(err, "model", "reading JSON");
    if (code != REPLI_OK) {
        repli_doc_free(doc);
        return code;
    }
    *ret_doc = doc;
    *ret_record = record;
    return REPLI_OK;
}
