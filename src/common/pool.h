#ifndef COMMON_POOL_H
#define COMMON_POOL_H

#include <stddef.h>

/* Memory of one configuration: taken piece by piece, given back at once. Zeroed is empty. */
struct pool {
    struct pool_piece *pieces;
};

/* Zeroed memory; NULL when there is none. */
void *pool_alloc(struct pool *pool, size_t size);
/* NUL-terminated copy of size bytes. */
char *pool_text(struct pool *pool, const char *text, size_t size);
char *pool_printf(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An array of count elements grown by one; the old one stays until the end. */
void *pool_grow(struct pool *pool, const void *array, size_t count, size_t size);
void pool_dispose(struct pool *pool);

#endif
