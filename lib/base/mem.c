#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/error.h>

#include "base/sized.h"

static void *libc_malloc(size_t size, void *user_data) {
    (void)user_data;
    return malloc(size);
}

static void *libc_realloc(void *ptr, size_t size, void *user_data) {
    (void)user_data;
    return realloc(ptr, size);
}

static void libc_free(void *ptr, void *user_data) {
    (void)user_data;
    free(ptr);
}

const repli__mem repli__mem_default = {
    .struct_size = sizeof(repli_allocator),
    .malloc_fn = libc_malloc,
    .realloc_fn = libc_realloc,
    .free_fn = libc_free,
};

void repli__mem_init(repli__mem *mem, const repli_allocator *allocator) {
    repli__sized_copy(mem, sizeof(*mem), allocator != NULL ? allocator : &repli__mem_default);
}

void *repli__alloc(const repli__mem *mem, size_t size) {
    return mem->malloc_fn(size > 0 ? size : 1, mem->user_data);
}

void *repli__calloc(const repli__mem *mem, size_t count, size_t size) {
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    void *ptr = repli__alloc(mem, count * size);
    if (ptr != NULL)
        memset(ptr, 0, count * size);
    return ptr;
}

void *repli__realloc(const repli__mem *mem, void *ptr, size_t size) {
    return mem->realloc_fn(ptr, size > 0 ? size : 1, mem->user_data);
}

int repli__grow(const repli__mem *mem, void **array, size_t *capacity, size_t count, size_t size) {
    if (count < *capacity)
        return REPLI_OK;
    size_t wanted = *capacity > 0 ? *capacity * 2 : 8;
    if (wanted < *capacity || wanted > SIZE_MAX / size)
        return REPLI_ENOMEM;
    void *grown = repli__realloc(mem, *array, wanted * size);
    if (grown == NULL)
        return REPLI_ENOMEM;
    *array = grown;
    *capacity = wanted;
    return REPLI_OK;
}

void repli__free(const repli__mem *mem, void *ptr) {
    if (ptr != NULL)
        mem->free_fn(ptr, mem->user_data);
}

char *repli__strdup(const repli__mem *mem, const char *text) {
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = repli__alloc(mem, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}
