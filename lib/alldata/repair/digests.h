#ifndef ALLDATA_REPAIR_DIGESTS_H
#define ALLDATA_REPAIR_DIGESTS_H

#include <alldata/storage.h>

#include "alldata/wire/list.h"
#include "base/mem.h"

/*
 * How many events a storage has in each minute, and the sum of their hashes. What was added up once
 * is kept until something is put into that minute. Thread-safe.
 */
typedef struct alldata__digests alldata__digests;

int32_t alldata__digests_new(alldata_storage *storage, const repli__mem *mem,
                             alldata__digests **ret_digests, repli_error *err);
/* Before the storage. */
void alldata__digests_free(alldata__digests *digests);

/* After records were stored, before that is said to anyone. Those with another code do not count.
 */
void alldata__digests_touch(alldata__digests *digests, alldata_record *const *records,
                            size_t count);
/* Nobody knows what was stored. */
void alldata__digests_forget(alldata__digests *digests);

/* A part of them. */
typedef struct alldata__digests_page {
    const char *from;  /* NULL: the first */
    const char *until; /* NULL: the last */
    size_t length;     /* of the beginning of keys that makes a bucket: 8, 11, 13 or 15 */
    size_t bytes;      /* that are read of the storage at most, or little more */
    /* Takes a bucket, of which the pages before and behind may have parts, too. Not REPLI_OK ends
     * it. */
    int32_t (*take)(void *user_data, const alldata__digest *digest);
    void *user_data;
} alldata__digests_page;

/* In order. ret_next: where the next page begins; empty: there is none. */
int32_t alldata__digests_read(alldata__digests *digests, const alldata__digests_page *page,
                              char ret_next[ALLDATA_KEY_SIZE], repli_error *err);

#endif
