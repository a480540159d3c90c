#include "store/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <replicante/alloc.h>

#include "base/buf.h"
#include "base/clock.h"

enum { PATIENCE_MS = 500 };

enum { PID_SIZE = 24 };

/* The owner's number; empty if there is none. */
static void read_owner(int fd, char ret_pid[PID_SIZE]) {
    const ssize_t size = pread(fd, ret_pid, PID_SIZE - 1, 0);
    ret_pid[size > 0 ? (size_t)size : 0] = '\0';
    ret_pid[strspn(ret_pid, "0123456789")] = '\0';
}

static int32_t busy(int fd, const char *path, repli_error *err) {
    char pid[PID_SIZE];
    read_owner(fd, pid);
    return repli__error(
        err, REPLI_EBUSY, "store",
        "cannot use the database %s: process %s owns it, or a child that it forked; "
        "stop that agent, or give this one a database of its own",
        path, pid[0] != '\0' ? pid : "unknown");
}

/* A process that was killed may have made another just before, which has the lock until it becomes
 * what it is to be. */
static int is_left_behind(int fd) {
    char text[PID_SIZE];
    read_owner(fd, text);
    const long pid = strtol(text, NULL, 10);
    return pid > 0 && kill((pid_t)pid, 0) == -1 && errno == ESRCH;
}

static int try_lock(int fd) {
    const uint64_t until_ns = repli__deadline_ns(PATIENCE_MS);
    for (;;) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        const int reason = errno;
        if (reason == EWOULDBLOCK && is_left_behind(fd) && repli__mono_ns() < until_ns) {
            const struct timespec pause = {0, 5 * (long)REPLI__NS_PER_MS};
            nanosleep(&pause, NULL);
        } else if (reason != EINTR) {
            return reason;
        }
    }
}

static int32_t lock(int fd, const char *path, const char *lock_path, repli_error *err) {
    const int failed = try_lock(fd);
    if (failed == EWOULDBLOCK)
        return busy(fd, path, err);
    if (failed != 0)
        return repli__error(err, REPLI_EIO, "store", "cannot lock %s: %s", lock_path,
                            strerror(failed));
    char pid[PID_SIZE];
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
