#ifndef REPLI_HTTP_TARGET_H
#define REPLI_HTTP_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

enum {
    REPLI__HTTP_TARGET_SIZE = 2048, /* with the NUL */
    REPLI__HTTP_SEGMENTS = 6,       /* more than any path of the API has */
    REPLI__HTTP_PARAMS = 16
};

typedef struct repli__http_param {
    const char *name;
    const char *value; /* "" if there was no '=' */
} repli__http_param;

/* What a request line asks for, taken apart first and percent-decoded then, so that an encoded
 * slash is part of a name. Points into itself: never copied. */
typedef struct repli__http_target {
    /* "/a/b/" has three, the last one empty. Those beyond REPLI__HTTP_SEGMENTS are only counted. */
    size_t segment_count;
    const char *segments[REPLI__HTTP_SEGMENTS];
    size_t param_count;
    repli__http_param params[REPLI__HTTP_PARAMS];
    char text[REPLI__HTTP_TARGET_SIZE];
} repli__http_target;

/* Parse "/path?name=value" or its absolute form "http://host/path". REPLI_EFULL: longer than is
 * taken; REPLI_EINVALID: broken percent-encoding. */
int32_t repli__http_target_parse(repli__http_target *target, const char *text, repli_error *err);

/* The first parameter of that name, or NULL. */
const char *repli__http_target_param(const repli__http_target *target, const char *name);

/* A parameter as a whole number from min to max. *ret_value stays as it is if there is none. */
int32_t repli__http_target_number(const repli__http_target *target, const char *name, int64_t min,
                                  int64_t max, int64_t *ret_value, repli_error *err);

#endif
