#ifndef ALLDATA_LEVELDB_H
#define ALLDATA_LEVELDB_H

#include <stdint.h>

#include <leveldb/c.h>

#include <alldata/storage.h>

#include "base/log.h"
#include "base/mem.h"

#define ALLDATA__LEVELDB "storage.leveldb"

/* A directory with a database for each interval. */
typedef struct alldata__leveldb {
    repli__mem mem;
    repli__log log;
    char *directory;
    int skips_damage;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_readoptions_t *get;
    leveldb_readoptions_t *scan;
    leveldb_readoptions_t *verify;
    leveldb_writeoptions_t *lazy;
    leveldb_writeoptions_t *durable;
} alldata__leveldb;

/* A code for what LevelDB says, which is text alone, and err filled. Frees text, which is NULL if
 * there was no memory for it. what is a few
 * words such as "open the interval"; path is where. */
int32_t alldata__leveldb_error(repli_error *err, char *text, const char *what, const char *path);

/* What LevelDB leaves to the one who syncs: a sync reaches the log that is written to, not those
 * before it, and not the directory that has their names. */

/* Wait until every log of a database is on disk. */
int32_t alldata__leveldb_sync_logs(const char *path, repli_error *err);
/* Wait until the directory is on disk, if it changed since *last_ns, which is kept up to date. */
int32_t alldata__leveldb_sync_names(int directory, const char *path, int64_t *last_ns,
                                    repli_error *err);

#endif
