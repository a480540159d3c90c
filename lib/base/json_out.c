#include "base/json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/locale.h"
#include "base/utf8.h"
#include "base/json_span.h"

void repli__json_begin(repli__json_out *out, repli_buf *buf) {
    *out = (repli__json_out){.buf = buf, .start = buf->size};
}

int32_t repli__json_abandon(repli__json_out *out, int32_t code) {
    out->buf->size = out->start;
    if (out->buf->data != NULL)
        out->buf->data[out->start] = '\0';
    return code;
}

int32_t repli__json_end(repli__json_out *out, repli_error *err) {
    if (out->code == REPLI_OK)
        return REPLI_OK;
    repli__json_abandon(out, out->code);
    return repli__error_nomem(err, "model", "writing JSON");
}

static void put(repli__json_out *out, const char *text, size_t size) {
    if (out->code == REPLI_OK)
        out->code = repli__buf_append(out->buf, text, size);
}

/* A comma, unless what comes next is the first in its brackets or belongs to a name. A string never
 * ends in one of these, since its last character is the quote. */
static void separate(repli__json_out *out) {
    if (out->buf->size == out->start)
        return;
    const char last = out->buf->data[out->buf->size - 1];
    if (last != '{' && last != '[' && last != ':')
        put(out, ",", 1);
}

void repli__json_open(repli__json_out *out, char bracket) {
    separate(out);
    put(out, &bracket, 1);
}

void repli__json_close(repli__json_out *out, char bracket) {
    put(out, &bracket, 1);
}

void repli__json_name(repli__json_out *out, const char *name) {
    separate(out);
    put(out, "\"", 1);
    put(out, name, strlen(name));
    put(out, "\":", 2);
}

static void put_escape(repli__json_out *out, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    const char *from = "\"\\\b\f\n\r\t";
    const char *to = "\"\\bfnrt";
    const char *which = strchr(from, c);
    if (which != NULL) {
        const char escape[2] = {'\\', to[which - from]};
        put(out, escape, sizeof(escape));
    } else {
        const char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 0xF]};
        put(out, escape, sizeof(escape));
    }
}

static void put_string(repli__json_out *out, const char *text) {
    const size_t size = strlen(text);
    size_t done = 0;
    size_t at = 0;
    put(out, "\"", 1);
    while (at < size) {
        const unsigned char c = (unsigned char)text[at];
        size_t length = 1;
        if (c >= 0x80)
            length = repli__utf8_next(text + at, size - at, NULL);
        else if (c < 0x20 || c == '"' || c == '\\')
            length = 0;
        if (length > 0) {
            at += length;
            continue;
        }
        put(out, text + done, at - done);
        if (c >= 0x80)
            put(out, "\xEF\xBF\xBD", 3);
        else
            put_escape(out, c);
        done = ++at;
    }
    put(out, text + done, at - done);
    put(out, "\"", 1);
}

void repli__json_any_name(repli__json_out *out, const char *name) {
    separate(out);
    put_string(out, name);
    put(out, ":", 1);
}

void repli__json_string(repli__json_out *out, const char *text) {
    if (text == NULL) {
        repli__json_null(out);
        return;
    }
    separate(out);
    put_string(out, text);
}

void repli__json_integer(repli__json_out *out, int64_t number) {
    char digits[20];
    char *at = digits + sizeof(digits);
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    separate(out);
    put(out, at, (size_t)(digits + sizeof(digits) - at));
}

void repli__json_real(repli__json_out *out, double number) {
    char text[32];
    int precision = 15;
    int size;
    repli__locale locale;
    repli__locale_enter(&locale);
    do {
        size = snprintf(text, sizeof(text), "%.*g", precision, number);
    } while (++precision <= 17 && strtod(text, NULL) != number);
    repli__locale_leave(&locale);
    separate(out);
    put(out, text, (size_t)size);
    if (strpbrk(text, ".e") == NULL)
        put(out, ".0", 2);
}

void repli__json_boolean(repli__json_out *out, int value) {
    separate(out);
    put(out, value ? "true" : "false", value ? 4 : 5);
}

void repli__json_null(repli__json_out *out) {
    separate(out);
    put(out, "null", 4);
}

void repli__json_verbatim(repli__json_out *out, const char *json) {
    if (json == NULL) {
        repli__json_null(out);
        return;
    }
    separate(out);
    const size_t size = strlen(json);
    put(out, json, size);
    if (out->code == REPLI_OK) {
        char *text = out->buf->data + out->buf->size - size;
        out->buf->size -= size - repli__json_compact(text, (repli__json_span){text, size});
        out->buf->data[out->buf->size] = '\0';
    }
}
