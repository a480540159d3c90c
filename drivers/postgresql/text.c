#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void repli__pg_text_init(repli__pg_text *text, const repli_host *host) {
    *text = (repli__pg_text){.host = host};
}

void repli__pg_text_free(repli__pg_text *text) {
    text->host->release(text->host, text->data);
    repli__pg_text_init(text, text->host);
}

const char *repli__pg_text_get(const repli__pg_text *text) {
    if (text->failed)
        return NULL;
    return text->data ? text->data : "";
}

static int make_room(repli__pg_text *text, size_t more) {
    if (text->failed || more > SIZE_MAX / 4 || text->size > SIZE_MAX / 4)
        return text->failed = 1, 0;
    if (text->size + more < text->capacity)
        return 1;
    size_t capacity = text->capacity ? text->capacity : 128;
    while (capacity <= text->size + more)
        capacity *= 2;
    char *data = text->host->resize(text->host, text->data, capacity);
    if (!data)
        return text->failed = 1, 0;
    text->data = data;
    text->capacity = capacity;
    return 1;
}

void repli__pg_text_add_bytes(repli__pg_text *text, const char *more, size_t size) {
    if (!make_room(text, size))
        return;
    if (size > 0)
        memcpy(text->data + text->size, more, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void repli__pg_text_add(repli__pg_text *text, const char *more) {
    repli__pg_text_add_bytes(text, more, strlen(more));
}

void repli__pg_text_printf(repli__pg_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        text->failed = 1;
    else if (make_room(text, (size_t)length)) {
        vsnprintf(text->data + text->size, (size_t)length + 1, format, again);
        text->size += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

/* Add value with each character of special doubled or, if escape is given, preceded by it. */
static void add_escaped(repli__pg_text *text, const char *value, const char *special, char escape) {
    while (*value) {
        const size_t plain = strcspn(value, special);
        repli__pg_text_add_bytes(text, value, plain);
        value += plain;
        if (*value) {
            repli__pg_text_add_bytes(text, escape ? &escape : value, 1);
            repli__pg_text_add_bytes(text, value, 1);
            value++;
        }
    }
}

/* Bytes of the UTF-8 sequence that text begins with; 0 if it is none. */
static size_t utf8_length(const char *text) {
    const unsigned char *byte = (const unsigned char *)text;
    if (byte[0] < 0x80)
        return 1;
    const size_t length = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : 2;
    if (byte[0] < 0xC2 || byte[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
    const int overlong = (byte[0] == 0xE0 && byte[1] < 0xA0) || (byte[0] == 0xF0 && byte[1] < 0x90);
    const int surrogate = byte[0] == 0xED && byte[1] > 0x9F;
    const int too_big = byte[0] == 0xF4 && byte[1] > 0x8F;
    return overlong || surrogate || too_big ? 0 : length;
}

void repli__pg_text_json(repli__pg_text *text, const char *value) {
    repli__pg_text_add(text, "\"");
    while (*value) {
        const size_t length = utf8_length(value);
        const unsigned char byte = (unsigned char)*value;
        if (length == 0)
            repli__pg_text_add(text, "?");
        else if (byte == '"' || byte == '\\')
            repli__pg_text_printf(text, "\\%c", byte);
        else if (byte < 0x20)
            repli__pg_text_printf(text, "\\u%04x", byte);
        else
            repli__pg_text_add_bytes(text, value, length);
        value += length ? length : 1;
    }
    repli__pg_text_add(text, "\"");
}

void repli__pg_text_literal(repli__pg_text *text, const char *value) {
    repli__pg_text_add(text, "'");
    add_escaped(text, value, "'", 0);
    repli__pg_text_add(text, "'");
}

void repli__pg_text_identifier(repli__pg_text *text, const char *value) {
    repli__pg_text_add(text, "\"");
    add_escaped(text, value, "\"", 0);
    repli__pg_text_add(text, "\"");
}

void repli__pg_text_setting(repli__pg_text *text, const char *value) {
    repli__pg_text_add(text, "'");
    add_escaped(text, value, "'\\", 0);
    repli__pg_text_add(text, "'");
}

void repli__pg_text_conninfo(repli__pg_text *text, const char *key, const char *value) {
    if (!value || !*value)
        return;
    repli__pg_text_printf(text, "%s%s='", text->size ? " " : "", key);
    add_escaped(text, value, "'\\", '\\');
    repli__pg_text_add(text, "'");
}

void repli__pg_clean(char *line) {
    for (char *at = line; *at;) {
        const size_t length = utf8_length(at);
        if (length == 0)
            *at = '?';
        else if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = ' ';
        at += length ? length : 1;
    }
}
