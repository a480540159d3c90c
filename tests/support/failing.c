#include "failing.h"

#include <stdint.h>
#include <stdlib.h>

/* What no machine has: sanitizers stop the program rather than refuse. */
static const size_t absurd_size = SIZE_MAX >> 16;

static int fails(failing *memory, size_t size) {
    if (size > absurd_size)
        return 1;
    const size_t number = atomic_fetch_add(&memory->requests, 1) + 1;
    const size_t fail_at = atomic_load(&memory->fail_at);
    if (fail_at == 0 || number < fail_at || (number > fail_at && !atomic_load(&memory->for_good)))
        return 0;
    atomic_fetch_add(&memory->failures, 1);
    return 1;
}

void *failing_malloc(size_t size, void *user_data) {
    failing *memory = user_data;
    if (fails(memory, size))
        return NULL;
    void *ptr = malloc(size);
    if (ptr != NULL)
        atomic_fetch_add(&memory->live, 1);
    return ptr;
}

void *failing_realloc(void *ptr, size_t size, void *user_data) {
    failing *memory = user_data;
    if (fails(memory, size))
        return NULL;
    void *moved = realloc(ptr, size);
    if (moved != NULL && ptr == NULL)
        atomic_fetch_add(&memory->live, 1);
    return moved;
}

void failing_free(void *ptr, void *user_data) {
    failing *memory = user_data;
    if (ptr != NULL)
        atomic_fetch_sub(&memory->live, 1);
    free(ptr);
}

void failing_init(failing *memory) {
    *memory = (failing){.allocator = {.struct_size = sizeof(repli_allocator),
                                      .malloc_fn = failing_malloc,
                                      .realloc_fn = failing_realloc,
                                      .free_fn = failing_free,
                                      .user_data = memory}};
}

void failing_arm(failing *memory, size_t fail_at, int for_good) {
    atomic_store(&memory->requests, 0);
    atomic_store(&memory->failures, 0);
    atomic_store(&memory->for_good, for_good);
    atomic_store(&memory->fail_at, fail_at);
}
