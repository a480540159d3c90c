#include "info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of a name, up to the end of its line; NULL if there is none. */
static const char *find(const char *info, const char *name, size_t *ret_size) {
    const size_t length = strlen(name);
    for (const char *line = info; *line;) {
        const size_t size = strcspn(line, "\r\n");
        if (size > length && line[length] == ':' && strncmp(line, name, length) == 0) {
            *ret_size = size - length - 1;
            return line + length + 1;
        }
        line += size;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

int repli__redis_info_text(const char *info, const char *name, char *ret_value, size_t size) {
    size_t length = 0;
    const char *value = find(info, name, &length);
    snprintf(ret_value, size, "%.*s", (int)length, value ? value : "");
    return value != NULL;
}

int64_t repli__redis_info_integer(const char *info, const char *name, int64_t otherwise) {
    char value[32];
    char *end;
    repli__redis_info_text(info, name, value, sizeof(value));
    errno = 0;
    const long long number = strtoll(value, &end, 10);
    return *value && !*end && errno == 0 ? number : otherwise;
}

int repli__redis_info_is(const char *info, const char *name, const char *text) {
    size_t length = 0;
    const char *value = find(info, name, &length);
    return value && length == strlen(text) && strncmp(value, text, length) == 0;
}

int repli__redis_info_differs(const char *info, const char *name, const char *text) {
    size_t length = 0;
    return find(info, name, &length) && !repli__redis_info_is(info, name, text);
}

int64_t repli__redis_info_keys(const char *info) {
    int64_t total = 0;
    for (const char *line = info; *line;) {
        int64_t keys = 0;
        if (sscanf(line, "db%*d:keys=%" SCNd64, &keys) == 1)
            total += keys;
        line += strcspn(line, "\r\n");
        line += strspn(line, "\r\n");
    }
    return total;
}

int repli__redis_info_follower(const char *info, const char *host, const char *port) {
    char wanted[300];
    snprintf(wanted, sizeof(wanted), "ip=%s,port=%s,", host, port);
    for (int i = 0;; i++) {
        char name[24], value[300];
        snprintf(name, sizeof(name), "slave%d", i);
        if (!repli__redis_info_text(info, name, value, sizeof(value)))
            return 0;
        if (strncmp(value, wanted, strlen(wanted)) == 0)
            return 1;
    }
}
