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

#endif
