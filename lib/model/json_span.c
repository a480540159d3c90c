#include "model/json_span.h"

#include <stdint.h>

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(repli__json_span in, size_t at) {
    while (at < in.size && is_space(in.text[at]))
        at++;
    return at;
}

/* Past the string that begins at. */
static size_t skip_string(repli__json_span in, size_t at) {
    for (at++; at < in.size && in.text[at] != '"'; at++)
        if (in.text[at] == '\\')
            at++;
    return at < in.size ? at + 1 : in.size;
}

/* Past the value that begins at. */
static size_t skip_value(repli__json_span in, size_t at) {
    size_t depth = 0;
    while (at < in.size) {
        const char c = in.text[at];
        if (c == '"') {
            at = skip_string(in, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
            continue;
        } else {
            while (at < in.size && in.text[at] != ',' && in.text[at] != '}' && in.text[at] != ']' &&
                   !is_space(in.text[at]))
                at++;
        }
        if (depth == 0)
            return at;
    }
    return in.size;
}

static uint32_t hex_value(char c) {
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    return (uint32_t)((c | 0x20) - 'a' + 10);
}

/* The string that begins at is name. Letters may be written as \uXXXX. */
static int string_is(repli__json_span in, size_t at, const char *name) {
    for (at++; at < in.size && in.text[at] != '"'; name++) {
        uint32_t c = (unsigned char)in.text[at++];
        if (c == '\\') {
            if (in.size - at < 5 || in.text[at] != 'u')
                return 0;
            c = 0;
            for (size_t i = 1; i <= 4; i++)
                c = c << 4 | hex_value(in.text[at + i]);
            at += 5;
        }
        if (c != (unsigned char)*name)
            return 0;
    }
    return *name == '\0';
}

repli__json_span repli__json_member(repli__json_span object, const char *name) {
    const repli__json_span none = {NULL, 0};
    size_t at = object.text != NULL ? skip_space(object, 0) : 0;
    if (at >= object.size || object.text[at] != '{')
        return none;
    at = skip_space(object, at + 1);
    while (at < object.size && object.text[at] == '"') {
        const int found = string_is(object, at, name);
        at = skip_space(object, skip_string(object, at));
        at = skip_space(object, at + 1);
        const size_t start = at;
        at = skip_value(object, start);
        if (found)
            return (repli__json_span){object.text + start, at - start};
        at = skip_space(object, at);
        at = skip_space(object, at + 1);
    }
    return none;
}

repli__json_span repli__json_item(repli__json_span array, size_t *at) {
    const repli__json_span none = {NULL, 0};
    if (array.text == NULL)
        return none;
    if (*at == 0)
        *at = skip_space(array, 0);
    /* On the opening bracket, a comma, or the closing bracket. */
    if (*at >= array.size || (array.text[*at] != '[' && array.text[*at] != ','))
        return none;
    const size_t start = skip_space(array, *at + 1);
    if (start >= array.size || array.text[start] == ']')
        return none;
    const size_t end = skip_value(array, start);
    *at = skip_space(array, end);
    return (repli__json_span){array.text + start, end - start};
}

size_t repli__json_compact(char *to, const char *json, size_t size) {
    size_t used = 0;
    int in_string = 0;
    for (size_t at = 0; at < size; at++) {
        const char c = json[at];
        if (!in_string && is_space(c))
            continue;
        to[used++] = c;
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string && c == '\\' && at + 1 < size) {
            to[used++] = json[++at];
        }
    }
    return used;
}
