#ifndef REPLI_STORE_HEALTH_H
#define REPLI_STORE_HEALTH_H

#include "store/sql.h"

/*
 * SQLite notices damage where it happens to read. So that nothing is written to a database that is
 * damaged elsewhere, all of it is looked through at the start, tables against indices, unless that
 * would take long (measured: 3 ms for a megabyte).
 */
enum { REPLI__HEALTH_WHOLE_MB = 256 };

/* size is that of the file in bytes. REPLI_ECORRUPT. Sets *ret_whole if all was looked at. */
int32_t repli__health_check(repli__sql *sql, int64_t size, int *ret_whole, repli_error *err);

#endif
