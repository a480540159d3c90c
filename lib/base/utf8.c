#include "base/utf8.h"

#include <string.h>

size_t repli__utf8_next(const char *text, size_t size, uint32_t *ret_c) {
    if (size == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t c = bytes[0];
    size_t length = 1;
    uint32_t least = 0;
    if (c >= 0x80) {
        if (c >= 0xF0 && c <= 0xF4) {
            length = 4;
            least = 0x10000;
            c &= 0x07;
        } else if (c >= 0xE0 && c < 0xF0) {
            length = 3;
            least = 0x800;
            c &= 0x0F;
        } else if (c >= 0xC2 && c < 0xE0) {
            length = 2;
            least = 0x80;
            c &= 0x1F;
        } else {
            return 0;
        }
        if (length > size)
            return 0;
        for (size_t i = 1; i < length; i++) {
            if ((bytes[i] & 0xC0) != 0x80)
                return 0;
            c = c << 6 | (bytes[i] & 0x3F);
        }
        if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
            return 0;
    }
    if (ret_c != NULL)
        *ret_c = c;
    return length;
}

size_t repli__utf8_check(const char *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        if ((unsigned char)text[at] < 0x80) {
            at++;
            continue;
        }
        const size_t length = repli__utf8_next(text + at, size - at, NULL);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

size_t repli__utf8_cut(const char *text, size_t size) {
    size_t last = size > 0 ? size - 1 : 0;
    while (last > 0 && size - last < 4 && ((unsigned char)text[last] & 0xC0) == 0x80)
        last--;
    return repli__utf8_next(text + last, size - last, NULL) == size - last ? size : last;
}

int repli__utf8_is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

void repli__utf8_clean(char *text) {
    const size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        uint32_t c = 0;
        size_t length = repli__utf8_next(text + at, size - at, &c);
        if (length == 0 || repli__utf8_is_control(c)) {
            length = length > 0 ? length : 1;
            memset(text + at, '?', length);
        }
        at += length;
    }
}

const char *repli__utf8_quote(char to[REPLI__QUOTE_SIZE], const char *text) {
    if (text == NULL)
        return memcpy(to, "nothing", sizeof("nothing"));
    const size_t size = strnlen(text, REPLI__QUOTE_SIZE);
    const size_t room = REPLI__QUOTE_SIZE - sizeof("\"...\"") - 3;
    size_t used = 0;
    size_t at = 0;
    to[used++] = '"';
    while (at < size && used < room) {
        uint32_t c = 0;
        const size_t length = repli__utf8_next(text + at, size - at, &c);
        if (length == 0 || repli__utf8_is_control(c)) {
            to[used++] = '?';
            at += length > 0 ? length : 1;
            continue;
        }
        memcpy(to + used, text + at, length);
        used += length;
        at += length;
    }
    const char *end = at < size ? "...\"" : "\"";
    memcpy(to + used, end, strlen(end) + 1);
    return to;
}
