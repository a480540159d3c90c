#ifndef ALLDATA_NODE_TALLY_FILE_H
#define ALLDATA_NODE_TALLY_FILE_H

#include "alldata/node/tally.h"

/* A line for each interval: its name, how many events it has, and the last key or a dash. */

/* Take what the file has of these entries. No file, or one that makes no sense, has nothing. */
int32_t alldata__tally_read(const repli__mem *mem, const char *path, alldata__tally_entry *entries,
                            size_t count, repli_error *err);
/* Write those that are filed. If that fails there is no file. */
int32_t alldata__tally_write(const repli__mem *mem, const char *path,
                             const alldata__tally_entry *entries, size_t count, repli_error *err);

#endif
