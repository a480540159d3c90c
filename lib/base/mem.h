#ifndef REPLI_BASE_MEM_H
#define REPLI_BASE_MEM_H

#include <stddef.h>

#include <replicante/alloc.h>

/* An agent's allocator, complete: the functions are never NULL. Kept by value in its owner. */
typedef repli_allocator repli__mem;

/* NULL means malloc and its family. */
void repli__mem_init(repli__mem *mem, const repli_allocator *allocator);

/* The process's malloc and its family, for what belongs to no agent. */
extern const repli__mem repli__mem_default;

void *repli__alloc(const repli__mem *mem, size_t size);
/* Zeroed; NULL too if count * size overflows. */
void *repli__calloc(const repli__mem *mem, size_t count, size_t size);
void *repli__realloc(const repli__mem *mem, void *ptr, size_t size);
/* Room for one more in an array of *capacity elements of which count are used. On failure the
 * array stays as it is. Returns 0 or REPLI_ENOMEM. */
int repli__grow(const repli__mem *mem, void **array, size_t *capacity, size_t count, size_t size);
void repli__free(const repli__mem *mem, void *ptr);
/* Copy of text; NULL for NULL and when out of memory. */
char *repli__strdup(const repli__mem *mem, const char *text);

#endif
