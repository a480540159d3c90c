#ifndef REPLI_STORE_ROW_H
#define REPLI_STORE_ROW_H

#include <stdint.h>

#include <sqlite3.h>

#include <replicante/model.h>

#include "model/doc.h"

/* Between records and rows. */

enum { REPLI__ID_SIZE = 16 };

/* A UUID as bytes. Returns 0 if text is none. */
int repli__id_parse(const char *text, unsigned char ret_id[REPLI__ID_SIZE]);
void repli__id_format(const unsigned char id[REPLI__ID_SIZE], char ret_text[REPLI_UUID_SIZE]);

/* Headers as a JSON object; *ret_json is NULL if there are none. From malloc: free() it. */
int32_t repli__headers_encode(const repli_header *headers, size_t count, char **ret_json);
int32_t repli__headers_decode(repli__arena *arena, const char *json,
                              const repli_header **ret_headers, size_t *ret_count);

/* The columns of a whole record, in the order in which repli__row_read() expects them. */
#define REPLI__ROW_COLUMNS                                                                         \
    "seq, id, phase, steps, created_ns, scheduled_ns, started_ns, finished_ns, kind, requester,"   \
    " headers, payload, error, args, deadline_ns, not_before_ns, cancel_ns, outcome"

/* What a step in the history stands for, beside its payload. */
enum {
    REPLI__MARK_RESUMED = 1, /* the agent was stopped, and went on */
    REPLI__MARK_ASKED = 2    /* the action was asked to end */
};

typedef struct repli__row {
    repli_action action;
    int64_t seq;
    uint64_t steps;
    int64_t started_ns; /* REPLI_TIME_NONE until it was claimed */
} repli__row;

/* The row a statement stands on, valid as a request or a driver's outcome has to be. REPLI_ENOMEM,
 * or REPLI_ECORRUPT with an error that names the record. */
int32_t repli__row_read(sqlite3_stmt *row, repli__arena *arena, repli__row *ret_record,
                        repli_error *err);
/* A row of the history, of which the columns are time_ns, payload and mark. REPLI_ENOMEM or
 * REPLI_ECORRUPT. */
int32_t repli__row_step(sqlite3_stmt *row, repli__arena *arena, repli_transition *ret_step);
/* REPLI_ECORRUPT if the column holds none. */
int32_t repli__row_phase(sqlite3_stmt *row, int column, int32_t *ret_phase);
/* The id in a column, made to look like one if it is none. */
void repli__row_id(sqlite3_stmt *row, int column, char ret_text[REPLI_UUID_SIZE]);

#endif
