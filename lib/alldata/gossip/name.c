#include "alldata/gossip/name.h"

#include <string.h>

#include "base/utf8.h"

static int is_inherited(const char *name, size_t size) {
    static const char *const names[] = {
        "__proto__",        "constructor",      "hasOwnProperty",       "isPrototypeOf",
        "toLocaleString",   "toString",         "propertyIsEnumerable", "valueOf",
        "__defineGetter__", "__defineSetter__", "__lookupGetter__",     "__lookupSetter__"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
            return 1;
    return 0;
}

int alldata__name_check(const char *name, size_t size) {
    for (size_t at = 0; at < size;) {
        uint32_t c = 0;
        const size_t length = repli__utf8_next(name + at, size - at, &c);
        if (length == 0 || repli__utf8_is_control(c))
            return 0;
        at += length;
    }
    return size > 0 && !is_inherited(name, size);
}

static int is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
}

int alldata__host_check(const char *host, size_t size) {
    for (size_t at = 0; at < size; at++)
        if (!is_host_char(host[at]))
            return 0;
    return size > 0 && host[0] != '-';
}

static size_t read_string(repli__json_span value, char *to, size_t size) {
    if (repli__json_type(value) != REPLI__JSON_STRING || repli__json_length(value) >= size)
        return 0;
    return repli__json_decode(value, to, size);
}

int alldata__name_read(repli__json_span value, char *ret_name, size_t size) {
    const size_t length = read_string(value, ret_name, size);
    return length > 0 && alldata__name_check(ret_name, length);
}

int alldata__host_read(repli__json_span value, char *ret_host, size_t size) {
    const size_t length = read_string(value, ret_host, size);
    return length > 0 && alldata__host_check(ret_host, length);
}

int32_t alldata__port_read(repli__json_span value) {
    int64_t port = 0;
    if (repli__json_type(value) != REPLI__JSON_INTEGER || !repli__json_to_integer(value, &port))
        return 0;
    return port > 0 && port <= UINT16_MAX ? (int32_t)port : 0;
}

repli__json_span alldata__member(repli__json_span object, const char *name) {
    repli__json_span found = {NULL, 0};
    repli__json_span member;
    repli__json_span value;
    size_t at = 0;
    if (repli__json_type(object) != REPLI__JSON_OBJECT)
        return found;
    while (repli__json_next_member(object, &at, &member, &value))
        if (repli__json_string_is(member, name, strlen(name)))
            found = value;
    return found;
}
