#ifndef REPLI_STORE_WAL_H
#define REPLI_STORE_WAL_H

#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * SQLite takes of a write-ahead log what comes before the first frame that does not fit, and
 * forgets the rest without a word. That is right after a power cut, since the rest was never
 * synced. It is wrong when the log was damaged or cut: then committed transactions are gone. Two
 * things give that away: transactions that were completed behind the damage, and the index in
 * PATH-shm, which counts a frame only once it is committed.
 */

/* To be called before SQLite opens the database at path; reads only. REPLI_ECORRUPT if the log has
 * lost something that was committed. */
int32_t repli__wal_check(const char *path, const repli__mem *mem, repli_error *err);

#endif
