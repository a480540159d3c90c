#ifndef TEST_FAILING_H
#define TEST_FAILING_H

#include <stdatomic.h>
#include <stddef.h>

#include <replicante/alloc.h>

/* Memory that runs out when told to, and counts what has not been given back. */
typedef struct failing {
    repli_allocator allocator;
    atomic_size_t fail_at; /* the request that fails, counted from 1; 0: none */
    atomic_int for_good;   /* so do all that follow */
    atomic_size_t requests;
    atomic_size_t failures;
    atomic_size_t live; /* pieces that are not freed yet */
} failing;

void failing_init(failing *memory);
/* From now on request number fail_at fails. */
void failing_arm(failing *memory, size_t fail_at, int for_good);

/* For libraries whose allocator takes no user data, too. */
void *failing_malloc(size_t size, void *memory);
void *failing_realloc(void *ptr, size_t size, void *memory);
void failing_free(void *ptr, void *memory);

#endif
