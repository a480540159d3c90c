#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What a service tells its manager: one datagram a message, to the socket in NOTIFY_SOCKET. */
struct notify {
    int fd; /* -1: there is no manager */
    struct sockaddr_un address;
    socklen_t address_size;
    int64_t watchdog_ms; /* a sign of life is due in that time; 0: none is wanted */
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment: a command that
 * inherited them could end the service. Call it before anything is started. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* Lines such as "READY=1\nSTATUS=…". A manager that does not listen is no reason to stop. */
void notify_send(struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* How often to give a sign of life, or at least once in so many ms. */
int64_t notify_interval_ms(const struct notify *notify, int64_t at_least_ms);
/* "RELOADING=1", with the time that the protocol wants. */
void notify_reloading(struct notify *notify);

#endif
