#ifndef ALLDATA_NODE_SMALL_FILE_H
#define ALLDATA_NODE_SMALL_FILE_H

#include <stddef.h>

#include <replicante/alloc.h>
#include <replicante/error.h>

/* Files that are read and written as a whole. */

/* Append what is in it, at most so many bytes. REPLI_ENOTFOUND: there is none; REPLI_ECORRUPT: it
 * is larger. */
int32_t alldata__small_file_read(const char *path, size_t most, repli_buf *ret_text,
                                 repli_error *err);
/* Replace it: after any failure, of power too, it is as it was or as it is to be. */
int32_t alldata__small_file_write(const char *path, const repli_buf *text, repli_error *err);

#endif
