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

static void *take(repli__arena *arena, size_t size, size_t align) {
    repli__arena_block *block = arena->blocks;
    size_t at = block != NULL ? (block->used + align - 1) / align * align : 0;
    if (block == NULL || at > block->size || block->size - at < size) {
        block = add_block(arena, size);
        if (block == NULL)
            return NULL;
        at = 0;
    }
    block->used = at + size;
    return block->data + at;
}

void *repli__arena_alloc(repli__arena *arena, size_t size) {
    return take(arena, size, alignof(max_align_t));
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
    char *copy = take(arena, size + 1, 1);
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
