#include "pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool_piece {
    struct pool_piece *next;
    size_t size;
    max_align_t data[];
};

void *pool_alloc(struct pool *pool, size_t size) {
    struct pool_piece *piece = calloc(1, sizeof(struct pool_piece) + size);
    if (piece == NULL)
        return NULL;
    piece->next = pool->pieces;
    piece->size = size;
    pool->pieces = piece;
    return piece->data;
}

char *pool_text(struct pool *pool, const char *text, size_t size) {
    char *copy = pool_alloc(pool, size + 1);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

char *pool_printf(struct pool *pool, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : pool_alloc(pool, (size_t)size + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}

void *pool_grow(struct pool *pool, const void *array, size_t count, size_t size) {
    /* Only a power of two needs a new place. */
    if (count > 0 && (count & (count - 1)) != 0)
        return (void *)array;
    void *larger = pool_alloc(pool, (count > 0 ? 2 * count : 1) * size);
    if (larger != NULL && count > 0)
        memcpy(larger, array, count * size);
    return larger;
}

void pool_dispose(struct pool *pool) {
    while (pool->pieces != NULL) {
        struct pool_piece *piece = pool->pieces;
        pool->pieces = piece->next;
        /* Secrets do not stay behind. */
        explicit_bzero(piece->data, piece->size);
        free(piece);
    }
}
