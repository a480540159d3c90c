#ifndef COMMON_SECRETS_H
#define COMMON_SECRETS_H

#include <stddef.h>

#include "pool.h"

enum { SECRETS_WHY_SIZE = 256 };

/* Read a text file of at most max bytes. Returns NULL and the reason in why if that cannot be
 * done or the file holds a NUL. */
char *secrets_read_public(struct pool *pool, const char *path, size_t max,
                          char why[SECRETS_WHY_SIZE]);
/* The same for a file that other users of the machine must not be able to read or write. */
char *secrets_read_private(struct pool *pool, const char *path, size_t max,
                           char why[SECRETS_WHY_SIZE]);
/* A secret out of such a file: its content without the newline at the end. */
char *secrets_read(struct pool *pool, const char *path, char why[SECRETS_WHY_SIZE]);
/* Not 0 if others may read the file. */
int secrets_exposed(const char *path);

#endif
