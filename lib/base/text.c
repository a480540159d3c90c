#include "base/text.h"

#include <string.h>

#include "base/utf8.h"

size_t repli__text_clean(char *to, size_t size, const char *from) {
    size_t used = 0;
    while (*from != '\0') {
        uint32_t c = 0;
        const size_t length = repli__utf8_next(from, strnlen(from, 4), &c);
        const size_t step = length > 0 ? length : 1;
        if (used + step >= size)
            break;
        if (length == 0)
            to[used++] = '?';
        else if (repli__utf8_is_control(c))
            to[used++] = ' ';
        else {
            memcpy(to + used, from, length);
            used += length;
        }
        from += step;
    }
    to[used] = '\0';
    return used;
}
