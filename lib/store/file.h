#ifndef REPLI_STORE_FILE_H
#define REPLI_STORE_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"

/* The database as a file, with the ones that SQLite keeps beside it. */

/* One name for a file, however it was spelled, so that one lock guards it. */
int32_t repli__file_resolve(const repli__mem *mem, const char *path, char **ret_path,
                            repli_error *err);
/* What is at path must be a file, or nothing. */
int32_t repli__file_check(const char *path, repli_error *err);
/* Size of path followed by suffix; 0 if there is none. */
int32_t repli__file_size(const repli__mem *mem, const char *path, const char *suffix,
                         off_t *ret_size, repli_error *err);

/* An empty file under a name of its own, to be made a database and then put in place. What an
 * earlier attempt left is removed. The caller frees *ret_path. */
int32_t repli__file_create(const repli__mem *mem, const char *path, char **ret_path,
                           repli_error *err);
/* Put it in place if made, else remove it. Frees the name. */
int32_t repli__file_created(const repli__mem *mem, const char *path, char *made_path, int made,
                            repli_error *err);

/* Rename the database, its log and its index, so that another may be begun. *ret_path is their new
 * name, to be freed. Nothing is overwritten. */
int32_t repli__file_set_aside(const repli__mem *mem, const char *path, char **ret_path,
                              repli_error *err);

#endif
