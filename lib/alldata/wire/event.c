#include "alldata/wire/event.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json_check.h"
#include "base/json_span.h"

int32_t alldata__event_check(const char *event, size_t size, repli_error *err) {
    const int32_t code =
        repli__json_check_syntax(event, size, ALLDATA__EVENT_DEPTH, "the event", err);
    if (code == REPLI_OK && repli__json_type(repli__json_root(event, size)) == REPLI__JSON_NULL)
        return repli__error(err, REPLI_EINVALID, "alldata",
                            "the event is null: expected any other JSON");
    return code;
}

int alldata__event_line(repli_buf *to, const char *event, size_t size) {
    const size_t before = to->size;
    if (repli__buf_append(to, event, size) != REPLI_OK)
        return REPLI_ENOMEM;
    /* Between tokens alone there can be line feeds. */
    for (char *c = to->data + before; c < to->data + to->size; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return REPLI_OK;
}

/* The body between nodes. */

int alldata__body_write(repli_buf *to, const alldata_record *record) {
    const size_t before = to->size;
    if (repli__buf_text(to, "{\"key\":\"") == REPLI_OK &&
        repli__buf_append(to, record->key, record->key_size) == REPLI_OK &&
        repli__buf_text(to, "\",\"event\":") == REPLI_OK &&
        repli__buf_append(to, record->event, record->event_size) == REPLI_OK &&
        repli__buf_append(to, "}", 1) == REPLI_OK)
        return REPLI_OK;
    to->size = before;
    return REPLI_ENOMEM;
}

/* As it is written by all that write it: a name with escapes is another one. */
static int is_name(repli__json_span name, const char *text) {
    return name.size == strlen(text) && memcmp(name.text, text, name.size) == 0;
}

int32_t alldata__body_read(const char *body, size_t size, alldata_record *ret_record,
                           repli_error *err) {
    *ret_record = (alldata_record)ALLDATA_RECORD_INIT;
    int32_t code = repli__json_check_syntax(body, size, ALLDATA__EVENT_DEPTH + 1, "the body", err);
    if (code != REPLI_OK)
        return code;
    const repli__json_span root = repli__json_root(body, size);
    if (repli__json_type(root) != REPLI__JSON_OBJECT)
        return repli__error(err, REPLI_EINVALID, "alldata",
                            "the body is %s: expected an object with key and event",
                            repli__json_type_name(root));
    repli__json_span name, value, key = {NULL, 0}, event = {NULL, 0};
    for (size_t at = 0; repli__json_next_member(root, &at, &name, &value);) {
        if (is_name(name, "\"key\""))
            key = value;
        else if (is_name(name, "\"event\""))
            event = value;
    }
    if (repli__json_type(key) != REPLI__JSON_STRING)
        return repli__error(err, REPLI_EINVALID, "alldata", "the key is %s: expected a string",
                            repli__json_type_name(key));
    /* No character of a key is written as an escape. */
    code = alldata_key_validate(key.text + 1, key.size - 2, err);
    if (code != REPLI_OK)
        return code;
    ret_record->key = key.text + 1;
    ret_record->key_size = key.size - 2;
    if (repli__json_type(event) <= REPLI__JSON_NULL)
        return repli__error(err, REPLI_EINVALID, "alldata",
                            "the event is %s: expected any JSON but null",
                            repli__json_type_name(event));
    ret_record->event = event.text;
    ret_record->event_size = event.size;
    return REPLI_OK;
}
