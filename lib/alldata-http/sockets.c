#include "alldata-http/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define ORIGIN "alldata.http"

enum { KEPT_CONNECTIONS = 1024 };

static alldata__socket *socket_of(alldata__transport *t, curl_socket_t fd) {
    const size_t index = (size_t)fd;
    if (index < t->socket_count)
        return &t->sockets[index];
    const size_t count = index + 64;
    alldata__socket *grown = repli__realloc(&t->mem, t->sockets, count * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    memset(grown + t->socket_count, 0, (count - t->socket_count) * sizeof(*grown));
    t->sockets = grown;
    t->socket_count = count;
    return &t->sockets[index];
}

static uint32_t events_of(int what) {
    return ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) |
           ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
}

/* Returns 0 if it cannot be watched. */
static int watch(const alldata__transport *t, alldata__socket *socket, int fd) {
    struct epoll_event wanted = {.events = events_of(socket->wanted), .data.fd = fd};
    const int operation = socket->watched != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int failed = epoll_ctl(t->epoll_fd, operation, fd, &wanted);
    /* The number may have been another socket's. */
    if (failed && operation == EPOLL_CTL_MOD && errno == ENOENT)
        failed = epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &wanted);
    socket->watched = failed ? 0 : socket->wanted;
    return !failed;
}

static void ignore(const alldata__transport *t, alldata__socket *socket, int fd) {
    struct epoll_event nothing = {.events = 0};
    if (socket->watched != 0)
        epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, fd, &nothing);
    socket->watched = 0;
}

/* libcurl would give up everything if it were told: only the call that the socket is for ends. */
static void give_up(alldata__transport *t, CURL *handle) {
    char *private = NULL;
    t->caller.curl.easy_getinfo(handle, CURLINFO_PRIVATE, &private);
    alldata__exchange *exchange = (void *)private;
    if (exchange == NULL || exchange->item == NULL)
        return;
    exchange->item->given_up = 1;
    t->gives_up = 1;
}

/* Between two requests a connection stays in the set: the next one follows, and says the same. */
static int on_socket(CURL *handle, curl_socket_t fd, int what, void *user_data, void *unused) {
    (void)unused;
    alldata__pool *pool = user_data;
    alldata__transport *t = pool->transport;
    alldata__socket *socket = socket_of(t, fd);
    if (socket == NULL) {
        give_up(t, handle);
        return 0;
    }
    socket->pool = pool;
    socket->wanted = what == CURL_POLL_REMOVE ? 0 : (uint8_t)what;
    if (socket->wanted == 0) {
        if (!socket->own)
            ignore(t, socket, fd);
        return 0;
    }
    if ((!socket->own || socket->watched != socket->wanted) && !watch(t, socket, fd))
        give_up(t, handle);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user_data) {
    (void)multi;
    alldata__pool *pool = user_data;
    pool->due_ns = timeout_ms < 0 ? UINT64_MAX : repli__deadline_ns(timeout_ms);
    return 0;
}

static curl_socket_t on_open(void *user_data, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    alldata__pool *pool = user_data;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    alldata__socket *socket = socket_of(pool->transport, fd);
    if (socket == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    *socket = (alldata__socket){.pool = pool, .own = 1};
    return fd;
}

static int on_close(void *user_data, curl_socket_t fd) {
    const alldata__pool *pool = user_data;
    const alldata__transport *t = pool->transport;
    if ((size_t)fd < t->socket_count)
        t->sockets[fd] = (alldata__socket){.own = 0};
    return close(fd);
}

int32_t alldata__sockets_open(alldata__pool *pool, repli_error *err) {
    alldata__transport *t = pool->transport;
    if (pool->multi != NULL)
        return REPLI_OK;
    const int32_t code = alldata__caller_load(&t->caller, err);
    if (code != REPLI_OK)
        return code;
    const repli__libcurl *curl = &t->caller.curl;
    CURLM *multi = curl->multi_init();
    if (multi == NULL)
        return repli__error_nomem(err, ORIGIN, "beginning to call peers");
    curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, pool);
    curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl->multi_setopt(multi, CURLMOPT_TIMERDATA, pool);
    curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    pool->multi = multi;
    return REPLI_OK;
}

void alldata__sockets_configure(alldata__pool *pool, CURL *handle) {
    const repli__libcurl *curl = &pool->transport->caller.curl;
    curl->easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl->easy_setopt(handle, CURLOPT_OPENSOCKETDATA, pool);
    curl->easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl->easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, pool);
}

void alldata__sockets_close(alldata__pool *pool) {
    const alldata__transport *t = pool->transport;
    const int mine = getpid() == t->pid;
    if (pool->multi == NULL)
        return;
    if (mine)
        t->caller.curl.multi_cleanup(pool->multi);
    for (size_t i = 0; i < t->socket_count; i++) {
        alldata__socket *socket = &t->sockets[i];
        if (socket->pool != pool)
            continue;
        /* libcurl would take leave of the other side on connections that are the parent's. */
        if (socket->own && !mine)
            close((int)i);
        socket->pool = NULL;
        socket->own = socket->wanted = 0;
    }
}

void alldata__sockets_ready(alldata__transport *t, const struct epoll_event *event) {
    const int fd = event->data.fd;
    alldata__socket *socket = socket_of(t, fd);
    if (socket == NULL)
        return;
    if (socket->wanted == 0) {
        ignore(t, socket, fd);
        return;
    }
    int running;
    const int what = ((event->events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event->events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event->events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    t->caller.curl.multi_socket_action(socket->pool->multi, fd, what, &running);
}

void alldata__sockets_tick(alldata__pool *pool) {
    int running;
    /* What is due at once is mostly followed by something else that is. */
    for (int i = 0; i < 4 && pool->due_ns <= repli__mono_ns(); i++) {
        pool->due_ns = UINT64_MAX;
        pool->transport->caller.curl.multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0,
                                                         &running);
    }
}
