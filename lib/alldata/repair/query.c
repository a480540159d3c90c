#include "alldata/repair/query.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"

int32_t alldata__query_begin(alldata__query *query, const char *target, repli_error *err) {
    const size_t size = strcspn(target, "?#");
    if (size >= sizeof(query->path))
        return repli__error(err, REPLI_ENOTFOUND, "repair", "there is no such path");
    memcpy(query->path, target, size);
    query->path[size] = '\0';
    query->rest = target[size] == '?' ? target + size + 1 : "";
    return REPLI_OK;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode text that ends at any of stops; 0 if it is no text or too long. */
static int take(const char **at, const char *stops, char *to, size_t size) {
    size_t used = 0;
    while (**at != '\0' && strchr(stops, **at) == NULL) {
        int c = (unsigned char)**at;
        if (c == '%') {
            const int high = hex_value((*at)[1]);
            const int low = high >= 0 ? hex_value((*at)[2]) : -1;
            c = low >= 0 ? high << 4 | low : 0;
            *at += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == 0 || used + 1 >= size)
            return 0;
        to[used++] = (char)c;
        (*at)++;
    }
    to[used] = '\0';
    return 1;
}

int32_t alldata__query_next(alldata__query *query, alldata__parameter *ret_parameter,
                            repli_error *err) {
    const char *at = query->rest;
    while (*at == '&')
        at++;
    if (*at == '\0' || *at == '#')
        return REPLI_EDONE;
    if (!take(&at, "=&#", ret_parameter->name, sizeof(ret_parameter->name)) || *at != '=')
        return repli__error(err, REPLI_EINVALID, "repair",
                            "the query has something that is no name=value");
    at++;
    if (!take(&at, "&#", ret_parameter->value, sizeof(ret_parameter->value)))
        return repli__error(err, REPLI_EINVALID, "repair",
                            "the value of %s is longer than %d bytes, or is no text",
                            ret_parameter->name, ALLDATA__PARAMETER_SIZE - 1);
    query->rest = at;
    return REPLI_OK;
}

static int is_plain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int alldata__query_add(repli_buf *target, char separator, const char *name, const char *value,
                       size_t size) {
    int code = repli__buf_printf(target, "%c%s=", separator, name);
    for (size_t i = 0; i < size && code == REPLI_OK; i++)
        code = is_plain(value[i]) ? repli__buf_append(target, value + i, 1)
                                  : repli__buf_printf(target, "%%%02X", (unsigned char)value[i]);
    return code;
}
