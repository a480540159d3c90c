#include "alldata-http/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "alldata-http/response.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#define ORIGIN "alldata.http"

enum { KEPT_TEXT = 64 * 1024, READ = 64 * 1024 };

struct alldata__link {
    alldata__link *next, *prev; /* of all */
    alldata__link *next_idle;   /* of its line */
    alldata__line *line;
    alldata__item *item; /* NULL: it is idle */
    int fd;
    int connecting;
    int used;   /* an answer has come by it before */
    size_t out; /* bytes of head and body that were sent */
    repli_buf head;
    repli_buf in;
    alldata__response response;
    uint64_t due_ns;
};

static int32_t unreachable(const alldata__item *item, int32_t code, const char *why,
                           repli_error *ret_why) {
    return repli__error(ret_why, code, ORIGIN, "cannot reach the peer at %s:%d: %s",
                        item->call.host, (int)item->call.port, why);
}

/* Addresses. */

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static int read_address(const char *host, int32_t port, address *ret, socklen_t *ret_size) {
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        *ret_size = sizeof(ret->v4);
        return 1;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_size = sizeof(ret->v6);
        return 1;
    }
    return 0;
}

int alldata__link_is_for(const alldata__transport *t, const alldata_call *call) {
    address to;
    socklen_t size;
    return !alldata__identity_has_tls(&t->identity) &&
           read_address(call->host, call->port, &to, &size);
}

/* Life. */

static void close_link(alldata__transport *t, alldata__link *link) {
    if (link->fd >= 0) {
        t->sockets[link->fd] = (alldata__socket){.own = 0};
        close(link->fd);
    }
    if (link->prev != NULL)
        link->prev->next = link->next;
    else
        t->links = link->next;
    if (link->next != NULL)
        link->next->prev = link->prev;
    for (alldata__link **at = &link->line->idle; *at != NULL; at = &(*at)->next_idle)
        if (*at == link) {
            *at = link->next_idle;
            break;
        }
    repli_buf_dispose(&link->head);
    repli_buf_dispose(&link->in);
    repli__free(&t->mem, link);
}

static int connect_socket(alldata__transport *t, alldata__link *link, const alldata_call *call) {
    address to;
    socklen_t size = 0;
    const int one = 1;
    read_address(call->host, call->port, &to, &size);
    const int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    alldata__socket *socket = alldata__socket_of(t, fd);
    if (socket == NULL) {
        close(fd);
        return ENOMEM;
    }
    *socket = (alldata__socket){.link = link};
    link->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    link->connecting = connect(fd, &to.any, size) != 0;
    if (link->connecting && errno != EINPROGRESS)
        return errno;
    /* Edges only: a request more costs no call for that. */
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.fd = fd};
    return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) == 0 ? 0 : errno;
}

static alldata__link *make_link(alldata__transport *t, alldata__line *line) {
    alldata__link *link = repli__calloc(&t->mem, 1, sizeof(*link));
    if (link == NULL)
        return NULL;
    link->line = line;
    link->fd = -1;
    link->head.allocator = link->in.allocator = &t->mem;
    link->next = t->links;
    if (link->next != NULL)
        link->next->prev = link;
    t->links = link;
    return link;
}

static int32_t code_of(int failed) {
    switch (failed) {
    case ENOMEM: return REPLI_ENOMEM;
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case ENOBUFS: return REPLI_EFULL;
    case EPIPE:
    case ECONNRESET: return REPLI_ELOST;
    case ETIMEDOUT: return REPLI_ETIMEOUT;
    default: return REPLI_EREFUSED;
    }
}

/* Ends. */

static alldata__item *let_go(alldata__link *link) {
    alldata__item *item = link->item;
    link->item = NULL;
    link->line->busy--;
    return item;
}

static void end(alldata__transport *t, alldata__link *link, const repli_error *why) {
    alldata__item *item = let_go(link);
    close_link(t, link);
    alldata__transport_fail(t, item, why);
}

static void fail(alldata__transport *t, alldata__link *link, const repli_error *why) {
    alldata__line *line = link->line;
    end(t, link, why);
    alldata__turn_go_on(t, line);
}

static void fail_with(alldata__transport *t, alldata__link *link, int32_t code, const char *text) {
    repli_error why = REPLI_ERROR_INIT;
    unreachable(link->item, code, text, &why);
    fail(t, link, &why);
}

/* The other side has closed a connection that it had answered on, perhaps before the request came:
 * once more, on one of its own. */
static void lose(alldata__transport *t, alldata__link *link, int failed) {
    alldata__line *line = link->line;
    if (!link->used || link->in.size > 0) {
        fail_with(t, link, failed != 0 ? code_of(failed) : REPLI_ELOST,
                  failed != 0 ? strerror(failed) : "it closed the connection without an answer");
        return;
    }
    alldata__item *item = let_go(link);
    while (line->idle != NULL)
        close_link(t, line->idle);
    close_link(t, link);
    alldata__link_start(t, line, item);
    alldata__turn_go_on(t, line);
}

static void answer(alldata__transport *t, alldata__link *link) {
    alldata_reply reply = ALLDATA_REPLY_INIT;
    alldata__line *line = link->line;
    repli_buf text = link->in;
    const int keep = link->response.keep;
    link->in = (repli_buf){.allocator = &t->mem};
    reply.status = link->response.status;
    reply.body = text.data + link->response.head_size;
    reply.body_size = link->response.body_size;
    text.data[link->response.head_size + link->response.body_size] = '\0';
    alldata__item *item = let_go(link);
    if (keep) {
        link->used = 1;
        link->next_idle = line->idle;
        line->idle = link;
    } else {
        close_link(t, link);
    }
    alldata__transport_reply(t, item, &reply);
    /* The link, if it is kept, may not have been taken meanwhile: nobody but this turn does. */
    if (keep && text.capacity <= KEPT_TEXT) {
        text.size = 0;
        link->in = text;
    } else {
        repli_buf_dispose(&text);
    }
    alldata__turn_go_on(t, line);
}

/* Sending and receiving. */

/* Returns an errno, or 0 when all is sent or no more goes. */
static int send_more(alldata__link *link) {
    const alldata_call *call = &link->item->call;
    const size_t body_size = call->body != NULL ? call->body_size : 0;
    while (link->out < link->head.size + body_size) {
        const size_t head = link->out < link->head.size ? link->head.size - link->out : 0;
        const size_t body = link->out > link->head.size ? link->out - link->head.size : 0;
        struct iovec parts[2] = {
            {.iov_base = link->head.data + link->head.size - head, .iov_len = head},
            {.iov_base = (void *)(uintptr_t)(call->body != NULL ? call->body + body : ""),
             .iov_len = body_size - body}};
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        const ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? 0 : errno;
        link->out += (size_t)sent;
    }
    return 0;
}

/* Not 0 once there is nothing more to read for now; *ret_failed: an errno, or -1 at the end. */
static int receive(alldata__transport *t, alldata__link *link, int *ret_failed) {
    const ssize_t size = recv(link->fd, t->read, sizeof(t->read), 0);
    *ret_failed = size == 0 ? -1 : 0;
    if (size < 0) {
        const int failed = errno;
        /* It may be another's event, of before the number was this one's. */
        *ret_failed = failed == EAGAIN || failed == EINTR || failed == ENOTCONN ? 0 : failed;
        return failed != EINTR;
    }
    if (repli__buf_append(&link->in, t->read, (size_t)size) != REPLI_OK)
        *ret_failed = ENOMEM;
    return *ret_failed != 0;
}

/* Reads, and ends the call if it is over. */
static void read_answer(alldata__transport *t, alldata__link *link) {
    const size_t most = link->item->call.max_reply;
    int failed = 0;
    for (int last = 0; !last;) {
        last = receive(t, link, &failed);
        const int what = alldata__response_read(&link->response, &link->in, most, failed == -1);
        if (what == ALLDATA__RESPONSE_WHOLE) {
            answer(t, link);
            return;
        }
        if (what == ALLDATA__RESPONSE_TOO_LARGE) {
            repli_error why = REPLI_ERROR_INIT;
            repli__error(&why, REPLI_EPROTOCOL, ORIGIN,
                         "the answer of the peer at %s:%d has more than the %zu bytes that are "
                         "expected",
                         link->item->call.host, (int)link->item->call.port, most);
            fail(t, link, &why);
            return;
        }
        if (what == ALLDATA__RESPONSE_NONE) {
            fail_with(t, link, REPLI_EPROTOCOL, "what it answers is no HTTP");
            return;
        }
    }
    if (failed != 0)
        lose(t, link, failed == -1 ? 0 : failed);
}

static int finish_connecting(alldata__link *link) {
    int failed = 0;
    socklen_t size = sizeof(failed);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
        return errno;
    link->connecting = 0;
    link->due_ns = link->item->deadline_ns;
    return failed;
}

void alldata__link_ready(alldata__transport *t, alldata__link *link, uint32_t events) {
    int failed = 0;
    if (link->item == NULL) {
        /* It has nothing to say now, so this is its end. The first edge only says that it can be
         * written to. */
        if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
            close_link(t, link);
        return;
    }
    if (link->connecting)
        failed = finish_connecting(link);
    if (failed != 0) {
        fail_with(t, link, code_of(failed), strerror(failed));
        return;
    }
    /* Whoever is refused while it still sends may have been told why. */
    failed = send_more(link);
    if (failed != 0 && failed != EPIPE && failed != ECONNRESET) {
        fail_with(t, link, code_of(failed), strerror(failed));
        return;
    }
    read_answer(t, link);
}

/* Beginning. */

static int write_head(const alldata__transport *t, alldata__link *link, const alldata_call *call) {
    const int six = strchr(call->host, ':') != NULL;
    const char *own = t->identity.authorization;
    link->head.size = 0;
    int done = repli__buf_printf(&link->head, "%s %s HTTP/1.1\r\nHost: %s%s%s:%d\r\n", call->method,
                                 call->path, six ? "[" : "", call->host, six ? "]" : "",
                                 (int)call->port) == REPLI_OK;
    if (done && own != NULL)
        done = repli__buf_printf(&link->head, "%s\r\n", own) == REPLI_OK;
    if (done && call->type != NULL)
        done = repli__buf_printf(&link->head, "Content-Type: %s\r\n", call->type) == REPLI_OK;
    if (done && strcmp(call->method, "POST") == 0)
        done = repli__buf_printf(&link->head, "Content-Length: %zu\r\n",
                                 call->body != NULL ? call->body_size : 0) == REPLI_OK;
    return done && repli__buf_text(&link->head, "\r\n") == REPLI_OK;
}

static void set_due(alldata__transport *t, alldata__link *link) {
    const uint64_t connected_ns = repli__deadline_ns(t->connect_timeout_ms);
    link->due_ns = link->item->deadline_ns;
    if (link->connecting && connected_ns < link->due_ns)
        link->due_ns = connected_ns;
    if (link->due_ns < t->link_due_ns)
        t->link_due_ns = link->due_ns;
}

void alldata__link_start(alldata__transport *t, alldata__line *line, alldata__item *item) {
    repli_error why = REPLI_ERROR_INIT;
    alldata__link *link = line->idle;
    int failed = 0;
    if (link != NULL)
        line->idle = link->next_idle;
    else
        link = make_link(t, line);
    if (link == NULL) {
        unreachable(item, REPLI_ENOMEM, "out of memory", &why);
        alldata__transport_fail(t, item, &why);
        return;
    }
    line->busy++;
    link->item = item;
    link->next_idle = NULL;
    link->out = 0;
    link->in.size = 0;
    link->response = (alldata__response){.status = 0};
    if (!write_head(t, link, &item->call))
        failed = ENOMEM;
    if (failed == 0 && link->fd < 0)
        failed = connect_socket(t, link, &item->call);
    /* Whoever called this goes on with what waits. */
    if (failed != 0) {
        unreachable(item, code_of(failed), strerror(failed), &why);
        end(t, link, &why);
        return;
    }
    set_due(t, link);
    /* What cannot be sent is told by an event. */
    if (!link->connecting)
        send_more(link);
}

/* Others. */

void alldata__link_tick(alldata__transport *t) {
    const uint64_t now_ns = repli__mono_ns();
    if (now_ns < t->link_due_ns)
        return;
    /* What ends lets others begin, so from the first again. */
    for (alldata__link *link = t->links; link != NULL;) {
        if (link->item == NULL || link->due_ns > now_ns) {
            link = link->next;
            continue;
        }
        fail_with(t, link, REPLI_ETIMEOUT,
                  link->connecting ? "no connection stood in time" : "it did not answer in time");
        link = t->links;
    }
    t->link_due_ns = UINT64_MAX;
    for (alldata__link *link = t->links; link != NULL; link = link->next)
        if (link->item != NULL && link->due_ns < t->link_due_ns)
            t->link_due_ns = link->due_ns;
}

void alldata__link_break(alldata__transport *t,
                         int (*fits)(const alldata__item *item, const void *user_data),
                         const void *user_data, const repli_error *why) {
    for (alldata__link *link = t->links; link != NULL;) {
        if (link->item == NULL || !fits(link->item, user_data)) {
            link = link->next;
            continue;
        }
        fail(t, link, why);
        link = t->links;
    }
}

void alldata__link_dispose_all(alldata__transport *t) {
    while (t->links != NULL)
        close_link(t, t->links);
}
