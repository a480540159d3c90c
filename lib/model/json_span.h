#ifndef REPLI_MODEL_JSON_SPAN_H
#define REPLI_MODEL_JSON_SPAN_H

#include <stddef.h>

/*
 * Finding values in JSON text that is known to be valid, to pass them on as they were written.
 */

/* A value within a text; text is NULL if there is none. */
typedef struct repli__json_span {
    const char *text;
    size_t size;
} repli__json_span;

/* The value of member name, of ASCII letters, in an object. No span, no object, no such member: no
 * span. */
repli__json_span repli__json_member(repli__json_span object, const char *name);

/* The items of an array one after the other: *at is 0 at first. No span: there are no more. */
repli__json_span repli__json_item(repli__json_span array, size_t *at);

/* Copy size bytes of JSON without white space between its tokens. to may be json itself, and has
 * room for size bytes. Returns the bytes written. */
size_t repli__json_compact(char *to, const char *json, size_t size);

#endif
