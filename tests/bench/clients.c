#include "clients.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "figures.h"

enum { MOST = 64, ANSWER_SIZE = 64 * 1024 };

typedef struct client {
    int fd;
    size_t used;
    size_t whole; /* bytes of the answer; 0: not known yet */
    uint64_t since_ns;
    char answer[ANSWER_SIZE];
} client;

struct clients {
    int epoll_fd;
    int count;
    const char *request;
    size_t size;
    char status[16];   /* how the line begins that is expected */
    double *latencies; /* ms, of the last run */
    size_t latency_count, latency_room;
    client each[];
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void ask(clients *all, client *one) {
    one->used = 0;
    one->whole = 0;
    one->since_ns = repli__mono_ns();
    if (send(one->fd, all->request, all->size, MSG_NOSIGNAL) != (ssize_t)all->size)
        fail("send");
}

static void open_client(clients *all, client *one, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, one->fd, &event) != 0)
        fail("epoll_ctl");
}

clients *clients_new_of(const int *ports, int port_count, int count, const char *request,
                        size_t size, int status) {
    clients *all = calloc(1, sizeof(*all) + (size_t)count * sizeof(client));
    if (all == NULL)
        fail("calloc");
    all->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    all->count = count;
    all->request = request;
    all->size = size;
    snprintf(all->status, sizeof(all->status), "HTTP/1.1 %d ", status);
    for (int i = 0; i < count; i++)
        open_client(all, &all->each[i], ports[i % port_count]);
    return all;
}

clients *clients_new(int port, int count, const char *request, size_t size) {
    return clients_new_of(&port, 1, count, request, size, 200);
}

void clients_free(clients *all) {
    for (int i = 0; i < all->count; i++)
        close(all->each[i].fd);
    close(all->epoll_fd);
    free(all->latencies);
    free(all);
}

double clients_latency_ms(clients *all, double part) {
    return figures_quantile(all->latencies, all->latency_count, part);
}

static void note_latency(clients *all, const client *one, uint64_t now_ns) {
    if (all->latency_count == all->latency_room) {
        all->latency_room = all->latency_room * 2 + 65536;
        all->latencies = realloc(all->latencies, all->latency_room * sizeof(double));
        if (all->latencies == NULL)
            fail("realloc");
    }
    all->latencies[all->latency_count++] = (double)(now_ns - one->since_ns) / 1e6;
}

/* The length of the whole answer, once its headers are there. */
static size_t whole_of(const clients *all, const client *one) {
    const char *body = strstr(one->answer, "\r\n\r\n");
    if (body == NULL)
        return 0;
    const char *length = strcasestr(one->answer, "\r\ncontent-length:");
    if (strncmp(one->answer, all->status, strlen(all->status)) != 0 || length == NULL ||
        length > body) {
        fprintf(stderr, "no good answer: %s\n", one->answer);
        exit(1);
    }
    return (size_t)(body + 4 - one->answer) + strtoul(length + 17, NULL, 10);
}

/* Not 0 once the answer is complete. */
static int receive(const clients *all, client *one) {
    const ssize_t got =
        recv(one->fd, one->answer + one->used, sizeof(one->answer) - 1 - one->used, MSG_DONTWAIT);
    if (got <= 0)
        fail("recv");
    one->used += (size_t)got;
    one->answer[one->used] = '\0';
    if (one->whole == 0)
        one->whole = whole_of(all, one);
    return one->whole != 0 && one->used >= one->whole;
}

double clients_run(clients *all, uint64_t until_ns) {
    struct epoll_event events[MOST];
    uint64_t answers = 0;
    int waiting = all->count;
    all->latency_count = 0;
    const uint64_t since_ns = repli__mono_ns();
    for (int i = 0; i < all->count; i++)
        ask(all, &all->each[i]);
    uint64_t now_ns = since_ns;
    while (waiting > 0) {
        const int count = epoll_wait(all->epoll_fd, events, MOST, 10000);
        if (count <= 0)
            fail("no answer");
        now_ns = repli__mono_ns();
        for (int i = 0; i < count; i++) {
            if (!receive(all, events[i].data.ptr))
                continue;
            answers++;
            note_latency(all, events[i].data.ptr, now_ns);
            if (now_ns < until_ns)
                ask(all, events[i].data.ptr);
            else
                waiting--;
        }
    }
    return (double)answers * 1e9 / (double)(now_ns - since_ns);
}
