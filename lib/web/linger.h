#ifndef REPLI_WEB_LINGER_H
#define REPLI_WEB_LINGER_H

#include <stdint.h>

#include "web/source.h"

/*
 * Sockets that were answered before their client had sent everything. Closed at once, what is still
 * on its way would be met with a reset, which may overtake the answer. So what comes is read and
 * thrown away for a moment.
 */
typedef struct repli__web_lingerer {
    repli__web_source source;
    int fd; /* -1: free */
    uint64_t deadline_ns;
} repli__web_lingerer;

enum { REPLI__WEB_LINGERERS = 16 };

typedef struct repli__web_lingerers {
    repli__web_lingerer items[REPLI__WEB_LINGERERS];
} repli__web_lingerers;

void repli__web_lingerers_init(repli__web_lingerers *lingerers);
/* Keep a duplicate of fd. Returns its deadline, or UINT64_MAX if there is no place for it. */
uint64_t repli__web_linger(repli__web_lingerers *lingerers, int epoll_fd, int fd, uint64_t now_ns);
void repli__web_lingerer_read(repli__web_lingerer *lingerer);
/* Close those whose time is up; UINT64_MAX: all. Returns the next deadline. */
uint64_t repli__web_lingerers_expire(repli__web_lingerers *lingerers, uint64_t now_ns);

#endif
