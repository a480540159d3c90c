#ifndef REPLI_MODEL_JSON_IN_H
#define REPLI_MODEL_JSON_IN_H

#include <jansson.h>

#include "model/doc.h"

/*
 * Reading JSON. jansson parses; what is passed on as JSON text (arguments, payload, error) is cut
 * out of the text itself, so that numbers keep every digit they were written with.
 */

/* Deepest nesting of a value, and of a document around it. Parsers in use at the other end stop at
 * 128, and this bounds the stack that parsing takes. */
enum { REPLI__VALUE_DEPTH = 100, REPLI__DOCUMENT_DEPTH = 110 };

/* Integers of any size; for documents that have none of ours. */
#define REPLI__JSON_BIG_INTEGERS JSON_DECODE_INT_AS_REAL

/* Parse one JSON text of any type. Names given twice in an object are refused. what names the text
 * in the message. */
int32_t repli__json_load(const char *json, size_t size, size_t flags, size_t max_depth,
                         const char *what, json_t **ret_root, repli_error *err);

#endif
