#ifndef REPLI_BASE_ARENA_H
#define REPLI_BASE_ARENA_H

#include <stddef.h>

#include "base/mem.h"

/*
 * Memory that is taken piece by piece and given back at once: what holds a record and all the text
 * it points to. Pieces never move. A zeroed arena with mem set is empty and valid.
 */
typedef struct repli__arena_block repli__arena_block;

typedef struct repli__arena {
    const repli__mem *mem;
    repli__arena_block *blocks;
    size_t total; /* bytes taken from mem */
} repli__arena;

void repli__arena_init(repli__arena *arena, const repli__mem *mem);
void repli__arena_dispose(repli__arena *arena);

/* Aligned for any type. NULL when out of memory. */
void *repli__arena_alloc(repli__arena *arena, size_t size);
void *repli__arena_calloc(repli__arena *arena, size_t count, size_t size);
void *repli__arena_copy(repli__arena *arena, const void *data, size_t size);
/* NUL-terminated copy of size bytes. */
char *repli__arena_text(repli__arena *arena, const char *text, size_t size);
/* Copy of text; NULL for NULL and when out of memory: ask which by text. */
char *repli__arena_strdup(repli__arena *arena, const char *text);

#endif
