#ifndef CONFORMANCE_MEMORY_H
#define CONFORMANCE_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>

#include <replicante/alloc.h>

#include "conformance/board.h"

/* Memory of an instance: counted, gone when it is told to be, and guarded. */
struct memory {
    repli_allocator allocator;
    struct board *board;
    atomic_size_t live;     /* pieces */
    atomic_size_t requests; /* so far */
    atomic_size_t fail_at;  /* number of the request that fails; 0: none */
};

void memory_init(struct memory *memory, struct board *board);

/* Text that a call borrows: NULL if there is no memory. */
char *memory_lend(const char *text);
/* The call is over: whoever kept the text finds none. May be NULL. */
void memory_end_loan(char *text);

#endif
