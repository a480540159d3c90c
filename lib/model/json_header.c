#include "model/json_header.h"

#include "base/error.h"
#include "base/utf8.h"
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

void repli__headers_get(repli__json_in *in, const json_t *object, const char *name,
                        const repli_header **ret_headers, size_t *ret_count) {
    json_t *map = repli__json_get_object(in, object, name, REPLI__OPTIONAL);
    const size_t count = json_object_size(map);
    if (count == 0)
        return;
    repli_header *headers = repli__json_copy_array(in, count, sizeof(*headers));
    size_t used = 0;
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value) {
        if (in->code != REPLI_OK)
            return;
        if (!json_is_string(value)) {
            char quote[REPLI__QUOTE_SIZE];
            repli__json_refuse(in, repli__utf8_quote(quote, key), "a string", value);
            repli__error_within(in->err, in->code, "%s", name);
            return;
        }
        headers[used] = (repli_header)REPLI_HEADER_INIT;
        headers[used].name = repli__json_copy_text(in, key);
        headers[used].value = repli__json_copy_text(in, json_string_value(value));
        used++;
    }
    *ret_headers = headers;
    *ret_count = used;
}
