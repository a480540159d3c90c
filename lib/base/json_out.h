#ifndef REPLI_BASE_JSON_OUT_H
#define REPLI_BASE_JSON_OUT_H

#include <replicante/alloc.h>
#include <replicante/error.h>

/*
 * Writes compact JSON at the end of a buffer, without a tree in between. Commas come by themselves.
 * Running out of memory is remembered, so that only the end has to be checked.
 */
typedef struct repli__json_out {
    repli_buf *buf;
    size_t start; /* size of buf before */
    int32_t code; /* REPLI_OK or REPLI_ENOMEM */
} repli__json_out;

void repli__json_begin(repli__json_out *out, repli_buf *buf);
/* The result of all of it: REPLI_OK, or REPLI_ENOMEM with the buffer as it was before. */
int32_t repli__json_end(repli__json_out *out, repli_error *err);
/* Something else failed: the buffer becomes as it was before. Returns code. */
int32_t repli__json_abandon(repli__json_out *out, int32_t code);

/* bracket is '{' or '[', and '}' or ']'. */
void repli__json_open(repli__json_out *out, char bracket);
void repli__json_close(repli__json_out *out, char bracket);
/* The name of a member, of letters that need no escape; its value comes next. */
void repli__json_name(repli__json_out *out, const char *name);
/* The name of a member: any text. */
void repli__json_any_name(repli__json_out *out, const char *name);

/* Values. Where the text is NULL, null is written. */

/* What is not UTF-8 becomes U+FFFD. */
void repli__json_string(repli__json_out *out, const char *text);
void repli__json_integer(repli__json_out *out, int64_t number);
/* As few digits, from 15 on, as give the same number when read; always with a point or exponent. */
void repli__json_real(repli__json_out *out, double number);
void repli__json_boolean(repli__json_out *out, int value);
void repli__json_null(repli__json_out *out);
/* A valid JSON text, without its white space. */
void repli__json_verbatim(repli__json_out *out, const char *json);

#endif
