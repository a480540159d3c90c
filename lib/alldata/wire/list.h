#ifndef ALLDATA_WIRE_LIST_H
#define ALLDATA_WIRE_LIST_H

#include <alldata/storage.h>

/*
 * What own nodes answer each other, in lines. Whatever may be long comes in pages, the last line of
 * which is "end", or "more" with where the next begins.
 *
 *     digests:    node ID                  who answers
 *                 BUCKET COUNT HASH        of keys that begin so, a line for each in order
 *     keys:       KEY HASH                 only what alldata_key_validate() accepts
 *     records:    frames
 *     intervals:  NAME STATE               "open" or "closed"
 *     put:        INDEX CODE               of a record that was not stored, counted from 0
 */

/* The hash of a record: what is in two replicas differs if their sums do. */
uint64_t alldata__record_hash(const alldata_record *record);

/* Longest beginning of a key that makes a bucket, with its NUL: a second. */
enum { ALLDATA__BUCKET_SIZE = 16 };

typedef struct alldata__digest {
    char bucket[ALLDATA__BUCKET_SIZE];
    uint64_t count; /* of events */
    uint64_t hash;  /* sum of their hashes */
} alldata__digest;

/* Writing: append a line. REPLI_OK or REPLI_ENOMEM. */

int alldata__list_node(repli_buf *to, const char *id);
int alldata__list_digest(repli_buf *to, const alldata__digest *digest);
int alldata__list_key(repli_buf *to, const char key[ALLDATA_KEY_LENGTH], uint32_t hash);
int alldata__list_interval(repli_buf *to, const char *name, int32_t state);
/* Of a put, for a record that was not stored. */
int alldata__list_failure(repli_buf *to, size_t index, int32_t code);
/* next: what "more" is followed by, may be empty; NULL: it was the last page. */
int alldata__list_end(repli_buf *to, const char *next);

/* Reading: one after the other. REPLI_EDONE, without a message: there are no more, and what is left
 * is for alldata__list_tail(). REPLI_EPROTOCOL: it is something else. */

typedef struct alldata__list {
    const char *text;
    size_t size;
    size_t at;
} alldata__list;

/* REPLI_OK if the answer is from that node. */
int32_t alldata__list_read_node(alldata__list *in, const char *id, repli_error *err);
int32_t alldata__list_read_digest(alldata__list *in, alldata__digest *ret_digest, repli_error *err);
int32_t alldata__list_read_key(alldata__list *in, const char **ret_key, uint32_t *ret_hash,
                               repli_error *err);
int32_t alldata__list_read_interval(alldata__list *in, char ret_name[ALLDATA_INTERVAL_SIZE],
                                    int32_t *ret_state, repli_error *err);
/* Here there is no tail: REPLI_EDONE at the end. ret_index is below count. */
int32_t alldata__list_read_failure(alldata__list *in, size_t count, size_t *ret_index,
                                   int32_t *ret_code, repli_error *err);
/* What a page ends with, behind which nothing may stand: what "more" is followed by, without a NUL;
 * NULL: it was the last page. */
int32_t alldata__list_tail(alldata__list *in, const char **ret_next, size_t *ret_size,
                           repli_error *err);

#endif
