#include "base/address.h"

#include <string.h>

static int read_port(const char *digits, uint16_t *ret_port) {
    uint32_t port = 0;
    for (const char *digit = digits; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || port > UINT16_MAX)
            return 0;
        port = port * 10 + (uint32_t)(*digit - '0');
    }
    *ret_port = (uint16_t)port;
    return digits[0] != '\0' && port <= UINT16_MAX;
}

int repli__address_split(const char *text, char *ret_host, size_t size, uint16_t *ret_port) {
    const char *begin = text;
    const char *end = strrchr(text, ':');
    if (end == NULL || end == text || !read_port(end + 1, ret_port))
        return 0;
    if (*begin == '[') {
        if (*--end != ']')
            return 0;
        begin++;
    } else if (memchr(begin, ':', (size_t)(end - begin)) != NULL) {
        return 0;
    }
    if (begin >= end || (size_t)(end - begin) >= size)
        return 0;
    memcpy(ret_host, begin, (size_t)(end - begin));
    ret_host[end - begin] = '\0';
    return 1;
}
