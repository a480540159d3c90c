#include "model/json_header.h"

#include "base/json_check.h"
#include "model/record.h"

void repli__headers_write(repli__json_out *out, const repli_header *headers, size_t count) {
    const void *next = headers;
    repli__json_open(out, '{');
    for (size_t i = 0; i < count; i++) {
        repli_header header;
        if (repli__header_read(&header, next, NULL) != REPLI_OK)
            break;
        repli__json_any_name(out, header.name);
        repli__json_string(out, header.value);
        next = repli__record_next(next);
    }
    repli__json_close(out, '}');
}

void repli__headers_get(repli__json_in *in, const repli__json_member *member,
                        const repli_header **ret_headers, size_t *ret_count) {
    const repli__json_span map = repli__json_get_object(in, member, REPLI__OPTIONAL);
    const size_t count = repli__json_count(map);
    if (count == 0)
        return;
    repli_header *headers = repli__json_new_array(in, count, sizeof(*headers));
    repli__json_span name;
    repli__json_span value;
    size_t at = 0;
    for (size_t i = 0; in->code == REPLI_OK && i < count; i++) {
        if (!repli__json_next_member(map, &at, &name, &value))
            break;
        if (repli__json_type(value) != REPLI__JSON_STRING) {
            repli__json_refuse_entry(in, member, name, "a string", value);
            return;
        }
        headers[i] = (repli_header)REPLI_HEADER_INIT;
        headers[i].name = repli__json_copy_string(in, name);
        headers[i].value = repli__json_copy_string(in, value);
    }
    *ret_headers = headers;
    *ret_count = count;
}

int32_t repli__headers_from_json(repli__arena *arena, const char *json, size_t size,
                                 const repli_header **ret_headers, size_t *ret_count,
                                 repli_error *err) {
    const int32_t code = repli__json_check(json, size, REPLI__VALUE_DEPTH, "metadata", err);
    if (code != REPLI_OK)
        return code;
    const repli__json_member map = {.name = "metadata", .value = repli__json_root(json, size)};
    repli__json_in in = {.arena = arena, .err = err, .path = ""};
    const repli_header *headers = NULL;
    size_t count = 0;
    repli__headers_get(&in, &map, &headers, &count);
    if (in.code != REPLI_OK)
        return in.code;
    *ret_headers = headers;
    *ret_count = count;
    return REPLI_OK;
}
