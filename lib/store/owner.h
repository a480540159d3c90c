#ifndef REPLI_STORE_OWNER_H
#define REPLI_STORE_OWNER_H

#include "base/error.h"
#include "base/mem.h"

/*
 * Who owns a database: a lock on the file beside it, PATH-owner, which holds the owner's pid. The
 * lock belongs to the opening, not to the process, so that it also keeps two agents of one process
 * apart, and goes with the process however that ends.
 */
typedef struct repli__owner {
    int fd; /* -1: none */
} repli__owner;

/* REPLI_EBUSY names the owner. */
int32_t repli__owner_acquire(repli__owner *owner, const char *path, const repli__mem *mem,
                             repli_error *err);
/* forked: in a child, where the lock must stay with the parent. */
void repli__owner_release(repli__owner *owner, int forked);

#endif
