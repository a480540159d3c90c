#ifndef ALLDATA_REPAIR_QUERY_H
#define ALLDATA_REPAIR_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>
#include <replicante/error.h>

/* Targets with a query: "/_alldata/keys?from=20261121T0058&bytes=1048576". */

/* Longest text of a parameter, with its NUL: bounds of a scan are no longer. */
enum { ALLDATA__PARAMETER_SIZE = 64 };

typedef struct alldata__query {
    char path[32];
    const char *rest; /* of the target */
} alldata__query;

typedef struct alldata__parameter {
    char name[16];
    char value[ALLDATA__PARAMETER_SIZE];
} alldata__parameter;

/* The target stays as long as the query. REPLI_ENOTFOUND: it is too long to be any path. */
int32_t alldata__query_begin(alldata__query *query, const char *target, repli_error *err);
/* The next parameter. REPLI_EDONE, without a message: there are no more. REPLI_EINVALID: it is too
 * long, or is none. */
int32_t alldata__query_next(alldata__query *query, alldata__parameter *ret_parameter,
                            repli_error *err);

/* Append a parameter; separator is '?' before the first, then '&'. REPLI_OK or REPLI_ENOMEM. */
int alldata__query_add(repli_buf *target, char separator, const char *name, const char *value,
                       size_t size);

#endif
