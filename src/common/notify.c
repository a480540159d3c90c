#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 1024 };

static int64_t number_of(const char *text) {
    char *end;
    errno = 0;
    const intmax_t number = strtoimax(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && number > 0 ? (int64_t)number : 0;
}

static int64_t watchdog(void) {
    const char *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (period == NULL || (pid != NULL && number_of(pid) != getpid()))
        return 0;
    return number_of(period) / 1000;
}

static int set_address(struct notify *notify, const char *path) {
    const size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof(notify->address.sun_path))
        return -1;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, size);
    notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0'; /* a name in the abstract namespace */
    else
        notify->address_size++;
    return 0;
}

void notify_open(struct notify *notify) {
    memset(notify, 0, sizeof(*notify));
    notify->fd = -1;
    const char *path = getenv("NOTIFY_SOCKET");
    if (path != NULL && set_address(notify, path) == 0)
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd >= 0) {
        /* A manager that is stuck must not hold up the agent. */
        const struct timeval patience = {1, 0};
        setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        notify->watchdog_ms = watchdog();
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *notify) {
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void notify_send(struct notify *notify, const char *format, ...) {
    if (notify->fd < 0)
        return;
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof(message))
        return;
    while (sendto(notify->fd, message, (size_t)size, MSG_NOSIGNAL,
                  (const struct sockaddr *)&notify->address, notify->address_size) < 0 &&
           errno == EINTR) {
    }
}

int64_t notify_interval_ms(const struct notify *notify, int64_t at_least_ms) {
    const int64_t third = notify->watchdog_ms / 3 + 1;
    return notify->watchdog_ms > 0 && third < at_least_ms ? third : at_least_ms;
}

void notify_reloading(struct notify *notify) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}
