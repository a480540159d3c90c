#ifndef ALLDATA_SYSTEM_H
#define ALLDATA_SYSTEM_H

#include <replicante/error.h>

/* The code for an errno. */
int32_t alldata__system_code(int number);
/* "cannot WHAT PATH", because of errno. Returns the code for it. */
int32_t alldata__system_error(repli_error *err, const char *origin, const char *what,
                              const char *path);
/* Wait until the names in a directory are on disk. */
int32_t alldata__system_sync_names(const char *directory, const char *origin, repli_error *err);

#endif
