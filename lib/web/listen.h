#ifndef REPLI_WEB_LISTEN_H
#define REPLI_WEB_LISTEN_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "web/source.h"
#include "web/web.h"

/* One socket that listens. */
typedef struct repli__web_listener {
    repli__web_source source;
    int fd;
    int kind;
    int tls;
    int privileged;
    int loopback; /* bound to an address that only this machine reaches */
    int watched;  /* by the loop */

    /* Of a UNIX socket, else empty: what to remove at the end, if it still is the same file. */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t device;
    ino_t inode;
} repli__web_listener;

enum { REPLI__WEB_LISTENERS = 16 };

typedef struct repli__web_listeners {
    repli__web_listener items[REPLI__WEB_LISTENERS];
    size_t count;
} repli__web_listeners;

/* Listen on all that an address stands for; port 0 becomes one port for all of them. */
int32_t repli__web_listeners_add(repli__web_listeners *listeners, const repli__web_address *address,
                                 uint16_t *ret_port, repli_error *err);
void repli__web_listeners_close(repli__web_listeners *listeners);
/* In a forked child: close its copies, with which clients would go on connecting to nobody after
 * the parent's end. */
void repli__web_listeners_abandon(repli__web_listeners *listeners);

#endif
