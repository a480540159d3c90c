#ifndef REPLI_BASE_JSON_SPAN_H
#define REPLI_BASE_JSON_SPAN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finding one's way in JSON text that repli__json_check() has accepted. Nothing is copied: a value
 * is where it stands, as it was written.
 */
typedef struct repli__json_span {
    const char *text; /* NULL: there is none */
    size_t size;
} repli__json_span;

enum {
    REPLI__JSON_NONE = 0,
    REPLI__JSON_NULL,
    REPLI__JSON_BOOLEAN,
    REPLI__JSON_INTEGER, /* without point and exponent; of any size */
    REPLI__JSON_REAL,
    REPLI__JSON_STRING,
    REPLI__JSON_ARRAY,
    REPLI__JSON_OBJECT
};

/* The value of a whole text: without the white space around it. */
repli__json_span repli__json_root(const char *json, size_t size);

int repli__json_type(repli__json_span value);
/* The type with its article, for messages: "an object". */
const char *repli__json_type_name(repli__json_span value);

/* Items of an array, or members of an object. */
size_t repli__json_count(repli__json_span value);
/* One after the other; *at is 0 at first. 0 when there are no more. */
int repli__json_next_item(repli__json_span array, size_t *at, repli__json_span *ret_item);
int repli__json_next_member(repli__json_span object, size_t *at, repli__json_span *ret_name,
                            repli__json_span *ret_value);

/* Not 0 if a string is the given text of size bytes. */
int repli__json_string_is(repli__json_span string, const char *text, size_t size);
/* Bytes of the text of a string. */
size_t repli__json_length(repli__json_span string);
/* The text of a string, NUL-terminated, cut between characters if it does not fit. span.size bytes
 * are always enough. Returns its length. */
size_t repli__json_decode(repli__json_span string, char *to, size_t size);
/* 0 if the integer does not fit. */
int repli__json_to_integer(repli__json_span integer, int64_t *ret_number);
/* Of an integer or a real. */
double repli__json_to_real(repli__json_span number);

/* Copy a value without the white space between its tokens. to may be where it stands, and has room
 * for as many bytes. Returns the bytes written. */
size_t repli__json_compact(char *to, repli__json_span value);

#endif
