#include "alldata/owner.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

enum { PAGE_SIZE = 4096 };

void alldata__owner_init(alldata__owner *owner) {
    *owner = (alldata__owner){.pid = getpid()};
#ifdef MADV_WIPEONFORK
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, PAGE_SIZE, MADV_WIPEONFORK) != 0) {
        munmap(page, PAGE_SIZE);
        return;
    }
    owner->page = page;
    *owner->page = 1;
#endif
}

void alldata__owner_dispose(alldata__owner *owner) {
    if (owner->page != NULL)
        munmap((void *)owner->page, PAGE_SIZE);
}

int alldata__owner_is_self(const alldata__owner *owner) {
    return owner->page != NULL ? *owner->page : getpid() == owner->pid;
}

int32_t alldata__owner_check(const alldata__owner *owner, const char *what, repli_error *err) {
    if (alldata__owner_is_self(owner))
        return REPLI_OK;
    return repli__error(
        err, REPLI_EFORK, what,
        "this %s belongs to process %ld, of which this one is a fork; a child makes "
        "one of its own",
        what, (long)owner->pid);
}
