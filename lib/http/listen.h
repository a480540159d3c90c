#ifndef REPLI_HTTP_LISTEN_H
#define REPLI_HTTP_LISTEN_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include <replicante/error.h>

#include "http/source.h"

enum { REPLI__HTTP_API = 1, REPLI__HTTP_UNIX, REPLI__HTTP_HEALTH };

/* One socket that listens. */
typedef struct repli__http_listener {
    repli__http_source source;
    int kind; /* REPLI__HTTP_API, … */
    int fd;
    int loopback; /* bound to an address that only this machine reaches */
    int watched;  /* by the loop */

    /* For REPLI__HTTP_UNIX: what to remove at the end, if it still is the same file. */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t device;
    ino_t inode;
} repli__http_listener;

enum { REPLI__HTTP_LISTENERS = 16 };

typedef struct repli__http_listeners {
    repli__http_listener items[REPLI__HTTP_LISTENERS];
    size_t count;
} repli__http_listeners;

/* Whether an address makes sense at all. */
int32_t repli__http_listen_check_tcp(const char *bind_text, repli_error *err);
int32_t repli__http_listen_check_unix(const char *path, repli_error *err);
/* Listen on every address that "host:port" stands for; port 0 becomes one port for all of them. */
int32_t repli__http_listen_tcp(repli__http_listeners *listeners, int kind, const char *bind_text,
                               uint16_t *ret_port, repli_error *err);
/* A socket file that nobody listens on any more is replaced. */
int32_t repli__http_listen_unix(repli__http_listeners *listeners, const char *path, mode_t mode,
                                repli_error *err);
void repli__http_listeners_close(repli__http_listeners *listeners);
/* In a forked child: close its copies, with which clients would go on connecting to nobody after
 * the parent's end. */
void repli__http_listeners_abandon(repli__http_listeners *listeners);

#endif
