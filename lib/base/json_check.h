#ifndef REPLI_BASE_JSON_CHECK_H
#define REPLI_BASE_JSON_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

/* Deepest nesting of a value, and of a document around it. Parsers in use at the other end stop at
 * 128, and this bounds the stack that checking takes. */
enum { REPLI__VALUE_DEPTH = 100, REPLI__DOCUMENT_DEPTH = 110 };

/* Longest number, in characters. */
enum { REPLI__NUMBER_MAX = 400 };

/*
 * Is this text valid JSON (RFC 8259)? Takes no memory and little stack.
 *
 * What the text of the model cannot carry is refused as well: \u0000, numbers beyond the range of a
 * double, and nesting deeper than max_depth. what names the text in the message. REPLI_OK or
 * REPLI_EINVALID.
 */
int32_t repli__json_check(const char *json, size_t size, size_t max_depth, const char *what,
                          repli_error *err);
/* The same, of text that is kept and not understood: whatever RFC 8259 allows is accepted. */
int32_t repli__json_check_syntax(const char *json, size_t size, size_t max_depth, const char *what,
                                 repli_error *err);

#endif
