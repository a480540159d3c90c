#include "base/json_span.h"

#include <stdlib.h>
#include <string.h>

#include "base/locale.h"
#include "base/json_check.h"

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moving about. All of these stay within the text even where it is not valid. */

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

/* Past the number or word that begins at. */
static size_t skip_scalar(repli__json_span in, size_t at) {
    while (at < in.size && in.text[at] != ',' && in.text[at] != '}' && in.text[at] != ']' &&
           !is_space(in.text[at]))
        at++;
    return at;
}

/* Past the value that begins at. */
static size_t skip_value(repli__json_span in, size_t at) {
    size_t depth = 0;
    do {
        const char c = at < in.size ? in.text[at] : ']';
        if (c == '"') {
            at = skip_string(in, at);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        else if (depth == 0)
            return skip_scalar(in, at);
        at++;
    } while (depth > 0 && at < in.size);
    return at < in.size ? at : in.size;
}

static repli__json_span part(repli__json_span in, size_t start, size_t end) {
    return (repli__json_span){in.text + start, end - start};
}

repli__json_span repli__json_root(const char *json, size_t size) {
    const repli__json_span all = {json, size};
    const size_t start = skip_space(all, 0);
    while (size > start && is_space(json[size - 1]))
        size--;
    return part(all, start, size);
}

/* To the next token behind an opening bracket or a comma; 0 if there is none. */
static int enter(repli__json_span in, size_t *at) {
    if (in.size == 0 || *at >= in.size || in.text[*at] == ']' || in.text[*at] == '}')
        return 0;
    *at = skip_space(in, *at + 1);
    return *at < in.size && in.text[*at] != ']' && in.text[*at] != '}';
}

int repli__json_next_item(repli__json_span array, size_t *at, repli__json_span *ret_item) {
    if (!enter(array, at))
        return 0;
    const size_t end = skip_value(array, *at);
    *ret_item = part(array, *at, end);
    *at = skip_space(array, end);
    return 1;
}

int repli__json_next_member(repli__json_span object, size_t *at, repli__json_span *ret_name,
                            repli__json_span *ret_value) {
    if (!enter(object, at))
        return 0;
    size_t end = skip_string(object, *at);
    *ret_name = part(object, *at, end);
    const size_t colon = skip_space(object, end);
    const size_t start = skip_space(object, colon < object.size ? colon + 1 : colon);
    end = skip_value(object, start);
    *ret_value = part(object, start, end);
    *at = skip_space(object, end);
    return 1;
}

size_t repli__json_count(repli__json_span value) {
    const int type = repli__json_type(value);
    repli__json_span name;
    repli__json_span item;
    size_t count = 0;
    size_t at = 0;
    if (type == REPLI__JSON_ARRAY)
        while (repli__json_next_item(value, &at, &item))
            count++;
    if (type == REPLI__JSON_OBJECT)
        while (repli__json_next_member(value, &at, &name, &item))
            count++;
    return count;
}

/* Types. */

int repli__json_type(repli__json_span value) {
    if (value.text == NULL || value.size == 0)
        return REPLI__JSON_NONE;
    switch (value.text[0]) {
    case '{': return REPLI__JSON_OBJECT;
    case '[': return REPLI__JSON_ARRAY;
    case '"': return REPLI__JSON_STRING;
    case 'n': return REPLI__JSON_NULL;
    case 't':
    case 'f': return REPLI__JSON_BOOLEAN;
    default: break;
    }
    for (size_t i = 0; i < value.size; i++)
        if (value.text[i] == '.' || value.text[i] == 'e' || value.text[i] == 'E')
            return REPLI__JSON_REAL;
    return REPLI__JSON_INTEGER;
}

const char *repli__json_type_name(repli__json_span value) {
    int64_t number;
    switch (repli__json_type(value)) {
    case REPLI__JSON_NULL: return "null";
    case REPLI__JSON_BOOLEAN: return "a boolean";
    case REPLI__JSON_INTEGER:
        return repli__json_to_integer(value, &number) ? "an integer"
                                                      : "an integer of more than 64 bits";
    case REPLI__JSON_REAL: return "a number";
    case REPLI__JSON_STRING: return "a string";
    case REPLI__JSON_ARRAY: return "an array";
    case REPLI__JSON_OBJECT: return "an object";
    default: return "nothing";
    }
}

/* Strings. */

static uint32_t hex_value(char c) {
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    return (uint32_t)((c | 0x20) - 'a' + 10);
}

/* The code unit of the \uXXXX at, and past it. */
static uint32_t take_unit(repli__json_span in, size_t *at) {
    uint32_t unit = 0;
    for (size_t i = 2; i < 6; i++)
        unit = unit << 4 | hex_value(in.text[*at + i]);
    *at += 6;
    return unit;
}

/* The character of the escape at, and past it. */
static uint32_t take_escape(repli__json_span in, size_t *at) {
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    const char letter = in.text[*at + 1];
    if (letter == 'u') {
        const uint32_t unit = take_unit(in, at);
        if (unit < 0xD800 || unit > 0xDBFF)
            return unit;
        return 0x10000 + ((unit - 0xD800) << 10 | (take_unit(in, at) - 0xDC00));
    }
    *at += 2;
    const char *which = strchr(letters, letter);
    return (unsigned char)(which != NULL ? meanings[which - letters] : letter);
}

/* As UTF-8; returns the bytes it takes. */
static size_t encode(uint32_t c, char to[4]) {
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3F));
    to[2] = (char)(0x80 | (c >> 6 & 0x3F));
    to[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* The UTF-8 of the character at, and past it; returns the bytes it takes. */
static size_t take_character(repli__json_span in, size_t *at, char ret_bytes[4]) {
    if (in.text[*at] == '\\')
        return encode(take_escape(in, at), ret_bytes);
    size_t length = 0;
    do {
        ret_bytes[length++] = in.text[(*at)++];
    } while (length < 4 && ((unsigned char)in.text[*at] & 0xC0) == 0x80);
    return length;
}

size_t repli__json_length(repli__json_span string) {
    char bytes[4];
    size_t length = 0;
    for (size_t at = 1; at < string.size - 1;)
        length += take_character(string, &at, bytes);
    return length;
}

size_t repli__json_decode(repli__json_span string, char *to, size_t size) {
    char bytes[4];
    size_t used = 0;
    for (size_t at = 1; at < string.size - 1;) {
        const size_t length = take_character(string, &at, bytes);
        if (used + length >= size)
            break;
        memcpy(to + used, bytes, length);
        used += length;
    }
    to[used] = '\0';
    return used;
}

int repli__json_string_is(repli__json_span string, const char *text, size_t size) {
    if (memchr(string.text, '\\', string.size) == NULL)
        return string.size - 2 == size && memcmp(string.text + 1, text, size) == 0;
    char bytes[4];
    size_t used = 0;
    for (size_t at = 1; at < string.size - 1;) {
        const size_t length = take_character(string, &at, bytes);
        if (length > size - used || memcmp(text + used, bytes, length) != 0)
            return 0;
        used += length;
    }
    return used == size;
}

/* Numbers. */

int repli__json_to_integer(repli__json_span integer, int64_t *ret_number) {
    const int negative = integer.text[0] == '-';
    const uint64_t most = (uint64_t)INT64_MAX + (uint64_t)negative;
    uint64_t number = 0;
    for (size_t i = (size_t)negative; i < integer.size; i++) {
        const uint64_t digit = (uint64_t)(integer.text[i] - '0');
        if (number > (most - digit) / 10)
            return 0;
        number = number * 10 + digit;
    }
    /* The least number has no positive counterpart. */
    *ret_number = negative && number > 0 ? -(int64_t)(number - 1) - 1 : (int64_t)number;
    return 1;
}

double repli__json_to_real(repli__json_span number) {
    char text[REPLI__NUMBER_MAX + 1];
    const size_t size = number.size < sizeof(text) ? number.size : sizeof(text) - 1;
    memcpy(text, number.text, size);
    text[size] = '\0';
    repli__locale locale;
    repli__locale_enter(&locale);
    const double result = strtod(text, NULL);
    repli__locale_leave(&locale);
    return result;
}

size_t repli__json_compact(char *to, repli__json_span value) {
    size_t used = 0;
    int in_string = 0;
    for (size_t at = 0; at < value.size; at++) {
        const char c = value.text[at];
        if (!in_string && is_space(c))
            continue;
        to[used++] = c;
        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\' && at + 1 < value.size)
            to[used++] = value.text[++at];
    }
    return used;
}
