#ifndef REPLI_HTTP_LINGER_H
#define REPLI_HTTP_LINGER_H

#include <stdint.h>

#include "http/source.h"

/*
 * Sockets that were answered before their client had sent everything. Closed at once, what is still
 * on its way would be met with a reset, which may overtake the answer. So what comes is read and
 * thrown away for a moment.
 */
typedef struct repli__http_lingerer {
    repli__http_source source;
    int fd; /* -1: free */
    uint64_t deadline_ns;
} repli__http_lingerer;

enum { REPLI__HTTP_LINGERERS = 16 };

typedef struct repli__http_lingerers {
    repli__http_lingerer items[REPLI__HTTP_LINGERERS];
} repli__http_lingerers;

void repli__http_lingerers_init(repli__http_lingerers *lingerers);
/* Keep a duplicate of fd. Returns its deadline, or UINT64_MAX if there is no place for it. */
uint64_t repli__http_linger(repli__http_lingerers *lingerers, int epoll_fd, int fd,
                            uint64_t now_ns);
void repli__http_lingerer_read(repli__http_lingerer *lingerer);
/* Close those whose time is up; UINT64_MAX: all. Returns the next deadline. */
uint64_t repli__http_lingerers_expire(repli__http_lingerers *lingerers, uint64_t now_ns);

#endif
