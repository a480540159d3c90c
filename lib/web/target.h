#ifndef REPLI_WEB_TARGET_H
#define REPLI_WEB_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

enum {
    REPLI__WEB_URL_SIZE = 2048, /* with the NUL */
    REPLI__WEB_SEGMENTS = 6,    /* more than any path of the API has */
    REPLI__WEB_PARAMS = 16
};

typedef struct repli__web_param {
    const char *name;
    const char *value; /* "" if there was no '=' */
} repli__web_param;

/* What a request line asks for, taken apart first and percent-decoded then, so that an encoded
 * slash is part of a name. Points into itself: never copied. */
typedef struct repli__web_target {
    /* "/a/b/" has three, the last one empty. Those beyond REPLI__WEB_SEGMENTS are only counted. */
    size_t segment_count;
    const char *segments[REPLI__WEB_SEGMENTS];
    size_t param_count;
    repli__web_param params[REPLI__WEB_PARAMS];
    char text[REPLI__WEB_URL_SIZE];
} repli__web_target;

/* Parse "/path?name=value" or its absolute form "http://host/path". REPLI_EFULL: longer than is
 * taken; REPLI_EINVALID: broken percent-encoding. */
int32_t repli__web_target_parse(repli__web_target *target, const char *text, repli_error *err);

/* The first parameter of that name, or NULL. */
const char *repli__web_target_param(const repli__web_target *target, const char *name);

/* A parameter as a whole number from min to max. *ret_value stays as it is if there is none. */
int32_t repli__web_target_number(const repli__web_target *target, const char *name, int64_t min,
                                 int64_t max, int64_t *ret_value, repli_error *err);

#endif
