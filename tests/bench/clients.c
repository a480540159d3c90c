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

enum { MOST = 64, ANSWER_SIZE = 64 * 1024 };

typedef struct client {
    int fd;
    size_t used;
    size_t whole; /* bytes of the answer; 0: not known yet */
    char answer[ANSWER_SIZE];
} client;

struct clients {
    int epoll_fd;
    int count;
    const char *request;
    size_t size;
    client each[];
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void ask(clients *all, client *one) {
    one->used = 0;
    one->whole = 0;
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

clients *clients_new(int port, int count, const char *request, size_t size) {
    clients *all = calloc(1, sizeof(*all) + (size_t)count * sizeof(client));
    if (all == NULL)
        fail("calloc");
    all->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    all->count = count;
    all->request = request;
    all->size = size;
    for (int i = 0; i < count; i++)
        open_client(all, &all->each[i], port);
    return all;
}

void clients_free(clients *all) {
    for (int i = 0; i < all->count; i++)
        close(all->each[i].fd);
    close(all->epoll_fd);
    free(all);
}

/* The length of the whole answer, once its headers are there. */
static size_t whole_of(const client *one) {
    const char *body = strstr(one->answer, "\r\n\r\n");
    if (body == NULL)
        return 0;
    const char *length = strcasestr(one->answer, "\r\ncontent-length:");
    if (strncmp(one->answer, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > body) {
        fprintf(stderr, "no good answer: %s\n", one->answer);
        exit(1);
    }
    return (size_t)(body + 4 - one->answer) + strtoul(length + 17, NULL, 10);
}

/* Not 0 once the answer is complete. */
static int receive(client *one) {
    const ssize_t got =
        recv(one->fd, one->answer + one->used, sizeof(one->answer) - 1 - one->used, MSG_DONTWAIT);
    if (got <= 0)
        fail("recv");
    one->used += (size_t)got;
    one->answer[one->used] = '\0';
    if (one->whole == 0)
        one->whole = whole_of(one);
    return one->whole != 0 && one->used >= one->whole;
}

double clients_run(clients *all, uint64_t until_ns) {
    struct epoll_event events[MOST];
    uint64_t answers = 0;
    int waiting = all->count;
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
            if (!receive(events[i].data.ptr))
                continue;
            answers++;
            if (now_ns < until_ns)
                ask(all, events[i].data.ptr);
            else
                waiting--;
        }
    }
    return (double)answers * 1e9 / (double)(now_ns - since_ns);
}
