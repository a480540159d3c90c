#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

struct repli__arena_block {
    repli__arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

enum { FIRST_BLOCK = 1024, LARGEST_BLOCK = 256 * 1024 };

void repli__arena_init(repli__arena *arena, const repli__mem *mem) {
    *arena = (repli__arena){.mem = mem};
}

void repli__arena_dispose(repli__arena *arena) {
    repli__arena_block *block = arena->blocks;
    while (block != NULL) {
        repli__arena_block *next = block->next;
        repli__free(arena->mem, block);
        block = next;
    }
    arena->blocks = NULL;
    arena->total = 0;
}

static repli__arena_block *add_block(repli__arena *arena, size_t least) {
    size_t size = arena->blocks != NULL ? arena->blocks->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < least)
        size = least;
    if (size > SIZE_MAX - sizeof(repli__arena_block))
        return NULL;
    repli__arena_block *block = repli__alloc(arena->mem, sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    block->used = 0;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->total += sizeof(*block) + size;
    return block;
}

void *repli__arena_alloc(repli__arena *arena, size_t size) {
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align)
        return NULL;
    size = (size + align - 1) / align * align;
    repli__arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        block = add_block(arena, size);
        if (block == NULL)
            return NULL;
    }
    void *piece = block->data + block->used;
    block->used += size;
    return piece;
}

void *repli__arena_calloc(repli__arena *arena, size_t count, size_t size) {
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    void *piece = repli__arena_alloc(arena, count * size);
    if (piece != NULL)
        memset(piece, 0, count * size);
    return piece;
}

void *repli__arena_copy(repli__arena *arena, const void *data, size_t size) {
    void *piece = repli__arena_alloc(arena, size);
    if (piece != NULL && size > 0)
        memcpy(piece, data, size);
    return piece;
}

char *repli__arena_text(repli__arena *arena, const char *text, size_t size) {
    if (size == SIZE_MAX)
        return NULL;
    char *copy = repli__arena_alloc(arena, size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *repli__arena_strdup(repli__arena *arena, const char *text) {
    return text != NULL ? repli__arena_text(arena, text, strlen(text)) : NULL;
}
