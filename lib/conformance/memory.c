#include "conformance/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 16, ALIGNED = 16 };

/* Before each piece; behind it there is a guard. */
struct head {
    size_t size;
    uint64_t mark; /* says that it is one */
} __attribute__((aligned(ALIGNED)));

#define MARK UINT64_C(0x6B69742D70696563)

/* What is no text, and no number that anyone expects: whoever reads memory that was never written
 * to, or is released, is seen to do so. */
static void spoil(void *ptr, size_t size) {
    for (volatile unsigned char *at = ptr; size > 0; size--) /* though free() comes next */
        *at++ = 0xFF;
}

static int runs_out(struct memory *memory) {
    return atomic_fetch_add(&memory->requests, 1) + 1 == atomic_load(&memory->fail_at);
}

static void *take(size_t size, void *user_data) {
    struct memory *memory = user_data;
    struct head *head = NULL;
    if (!runs_out(memory) && size < SIZE_MAX / 2)
        head = malloc(sizeof(*head) + size + GUARD);
    if (head == NULL)
        return NULL;
    *head = (struct head){size, MARK};
    spoil(head + 1, size + GUARD);
    atomic_fetch_add(&memory->live, 1);
    return head + 1;
}

/* Its head, or NULL for what is no piece any more, or never was one. */
static struct head *head_of(struct memory *memory, void *ptr) {
    struct head *head = (struct head *)ptr - 1;
    if (head->mark == MARK)
        return head;
    board_fail(memory->board, RULE_PROCESS_SURVIVES,
               "gave back to the host what it had given back before, or never had from it");
    return NULL;
}

static void give_back(void *ptr, void *user_data) {
    struct memory *memory = user_data;
    unsigned char guard[GUARD];
    struct head *head = ptr != NULL ? head_of(memory, ptr) : NULL;
    if (head == NULL)
        return;
    spoil(guard, GUARD);
    if (memcmp((char *)ptr + head->size, guard, GUARD) != 0)
        board_fail(memory->board, RULE_PROCESS_SURVIVES,
                   "wrote behind the end of %zu bytes of host->alloc", head->size);
    spoil(head, sizeof(*head) + head->size);
    atomic_fetch_sub(&memory->live, 1);
    free(head);
}

static void *change(void *ptr, size_t size, void *user_data) {
    struct head *head = ptr != NULL ? head_of(user_data, ptr) : NULL;
    void *fresh = take(size, user_data);
    if (fresh == NULL || head == NULL)
        return fresh;
    memcpy(fresh, ptr, head->size < size ? head->size : size);
    give_back(ptr, user_data);
    return fresh;
}

char *memory_lend(const char *text) {
    return strdup(text);
}

void memory_end_loan(char *text) {
    if (text != NULL)
        spoil(text, strlen(text));
}

void memory_init(struct memory *memory, struct board *board) {
    *memory = (struct memory){.board = board};
    memory->allocator = (repli_allocator){.struct_size = sizeof(repli_allocator),
                                          .malloc_fn = take,
                                          .realloc_fn = change,
                                          .free_fn = give_back,
                                          .user_data = memory};
}
