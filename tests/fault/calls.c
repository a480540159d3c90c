#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap.h"

#pragma GCC visibility push(default) /* to stand before the libraries' own */

/* What the system is asked for. close() is not among it: it always closes. */

/* The function that the program sees under a name. The headers' declarations of some are macros or
 * transparent unions, so these have names of their own in C. */
#define STANDS_FOR(name) __asm__(#name)

#define FAIL(kinds, likely, result)                                                                \
    do {                                                                                           \
        const int failed = trap_hit(kinds, TRAP_CALLER, likely);                                   \
        if (failed != 0) {                                                                         \
            errno = failed;                                                                        \
            return result;                                                                         \
        }                                                                                          \
    } while (0)

/* CALL(result, name, kinds, likely error, value on failure, (parameters), (arguments)) */
#define CALL(result, name, kinds, likely, failure, parameters, arguments)                          \
    result trap_##name parameters STANDS_FOR(name);                                                \
    result trap_##name parameters {                                                                \
        TRAP_FIND(result, name, parameters)                                                        \
        FAIL(kinds, likely, failure);                                                              \
        return next arguments;                                                                     \
    }

enum { PLAIN = TRAP_CALL, SLOW = TRAP_CALL | TRAP_RETRY };

/* Files. */

#define OPEN(name)                                                                                 \
    int trap_##name(const char *path, int flags, ...) STANDS_FOR(name);                            \
    int trap_##name(const char *path, int flags, ...) {                                            \
        TRAP_FIND(int, name, (const char *, int, ...))                                             \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;                     \
        va_end(more);                                                                              \
        FAIL(PLAIN, EMFILE, -1);                                                                   \
        return next(path, flags, mode);                                                            \
    }
OPEN(open)
OPEN(open64)

/* Giving up a lock always works. */
static int unlocks(int command, const void *argument) {
    return command == F_SETLK && ((const struct flock *)argument)->l_type == F_UNLCK;
}

#define FCNTL(name)                                                                                \
    int trap_##name(int fd, int command, ...) STANDS_FOR(name);                                    \
    int trap_##name(int fd, int command, ...) {                                                    \
        TRAP_FIND(int, name, (int, int, ...))                                                      \
        va_list more;                                                                              \
        va_start(more, command);                                                                   \
        void *argument = va_arg(more, void *);                                                     \
        va_end(more);                                                                              \
        if (!unlocks(command, argument))                                                           \
            FAIL(PLAIN, EMFILE, -1);                                                               \
        return next(fd, command, argument);                                                        \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

CALL(ssize_t, read, SLOW, EIO, -1, (int fd, void *to, size_t size), (fd, to, size))
/* What counts an event cannot fail. */
#define KIND_OF_WRITE (size == sizeof(uint64_t) ? 0 : SLOW)
CALL(ssize_t, write, KIND_OF_WRITE, EIO, -1, (int fd, const void *from, size_t size),
     (fd, from, size))
/* SQLite takes a file for damaged, not out of reach, that answers with EIO. */
CALL(ssize_t, pread, SLOW, ESTALE, -1, (int fd, void *to, size_t size, off_t at),
     (fd, to, size, at))
CALL(ssize_t, pread64, SLOW, ESTALE, -1, (int fd, void *to, size_t size, off64_t at),
     (fd, to, size, at))
CALL(ssize_t, pwrite, SLOW, ENOSPC, -1, (int fd, const void *from, size_t size, off_t at),
     (fd, from, size, at))
CALL(ssize_t, pwrite64, SLOW, ENOSPC, -1, (int fd, const void *from, size_t size, off64_t at),
     (fd, from, size, at))
CALL(int, ftruncate, SLOW, EIO, -1, (int fd, off_t size), (fd, size))
CALL(int, ftruncate64, SLOW, EIO, -1, (int fd, off64_t size), (fd, size))
CALL(int, rename, PLAIN, EIO, -1, (const char *from, const char *to), (from, to))
CALL(int, unlink, PLAIN, EIO, -1, (const char *path), (path))
CALL(int, mkdir, PLAIN, EIO, -1, (const char *path, mode_t mode), (path, mode))
CALL(int, chmod, PLAIN, EPERM, -1, (const char *path, mode_t mode), (path, mode))
CALL(int, flock, SLOW, ENOLCK, -1, (int fd, int how), (fd, how))
CALL(int, stat, PLAIN, EIO, -1, (const char *path, struct stat *info), (path, info))
CALL(int, lstat, PLAIN, EIO, -1, (const char *path, struct stat *info), (path, info))
CALL(int, fstat, PLAIN, EIO, -1, (int fd, struct stat *info), (fd, info))
CALL(char *, realpath, PLAIN, EIO, NULL, (const char *path, char *to), (path, to))
CALL(DIR *, opendir, PLAIN, EMFILE, NULL, (const char *path), (path))

/* Nobody pulls the plug here, so nothing need be on disk: the tests take a tenth of the time. */
int trap_fsync(int fd) STANDS_FOR(fsync);
int trap_fsync(int fd) {
    (void)fd;
    FAIL(PLAIN, EIO, -1);
    return 0;
}

int trap_fdatasync(int fd) STANDS_FOR(fdatasync);
int trap_fdatasync(int fd) {
    (void)fd;
    FAIL(PLAIN, EIO, -1);
    return 0;
}

/* Events. */

CALL(int, epoll_create1, PLAIN, EMFILE, -1, (int flags), (flags))
/* Giving up a descriptor always works, and libmicrohttpd ends the process where it does not. */
#define KIND_OF_CONTROL (what == EPOLL_CTL_DEL ? 0 : PLAIN)
CALL(int, epoll_ctl, KIND_OF_CONTROL, ENOMEM, -1,
     (int fd, int what, int on, struct epoll_event *event), (fd, what, on, event))
CALL(int, epoll_wait, TRAP_RETRY, EINTR, -1,
     (int fd, struct epoll_event *events, int most, int timeout), (fd, events, most, timeout))
CALL(int, poll, TRAP_RETRY, EINTR, -1, (struct pollfd * fds, nfds_t count, int timeout),
     (fds, count, timeout))
CALL(int, eventfd, PLAIN, EMFILE, -1, (unsigned count, int flags), (count, flags))
CALL(int, timerfd_create, PLAIN, EMFILE, -1, (int clock, int flags), (clock, flags))
CALL(int, timerfd_settime, PLAIN, EINVAL, -1,
     (int fd, int flags, const struct itimerspec *time, struct itimerspec *before),
     (fd, flags, time, before))

/* Sockets. */

CALL(int, socket, PLAIN, EMFILE, -1, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, bind, PLAIN, EADDRINUSE, -1, (int fd, const struct sockaddr *at, socklen_t size),
     (fd, at, size))
CALL(int, connect, PLAIN, ECONNREFUSED, -1, (int fd, const struct sockaddr *to, socklen_t size),
     (fd, to, size))
CALL(int, listen, PLAIN, EADDRINUSE, -1, (int fd, int backlog), (fd, backlog))
CALL(int, accept4, SLOW, EMFILE, -1, (int fd, struct sockaddr *from, socklen_t *size, int flags),
     (fd, from, size, flags))
CALL(int, setsockopt, PLAIN, ENOBUFS, -1,
     (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
CALL(int, getsockname, PLAIN, ENOBUFS, -1, (int fd, struct sockaddr *at, socklen_t *size),
     (fd, at, size))
CALL(ssize_t, recv, SLOW, ECONNRESET, -1, (int fd, void *to, size_t size, int flags),
     (fd, to, size, flags))
CALL(ssize_t, send, SLOW, ECONNRESET, -1, (int fd, const void *from, size_t size, int flags),
     (fd, from, size, flags))
CALL(ssize_t, sendmsg, SLOW, ECONNRESET, -1, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
CALL(ssize_t, getrandom, SLOW, ENOSYS, -1, (void *to, size_t size, unsigned flags),
     (to, size, flags))

/* Processes and threads. */

CALL(int, pipe2, PLAIN, EMFILE, -1, (int fds[2], int flags), (fds, flags))
CALL(pid_t, waitpid, TRAP_RETRY, EINTR, -1, (pid_t pid, int *status, int options),
     (pid, status, options))

/* These return their error. */
#define RETURNS(name, likely, parameters, arguments)                                               \
    int trap_##name parameters STANDS_FOR(name);                                                   \
    int trap_##name parameters {                                                                   \
        TRAP_FIND(int, name, parameters)                                                           \
        const int failed = trap_hit(PLAIN, TRAP_CALLER, likely);                                   \
        return failed != 0 ? failed : next arguments;                                              \
    }

RETURNS(posix_spawnp, EAGAIN,
        (pid_t * ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
         const posix_spawnattr_t *attributes, char *const *argv, char *const *environment),
        (ret_pid, file, actions, attributes, argv, environment))
#ifndef TRAP_ABSENT
RETURNS(pthread_create, EAGAIN,
        (pthread_t * ret_thread, const pthread_attr_t *attributes, void *(*run)(void *),
         void *argument),
        (ret_thread, attributes, run, argument))
#endif
