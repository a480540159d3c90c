#ifndef REPLI_MODEL_JSON_IN_H
#define REPLI_MODEL_JSON_IN_H

#include <jansson.h>

#include "model/doc.h"
#include "model/json_span.h"

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

/*
 * Members. The first mistake is remembered in code and err; from then on everything looks absent,
 * so that only the end has to be checked. A member that is null counts as absent.
 */
typedef struct repli__json_in {
    repli__arena *arena; /* what is read is copied into it */
    repli_error *err;
    int32_t code;
    const char *path; /* of the object being read, such as "store_version."; "" at the root */
} repli__json_in;

enum { REPLI__OPTIONAL = 0, REPLI__REQUIRED = 1 };

/* Refuse the member: "PATHNAME must be EXPECTED, not TYPE", or "… is missing" if found is NULL. */
void repli__json_refuse(repli__json_in *in, const char *name, const char *expected,
                        const json_t *found);

/* NULL if absent. */
json_t *repli__json_get(repli__json_in *in, const json_t *object, const char *name);
json_t *repli__json_get_object(repli__json_in *in, const json_t *object, const char *name,
                               int required);
json_t *repli__json_get_array(repli__json_in *in, const json_t *object, const char *name,
                              int required);
/* The object at an index of an array. */
const json_t *repli__json_object_at(repli__json_in *in, const json_t *array, size_t index);
const char *repli__json_get_text(repli__json_in *in, const json_t *object, const char *name,
                                 int required);
/* Required. */
int64_t repli__json_get_integer(repli__json_in *in, const json_t *object, const char *name);
/* REPLI_TIME_NONE if absent. */
int64_t repli__json_get_time(repli__json_in *in, const json_t *object, const char *name);
/* The canonical form of a UUID; NULL if absent. */
const char *repli__json_get_uuid(repli__json_in *in, const json_t *object, const char *name,
                                 int required);

/* Copies; NULL when out of memory. */
const char *repli__json_copy_text(repli__json_in *in, const char *text);
void *repli__json_copy_array(repli__json_in *in, size_t count, size_t size);
/* A value as JSON text; NULL for no span, and for null. */
const char *repli__json_copy_value(repli__json_in *in, repli__json_span value);

/* Reading a document: load, read the root, which must be an object, into a record of record_size
 * bytes, and hand both out. read fills the record and reports through in. text is the document
 * itself. */
typedef struct repli__json_source {
    const char *json;
    size_t size;
    size_t flags;     /* for repli__json_load() */
    const char *what; /* in messages */
} repli__json_source;

typedef void (*repli__json_read_fn)(repli__json_in *in, const json_t *root, repli__json_span text,
                                    void *record);

int32_t repli__json_read(const repli__json_source *source, const repli__mem *mem,
                         size_t record_size, repli__json_read_fn read, repli_doc **ret_doc,
                         const void **ret_record, repli_error *err);

#endif
