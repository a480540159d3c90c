#include "model/json_attribute.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/record.h"

static void write_value(repli__json_out *out, const repli_attribute *attribute) {
    switch (attribute->type) {
    case REPLI_VALUE_STRING: repli__json_string(out, attribute->string); break;
    case REPLI_VALUE_INTEGER: repli__json_integer(out, attribute->integer); break;
    case REPLI_VALUE_REAL: repli__json_real(out, attribute->real); break;
    case REPLI_VALUE_BOOLEAN: repli__json_boolean(out, attribute->integer != 0); break;
    default: repli__json_null(out); break;
    }
}

void repli__attributes_write(repli__json_out *out, const repli_attribute *attributes,
                             size_t count) {
    const void *next = attributes;
    repli__json_open(out, '{');
    for (size_t i = 0; i < count; i++) {
        repli_attribute attribute;
        if (repli__attribute_read(&attribute, next, NULL) != REPLI_OK)
            break;
        repli__json_name(out, attribute.name);
        write_value(out, &attribute);
        next = repli__record_next(next);
    }
    repli__json_close(out, '}');
}

static void read_value(repli__json_in *in, const char *name, const json_t *value,
                       repli_attribute *attribute) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        attribute->type = REPLI_VALUE_STRING;
        attribute->string = repli__json_copy_text(in, json_string_value(value));
        break;
    case JSON_INTEGER:
        attribute->type = REPLI_VALUE_INTEGER;
        attribute->integer = json_integer_value(value);
        break;
    case JSON_REAL:
        attribute->type = REPLI_VALUE_REAL;
        attribute->real = json_real_value(value);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        attribute->type = REPLI_VALUE_BOOLEAN;
        attribute->integer = json_is_true(value);
        break;
    case JSON_NULL: attribute->type = REPLI_VALUE_NULL; break;
    default: {
        char quote[REPLI__QUOTE_SIZE];
        in->path = "attributes.";
        repli__json_refuse(in, repli__utf8_quote(quote, name),
                           "a string, a number, a boolean or null", value);
        in->path = "";
        break;
    }
    }
}

static int by_name(const void *a, const void *b) {
    const repli_attribute *first = a;
    const repli_attribute *second = b;
    return strcmp(first->name, second->name);
}

void repli__attributes_get(repli__json_in *in, const json_t *object,
                           const repli_attribute **ret_attributes, size_t *ret_count) {
    json_t *map = repli__json_get_object(in, object, "attributes", REPLI__OPTIONAL);
    const size_t count = json_object_size(map);
    if (count == 0)
        return;
    repli_attribute *attributes = repli__json_copy_array(in, count, sizeof(*attributes));
    size_t used = 0;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        if (in->code != REPLI_OK)
            return;
        attributes[used] = (repli_attribute)REPLI_ATTRIBUTE_INIT;
        attributes[used].name = repli__json_copy_text(in, name);
        read_value(in, name, value, &attributes[used]);
        used++;
    }
    if (in->code != REPLI_OK)
        return;
    qsort(attributes, count, sizeof(*attributes), by_name);
    *ret_attributes = attributes;
    *ret_count = count;
}
