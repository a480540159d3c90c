#include "store/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <replicante/alloc.h>

#include "base/buf.h"

static int32_t busy(int fd, const char *path, repli_error *err) {
    char pid[24] = "";
    const ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[size > 0 ? (size_t)size : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return repli__error(
        err, REPLI_EBUSY, "store",
        "cannot use the database %s: process %s owns it, or a child that it forked; "
        "stop that agent, or give this one a database of its own",
        path, pid[0] != '\0' ? pid : "unknown");
}

static int32_t lock(int fd, const char *path, const char *lock_path, repli_error *err) {
    int failed;
    do
        failed = flock(fd, LOCK_EX | LOCK_NB);
    while (failed != 0 && errno == EINTR);
    if (failed != 0 && errno == EWOULDBLOCK)
        return busy(fd, path, err);
    if (failed != 0)
        return repli__error(err, REPLI_EIO, "store", "cannot lock %s: %s", lock_path,
                            strerror(errno));
    char pid[24];
    const int size = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    /* Only for messages: a full disk must not keep the agent from starting. */
    const int written = ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)size, 0) == size;
    (void)written;
    return REPLI_OK;
}

int32_t repli__owner_acquire(repli__owner *owner, const char *path, const repli__mem *mem,
                             repli_error *err) {
    repli_buf lock_path = {.allocator = mem};
    if (repli__buf_printf(&lock_path, "%s-owner", path) != REPLI_OK)
        return repli__error_nomem(err, "store", "opening the database");
    int32_t code = REPLI_OK;
    const int fd = open(lock_path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        code = repli__error(err, REPLI_EIO, "store",
                            "cannot create %s: %s; the directory of the database must exist and be "
                            "writable",
                            lock_path.data, strerror(errno));
    else
        code = lock(fd, path, lock_path.data, err);
    if (code == REPLI_OK)
        owner->fd = fd;
    else if (fd >= 0)
        close(fd);
    repli_buf_dispose(&lock_path);
    return code;
}

void repli__owner_release(repli__owner *owner, int forked) {
    if (owner->fd < 0)
        return;
    /* Closing is not enough: a child of the host may still have the descriptor. */
    if (!forked) {
        const int emptied = ftruncate(owner->fd, 0);
        (void)emptied;
        flock(owner->fd, LOCK_UN);
    }
    close(owner->fd);
    owner->fd = -1;
}
