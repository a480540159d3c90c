#ifndef ALLDATA_OWNER_H
#define ALLDATA_OWNER_H

#include <sys/types.h>

#include <replicante/error.h>

/*
 * Which process an object belongs to. To ask for the process on every call would cost more than
 * many a call does, so a page is had that a forked child finds empty, where the kernel can do that.
 */
typedef struct alldata__owner {
    pid_t pid;
    volatile int *page; /* NULL: there is none */
} alldata__owner;

void alldata__owner_init(alldata__owner *owner);
void alldata__owner_dispose(alldata__owner *owner);
/* Not 0 in the process that made it. */
int alldata__owner_is_self(const alldata__owner *owner);
/* The same as a code: REPLI_EFORK. what is such as "storage". */
int32_t alldata__owner_check(const alldata__owner *owner, const char *what, repli_error *err);

#endif
