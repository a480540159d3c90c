#include "model/json_attribute.h"

#include <stdlib.h>
#include <string.h>

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

static void read_attribute(repli__json_in *in, const repli__json_member *map, repli__json_span name,
                           repli__json_span value, repli_attribute *attribute) {
    *attribute = (repli_attribute)REPLI_ATTRIBUTE_INIT;
    attribute->name = repli__json_copy_string(in, name);
    switch (repli__json_type(value)) {
    case REPLI__JSON_STRING:
        attribute->type = REPLI_VALUE_STRING;
        attribute->string = repli__json_copy_string(in, value);
        break;
    case REPLI__JSON_INTEGER:
        attribute->type = REPLI_VALUE_INTEGER;
        if (!repli__json_to_integer(value, &attribute->integer))
            repli__json_refuse_entry(in, map, name, "a string, a real number or a 64-bit integer",
                                     value);
        break;
    case REPLI__JSON_REAL:
        attribute->type = REPLI_VALUE_REAL;
        attribute->real = repli__json_to_real(value);
        break;
    case REPLI__JSON_BOOLEAN:
        attribute->type = REPLI_VALUE_BOOLEAN;
        attribute->integer = value.text[0] == 't';
        break;
    case REPLI__JSON_NULL: attribute->type = REPLI_VALUE_NULL; break;
    default:
        repli__json_refuse_entry(in, map, name, "a string, a number, a boolean or null", value);
        break;
    }
}

static int by_name(const void *a, const void *b) {
    const repli_attribute *first = a;
    const repli_attribute *second = b;
    return strcmp(first->name, second->name);
}

void repli__attributes_get(repli__json_in *in, const repli__json_member *member,
                           const repli_attribute **ret_attributes, size_t *ret_count) {
    const repli__json_span map = repli__json_get_object(in, member, REPLI__OPTIONAL);
    const size_t count = repli__json_count(map);
    if (count == 0)
        return;
    repli_attribute *attributes = repli__json_new_array(in, count, sizeof(*attributes));
    repli__json_span name;
    repli__json_span value;
    size_t at = 0;
    for (size_t i = 0; in->code == REPLI_OK && i < count; i++)
        if (repli__json_next_member(map, &at, &name, &value))
            read_attribute(in, member, name, value, &attributes[i]);
    if (in->code != REPLI_OK)
        return;
    qsort(attributes, count, sizeof(*attributes), by_name);
    *ret_attributes = attributes;
    *ret_count = count;
}
