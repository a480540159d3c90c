#ifndef ALLDATA_REPAIR_SERVE_H
#define ALLDATA_REPAIR_SERVE_H

#include <alldata/storage.h>

#include "alldata/repair/digests.h"

/* What a node tells other nodes of the events that it has itself. */

typedef struct alldata__source {
    alldata_storage *storage;
    alldata__digests *digests;
    const char *id; /* of this node */
} alldata__source;

/*
 * Append the answer to GET of a target, as wire/list.h has it:
 *
 *     /_alldata/digests?from=&until=&length=
 *     /_alldata/keys?from=&after=&until=
 *     /_alldata/records?from=&after=&until=&prefix=&interval=&verify=1
 *     /_alldata/intervals
 *
 * All of these may be left out, but for length; after is the key behind which it begins; bytes
 * bounds how many bytes are read for a page. Reads from the disk, a bounded piece. Thread-safe.
 * REPLI_ENOTFOUND: there is no such target or interval. REPLI_EINVALID: its query is wrong.
 */
int32_t alldata__serve(const alldata__source *source, const char *target, repli_buf *to,
                       repli_error *err);

/* Bytes that are read for a page unless it is said otherwise, and the most. */
enum { ALLDATA__PAGE = 1 << 20, ALLDATA__PAGE_MAX = 8 << 20 };

#endif
