#include "web/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINGER_S = 2, READS_AT_ONCE = 16 };

static void drop(repli__web_lingerer *lingerer) {
    close(lingerer->fd);
    lingerer->fd = -1;
    lingerer->deadline_ns = UINT64_MAX;
}

void repli__web_lingerers_init(repli__web_lingerers *lingerers) {
    for (int i = 0; i < REPLI__WEB_LINGERERS; i++)
        lingerers->items[i] = (repli__web_lingerer){
            .source = REPLI__WEB_SOURCE_LINGERER, .fd = -1, .deadline_ns = UINT64_MAX};
}

static repli__web_lingerer *free_place(repli__web_lingerers *lingerers) {
    for (int i = 0; i < REPLI__WEB_LINGERERS; i++)
        if (lingerers->items[i].fd < 0)
            return &lingerers->items[i];
    return NULL;
}

uint64_t repli__web_linger(repli__web_lingerers *lingerers, int epoll_fd, int fd, uint64_t now_ns) {
    repli__web_lingerer *lingerer = free_place(lingerers);
    const int own = lingerer != NULL ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own < 0)
        return UINT64_MAX;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = lingerer};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, own, &event) != 0) {
        close(own);
        return UINT64_MAX;
    }
    lingerer->fd = own;
    lingerer->deadline_ns = now_ns + LINGER_S * (uint64_t)REPLI__NS_PER_S;
    return lingerer->deadline_ns;
}

void repli__web_lingerer_read(repli__web_lingerer *lingerer) {
    char thrown_away[16 * 1024];
    for (int i = 0; i < READS_AT_ONCE && lingerer->fd >= 0; i++) {
        const ssize_t got = recv(lingerer->fd, thrown_away, sizeof(thrown_away), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            drop(lingerer);
    }
}

uint64_t repli__web_lingerers_expire(repli__web_lingerers *lingerers, uint64_t now_ns) {
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < REPLI__WEB_LINGERERS; i++) {
        repli__web_lingerer *lingerer = &lingerers->items[i];
        if (lingerer->fd >= 0 && lingerer->deadline_ns <= now_ns)
            drop(lingerer);
        if (lingerer->deadline_ns < next)
            next = lingerer->deadline_ns;
    }
    return next;
}
