#ifndef ALLDATA_EXPORT_H
#define ALLDATA_EXPORT_H

#include <alldata/storage.h>

#include "base/mem.h"

/* What is written into a file of alldata-export(5). */
typedef struct alldata__export {
    const char *interval;
    /* The next record; REPLI_EDONE: there are no more. */
    int32_t (*next)(void *source, alldata_record *ret_record, repli_error *err);
    void *source;
} alldata__export;

/* May it be written? REPLI_EINVALID, REPLI_ESTATE: events are still added to it. */
int32_t alldata__export_check(alldata_storage *storage, const char *interval, const char *path,
                              repli_error *err);
/* The file appears whole or not at all. */
int32_t alldata__export_write(const repli__mem *mem, const alldata__export *what, const char *path,
                              repli_error *err);

/* The same in pieces. The source and mem stay until it is freed. */
typedef struct alldata__draft alldata__draft;

int32_t alldata__draft_new(const repli__mem *mem, const alldata__export *what, const char *path,
                           alldata__draft **ret_draft, repli_error *err);
/* REPLI_OK: a piece was written, so go on; REPLI_ENOTREADY, of the source: go on later;
 * REPLI_EDONE: the file is there. Else why it will not be. */
int32_t alldata__draft_write(alldata__draft *draft, repli_error *err);
/* What was written goes, unless it is whole, or is_ours is 0, since another process writes it. */
void alldata__draft_free(alldata__draft *draft, int is_ours);

#endif
