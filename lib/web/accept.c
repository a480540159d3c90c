#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "web/loop.h"

enum {
    ACCEPTS_AT_ONCE = 16,
    RESERVED = 8, /* connections kept for privileged listeners, or a quarter of few */
    NO_DESCRIPTORS_PAUSE_MS = 100
};

int repli__web_watch(const repli__web *web, int fd, void *source) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    return epoll_ctl(web->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int has_room(const repli__web *web, const repli__web_listener *listener) {
    const uint32_t most = web->settings.max_connections;
    if (listener->privileged || !web->reserves)
        return web->connection_count < most;
    return web->connection_count < most - (most / 4 < RESERVED ? most / 4 : RESERVED);
}

void repli__web_watch_listeners(repli__web *web) {
    web->recheck = 0;
    web->paused = 0;
    for (size_t i = 0; i < web->listeners.count; i++) {
        repli__web_listener *listener = &web->listeners.items[i];
        const int watched = web->accepts_again_ns == 0 && has_room(web, listener);
        if (watched != listener->watched) {
            struct epoll_event event = {.events = watched ? EPOLLIN : 0, .data.ptr = listener};
            epoll_ctl(web->epoll_fd, EPOLL_CTL_MOD, listener->fd, &event);
            listener->watched = watched;
        }
        web->paused |= !watched;
    }
}

/* The connection that has been between two requests for longest. */
static repli__web_connection *idlest(const repli__web *web) {
    repli__web_connection *found = NULL;
    for (repli__web_connection *at = web->connections; at != NULL; at = at->next)
        if (at->phase == REPLI__WEB_IDLE && (found == NULL || at->since_ns < found->since_ns))
            found = at;
    return found;
}

/* Make room at the cost of someone who only keeps a connection open, or wait until one closes. */
static void make_room(repli__web *web) {
    repli__web_connection *idle = idlest(web);
    if (idle == NULL) {
        web->recheck = 1;
        return;
    }
    repli__web_loop_count(web, REPLI__WEB_COUNT_CUT, 1);
    repli__web_connection_cut(idle);
}

static void pause_accepting(repli__web *web) {
    web->accepts_again_ns = web->now_ns + NO_DESCRIPTORS_PAUSE_MS * (uint64_t)REPLI__NS_PER_MS;
    web->recheck = 1;
    repli__web_loop_arm(web, web->accepts_again_ns);
}

static int out_of_resources(int failed) {
    return failed == EMFILE || failed == ENFILE || failed == ENOBUFS || failed == ENOMEM;
}

static void serve(repli__web *web, const repli__web_listener *listener, int fd,
                  const struct sockaddr_storage *peer, socklen_t size) {
    repli__web_daemon *tls = listener->tls > 0 ? web->tls[listener->tls - 1] : NULL;
    repli__web_daemon *daemon = tls != NULL ? tls : web->plain;
    web->accepted_by = listener;
    web->accepted_for = daemon;
    web->accepted_fd = fd;
    daemon->ready = 1;
    /* Closes fd if it fails. Since 1.0 libmicrohttpd does not tell of it before its next run. */
    if (MHD_add_connection(daemon->mhd, fd, (const struct sockaddr *)peer, size) == MHD_YES &&
        web->accepted_by != NULL)
        MHD_run(daemon->mhd);
    web->accepted_by = NULL;
}

void repli__web_accept_some(repli__web *web, const repli__web_listener *listener) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (!has_room(web, listener)) {
            make_room(web);
            return;
        }
        struct sockaddr_storage peer;
        socklen_t size = sizeof(peer);
        const int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            serve(web, listener, fd, &peer, size);
        } else if (errno != ECONNABORTED && errno != EINTR) {
            if (out_of_resources(errno))
                pause_accepting(web);
            return;
        }
    }
}
