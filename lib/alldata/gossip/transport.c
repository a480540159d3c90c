#include "alldata/gossip/transport.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#define ORIGIN "gossip"

/* Events: the listener, then connections that came, then those that were made. */
enum { EVENT_LISTENER = 0, EVENT_INBOUND = 1, EVENT_OUTBOUND = EVENT_INBOUND + ALLDATA__INBOUND };

enum { READ_SIZE = 64 * 1024, ACCEPTS = 64, REST_MS = 100 };

typedef struct inbound {
    int fd; /* -1: free */
    uint64_t since_ns;
    repli_buf frame;
} inbound;

typedef struct outbound {
    int used;
    int fd; /* -1: waits for its turn */
    uint64_t order;
    uint64_t since_ns;
    struct sockaddr_storage address;
    socklen_t address_size;
    char *frame;
    size_t size;
    size_t written;
} outbound;

struct alldata__transport {
    repli__mem mem;
    int epoll_fd;
    int listener;
    uint16_t port;
    int anywhere;
    uint64_t rest_ns; /* nothing is accepted before, for want of room or descriptors; 0: it is */
    alldata__received_fn received;
    alldata__find_fn find;
    void *user_data;
    alldata__traffic traffic;

    inbound in[ALLDATA__INBOUND];
    size_t in_bytes;
    outbound out[ALLDATA__WAITING];
    size_t out_bytes;
    int connections; /* that were made */
    uint64_t order;
    char read[READ_SIZE];
};

static int watch(const alldata__transport *t, int fd, uint32_t events, uint64_t event) {
    struct epoll_event wanted = {.events = events, .data.u64 = event};
    return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

static uint64_t ends_ns(uint64_t since_ns, uint64_t patience_ms) {
    return since_ns + patience_ms * (uint64_t)REPLI__NS_PER_MS;
}

/* Listening. */

static int32_t cannot_listen(repli_error *err, const char *listen, int32_t code, const char *why) {
    return repli__error(err, code, ORIGIN, "cannot listen on %s for gossip: %s", listen, why);
}

/* Returns errno. */
static int listen_on(alldata__transport *t, const struct addrinfo *at) {
    const int yes = 1;
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    t->listener = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->listener < 0)
        return errno;
    if (setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
        bind(t->listener, at->ai_addr, at->ai_addrlen) == 0 &&
        listen(t->listener, SOMAXCONN) == 0 &&
        getsockname(t->listener, (struct sockaddr *)&bound, &size) == 0) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&bound;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&bound;
        const int is_v4 = bound.ss_family == AF_INET;
        t->port = ntohs(is_v4 ? v4->sin_port : v6->sin6_port);
        t->anywhere =
            is_v4 ? v4->sin_addr.s_addr == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
        return 0;
    }
    const int failed = errno;
    close(t->listener);
    t->listener = -1;
    return failed;
}

static int32_t start_listening(alldata__transport *t, const char *listen_text, repli_error *err) {
    char host[ALLDATA__HOST_SIZE];
    char port[8];
    uint16_t number;
    if (!repli__address_split(listen_text, host, sizeof(host), &number))
        return cannot_listen(err, listen_text, REPLI_EINVALID,
                             "that is no address: write host:port, such as 127.0.0.1:9742 or "
                             "[::]:9742");
    snprintf(port, sizeof(port), "%u", number);
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    const int unknown = getaddrinfo(host, port, &hints, &addresses);
    if (unknown != 0)
        return cannot_listen(err, listen_text,
                             unknown == EAI_MEMORY ? REPLI_ENOMEM : REPLI_EINVALID,
                             gai_strerror(unknown));
    int failed = EADDRNOTAVAIL;
    for (const struct addrinfo *at = addresses; at != NULL && t->listener < 0; at = at->ai_next)
        failed = listen_on(t, at);
    freeaddrinfo(addresses);
    if (t->listener < 0)
        return cannot_listen(err, listen_text, failed == EADDRINUSE ? REPLI_EBUSY : REPLI_EIO,
                             strerror(failed));
    if (!watch(t, t->listener, EPOLLIN, EVENT_LISTENER))
        return cannot_listen(err, listen_text, REPLI_EFULL, strerror(errno));
    return REPLI_OK;
}

int32_t alldata__transport_new(const repli__mem *mem, int epoll_fd, const char *listen,
                               alldata__received_fn received, alldata__find_fn find,
                               void *user_data, alldata__transport **ret_transport,
                               repli_error *err) {
    alldata__transport *t = repli__calloc(mem, 1, sizeof(*t));
    if (t == NULL)
        return repli__error_nomem(err, ORIGIN, "making a transport");
    t->mem = *mem;
    t->epoll_fd = epoll_fd;
    t->listener = -1;
    t->received = received;
    t->find = find;
    t->user_data = user_data;
    for (int i = 0; i < ALLDATA__INBOUND; i++)
        t->in[i] = (inbound){.fd = -1, .frame = {.allocator = &t->mem}};
    const int32_t code = start_listening(t, listen, err);
    if (code != REPLI_OK) {
        alldata__transport_free(t);
        return code;
    }
    *ret_transport = t;
    return REPLI_OK;
}

uint16_t alldata__transport_port(const alldata__transport *t) {
    return t->port;
}

int alldata__transport_is_anywhere(const alldata__transport *t) {
    return t->anywhere;
}

const alldata__traffic *alldata__transport_traffic(const alldata__transport *t) {
    return &t->traffic;
}

/* What comes. */

static void end_inbound(alldata__transport *t, inbound *in) {
    close(in->fd);
    in->fd = -1;
    t->in_bytes -= in->frame.size;
    repli_buf_dispose(&in->frame);
    /* There is room for another. */
    if (t->rest_ns != 0)
        t->rest_ns = 1;
}

static void drop_inbound(alldata__transport *t, inbound *in) {
    t->traffic.in_dropped++;
    end_inbound(t, in);
}

/* Other than one; NULL if there is none. */
static inbound *oldest_inbound(alldata__transport *t, const inbound *but) {
    inbound *oldest = NULL;
    for (int i = 0; i < ALLDATA__INBOUND; i++) {
        inbound *in = &t->in[i];
        if (in->fd >= 0 && in != but && (oldest == NULL || in->since_ns < oldest->since_ns))
            oldest = in;
    }
    return oldest;
}

static void take_frame(alldata__transport *t, inbound *in) {
    /* What is told may send, and so change what is here; the frame stays until it has been told. */
    repli_buf frame = in->frame;
    in->frame = (repli_buf){.allocator = &t->mem};
    t->in_bytes -= frame.size;
    end_inbound(t, in);
    if (frame.size > 0) {
        t->traffic.in_frames++;
        t->received(t->user_data, frame.data, frame.size);
    }
    repli_buf_dispose(&frame);
}

static int keep(alldata__transport *t, inbound *in, size_t size) {
    if (in->frame.size + size > ALLDATA__FRAME_MAX)
        return 0;
    while (t->in_bytes + size > ALLDATA__INBOUND_BYTES) {
        inbound *other = oldest_inbound(t, in);
        if (other == NULL)
            return 0;
        drop_inbound(t, other);
    }
    if (repli__buf_append(&in->frame, t->read, size) != REPLI_OK)
        return 0;
    t->in_bytes += size;
    return 1;
}

/* Returns whether there may be more. */
static int read_some(alldata__transport *t, inbound *in) {
    const ssize_t size = recv(in->fd, t->read, sizeof(t->read), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size > 0)
        t->traffic.in_bytes += (uint64_t)size;
    if (size == 0)
        take_frame(t, in);
    else if (size < 0 || !keep(t, in, (size_t)size))
        drop_inbound(t, in);
    return in->fd >= 0;
}

static void read_inbound(alldata__transport *t, inbound *in) {
    if (in->fd >= 0)
        while (read_some(t, in))
            continue;
}

/* A connection that waits keeps the set ready, although nothing can be done about it. */
static void rest(alldata__transport *t, uint64_t until_ns) {
    epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, t->listener, NULL);
    t->rest_ns = until_ns;
}

/* Whoever has had time to say something and has not makes room. NULL if nobody has. */
static inbound *free_inbound(alldata__transport *t, uint64_t now_ns) {
    for (int i = 0; i < ALLDATA__INBOUND; i++)
        if (t->in[i].fd < 0)
            return &t->in[i];
    inbound *oldest = oldest_inbound(t, NULL);
    const uint64_t grace_ns = ends_ns(oldest->since_ns, ALLDATA__GRACE_MS);
    if (now_ns < grace_ns) {
        rest(t, grace_ns);
        return NULL;
    }
    drop_inbound(t, oldest);
    return oldest;
}

/* What is there already needs no waiting. */
static void add_inbound(alldata__transport *t, uint64_t now_ns, inbound *in, int fd) {
    in->fd = fd;
    in->since_ns = now_ns;
    read_inbound(t, in);
    if (in->fd >= 0 && !watch(t, fd, EPOLLIN | EPOLLRDHUP, EVENT_INBOUND + (uint64_t)(in - t->in)))
        drop_inbound(t, in);
}

static void accept_all(alldata__transport *t, uint64_t now_ns) {
    for (int i = 0; i < ACCEPTS; i++) {
        inbound *in = free_inbound(t, now_ns);
        if (in == NULL)
            return;
        const int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            add_inbound(t, now_ns, in, fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(t, ends_ns(now_ns, REST_MS));
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* What goes. */

static void end_outbound(alldata__transport *t, outbound *out) {
    if (out->fd >= 0) {
        close(out->fd);
        t->connections--;
    }
    t->out_bytes -= out->size;
    repli__free(&t->mem, out->frame);
    *out = (outbound){.fd = -1};
}

static void fail_outbound(alldata__transport *t, outbound *out) {
    t->traffic.out_failed++;
    end_outbound(t, out);
}

static void write_outbound(alldata__transport *t, outbound *out) {
    if (!out->used || out->fd < 0)
        return;
    const ssize_t size =
        send(out->fd, out->frame + out->written, out->size - out->written, MSG_NOSIGNAL);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
            fail_outbound(t, out);
        return;
    }
    out->written += (size_t)size;
    t->traffic.out_bytes += (uint64_t)size;
    if (out->written < out->size)
        return;
    /* The kernel sends what is left, and then the end that the other side waits for. */
    t->traffic.out_frames++;
    end_outbound(t, out);
}

static void connect_outbound(alldata__transport *t, uint64_t now_ns, outbound *out) {
    out->since_ns = now_ns;
    out->fd = socket(out->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0) {
        fail_outbound(t, out);
        return;
    }
    t->connections++;
    /* Nearby it stands at once. */
    if (connect(out->fd, (const struct sockaddr *)&out->address, out->address_size) != 0 &&
        errno != EINPROGRESS) {
        fail_outbound(t, out);
        return;
    }
    write_outbound(t, out);
    if (out->used && !watch(t, out->fd, EPOLLOUT, EVENT_OUTBOUND + (uint64_t)(out - t->out)))
        fail_outbound(t, out);
}

/* Give the connections that are free to those that waited longest. */
static void connect_next(alldata__transport *t, uint64_t now_ns) {
    while (t->connections < ALLDATA__OUTBOUND) {
        outbound *next = NULL;
        for (int i = 0; i < ALLDATA__WAITING; i++) {
            outbound *out = &t->out[i];
            if (out->used && out->fd < 0 && (next == NULL || out->order < next->order))
                next = out;
        }
        if (next == NULL)
            return;
        connect_outbound(t, now_ns, next);
    }
}

static outbound *free_outbound(alldata__transport *t) {
    for (int i = 0; i < ALLDATA__WAITING; i++)
        if (!t->out[i].used)
            return &t->out[i];
    return NULL;
}

void alldata__transport_send(alldata__transport *t, uint64_t now_ns, const alldata__address *to,
                             const char *frame, size_t size) {
    outbound next = {.used = 1, .fd = -1, .order = t->order++, .since_ns = now_ns, .size = size};
    uint32_t address_size = 0;
    outbound *out = free_outbound(t);
    if (out == NULL || t->out_bytes + size > ALLDATA__OUTBOUND_BYTES ||
        !t->find(t->user_data, to, &next.address, &address_size)) {
        t->traffic.out_dropped++;
        return;
    }
    next.address_size = address_size;
    next.frame = repli__alloc(&t->mem, size);
    if (next.frame == NULL) {
        t->traffic.out_dropped++;
        return;
    }
    memcpy(next.frame, frame, size);
    *out = next;
    t->out_bytes += size;
    if (t->connections < ALLDATA__OUTBOUND)
        connect_outbound(t, now_ns, out);
}

/* Events and time. */

void alldata__transport_ready(alldata__transport *t, uint64_t now_ns, uint64_t event) {
    if (event == EVENT_LISTENER) {
        accept_all(t, now_ns);
    } else if (event < EVENT_OUTBOUND) {
        read_inbound(t, &t->in[event - EVENT_INBOUND]);
    } else if (event < EVENT_OUTBOUND + ALLDATA__WAITING) {
        write_outbound(t, &t->out[event - EVENT_OUTBOUND]);
        connect_next(t, now_ns);
    }
}

void alldata__transport_tick(alldata__transport *t, uint64_t now_ns) {
    if (t->rest_ns != 0 && now_ns >= t->rest_ns) {
        t->rest_ns = 0;
        if (!watch(t, t->listener, EPOLLIN, EVENT_LISTENER))
            t->rest_ns = ends_ns(now_ns, REST_MS);
    }
    for (int i = 0; i < ALLDATA__INBOUND; i++)
        if (t->in[i].fd >= 0 && now_ns >= ends_ns(t->in[i].since_ns, ALLDATA__PATIENCE_MS))
            drop_inbound(t, &t->in[i]);
    for (int i = 0; i < ALLDATA__WAITING; i++)
        if (t->out[i].used && now_ns >= ends_ns(t->out[i].since_ns, ALLDATA__PATIENCE_OUT_MS))
            fail_outbound(t, &t->out[i]);
    connect_next(t, now_ns);
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t alldata__transport_due_ns(const alldata__transport *t) {
    uint64_t due_ns = t->rest_ns != 0 ? t->rest_ns : UINT64_MAX;
    for (int i = 0; i < ALLDATA__INBOUND; i++)
        if (t->in[i].fd >= 0)
            due_ns = sooner(due_ns, ends_ns(t->in[i].since_ns, ALLDATA__PATIENCE_MS));
    for (int i = 0; i < ALLDATA__WAITING; i++)
        if (t->out[i].used)
            due_ns = sooner(due_ns, ends_ns(t->out[i].since_ns, ALLDATA__PATIENCE_OUT_MS));
    return due_ns;
}

void alldata__transport_free(alldata__transport *t) {
    if (t == NULL)
        return;
    const repli__mem mem = t->mem;
    for (int i = 0; i < ALLDATA__INBOUND; i++)
        if (t->in[i].fd >= 0)
            end_inbound(t, &t->in[i]);
    for (int i = 0; i < ALLDATA__WAITING; i++)
        if (t->out[i].used)
            end_outbound(t, &t->out[i]);
    if (t->listener >= 0)
        close(t->listener);
    repli__free(&mem, t);
}
