#ifndef REPLI_PG_FILES_H
#define REPLI_PG_FILES_H

#include <stddef.h>

#include "config.h"

/* DIRECTORY/NAME; REPLI_EINVALID if it does not fit. */
int32_t repli__pg_path(const repli__pg *pg, char *ret_path, size_t size, const char *directory,
                       const char *name, repli_error *err);
int repli__pg_exists(const char *directory, const char *name);

/* The directory of marks, logs and the password file; made if need be. REPLI_EINVALID if none is
 * configured. */
int32_t repli__pg_work_directory(const repli__pg *pg, const char **ret_path, repli_error *err);

/* Replace a file as a whole, so that a crash leaves the old one or the new one. */
int32_t repli__pg_write_file(const repli__pg *pg, const char *directory, const char *name,
                             const char *content, repli_error *err);
/* The content, NUL-terminated, to be given back with host->release; REPLI_ENOTFOUND. */
int32_t repli__pg_read_file(const repli__pg *pg, const char *directory, const char *name,
                            char **ret_content, repli_error *err);
/* The end of a text file as one line; empty if there is nothing to read. */
void repli__pg_read_tail(const char *directory, const char *name, char *ret_text, size_t size);
int32_t repli__pg_remove_file(const repli__pg *pg, const char *directory, const char *name,
                              repli_error *err);
/* Remove all that is in a directory, but not the directory. */
int32_t repli__pg_empty_directory(const repli__pg *pg, const char *path, repli_error *err);

/* Copy the files of a directory whose names end with suffix into another, which is made. */
int32_t repli__pg_copy_files(const repli__pg *pg, const char *from, const char *to,
                             const char *suffix, repli_error *err);

#endif
