#include "peer.h"

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 64, REQUEST = 4 * 1024 * 1024, ANSWER = 1024 * 1024 };

typedef struct line {
    int fd;
    int number;
    char *text;
    size_t size;
} line;

struct peer {
    int listener;
    int event_fd;
    int port;
    peer_fn fn;
    void *user_data;
    pthread_t thread;
    atomic_int connections;
    atomic_int requests;
    atomic_int cutting;
    atomic_int stopping;
    line lines[MOST];
    char answer[ANSWER];
};

static void end_line(line *at) {
    close(at->fd);
    free(at->text);
    *at = (line){.fd = -1};
}

static void send_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        size -= (size_t)sent;
    }
}

/* Answer the request that begins here; its size, or 0 if it is not whole. */
static size_t answer_one(peer *self, line *at) {
    char method[16];
    char path[1024];
    char number[32];
    const char *head_end = strstr(at->text, "\r\n\r\n");
    if (head_end == NULL || sscanf(at->text, "%15s %1023s", method, path) != 2)
        return 0;
    const peer_request head = {.headers = at->text};
    const size_t body_size =
        (size_t)atol(peer_header(&head, "Content-Length", number, sizeof(number)));
    const size_t head_size = (size_t)(head_end + 4 - at->text);
    if (at->size < head_size + body_size)
        return 0;
    const peer_request request = {.method = method,
                                  .path = path,
                                  .headers = at->text,
                                  .body = at->text + head_size,
                                  .body_size = body_size,
                                  .connection = at->number,
                                  .number = atomic_fetch_add(&self->requests, 1) + 1};
    self->answer[0] = '\0';
    const int what = self->fn(self->user_data, &request, self->answer, sizeof(self->answer));
    if (what != PEER_HANG)
        send_all(at->fd, self->answer, strlen(self->answer));
    if (what == PEER_CLOSE)
        end_line(at);
    return head_size + body_size;
}

static void read_line(peer *self, line *at) {
    const ssize_t size = recv(at->fd, at->text + at->size, REQUEST - 1 - at->size, 0);
    if (size <= 0) {
        end_line(at);
        return;
    }
    at->size += (size_t)size;
    at->text[at->size] = '\0';
    for (size_t used; at->fd >= 0 && (used = answer_one(self, at)) > 0;) {
        if (at->fd < 0)
            return;
        memmove(at->text, at->text + used, at->size - used + 1);
        at->size -= used;
    }
}

static void accept_line(peer *self) {
    const int fd = accept(self->listener, NULL, NULL);
    for (int i = 0; i < MOST && fd >= 0; i++) {
        if (self->lines[i].fd >= 0)
            continue;
        self->lines[i] = (line){.fd = fd, .text = malloc(REQUEST)};
        self->lines[i].number = atomic_fetch_add(&self->connections, 1) + 1;
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void look(peer *self) {
    struct pollfd fds[MOST + 2];
    fds[MOST] = (struct pollfd){.fd = self->listener, .events = POLLIN};
    fds[MOST + 1] = (struct pollfd){.fd = self->event_fd, .events = POLLIN};
    for (int i = 0; i < MOST; i++)
        fds[i] = (struct pollfd){.fd = self->lines[i].fd, .events = POLLIN};
    poll(fds, MOST + 2, -1);
    for (int i = 0; i < MOST; i++)
        if (self->lines[i].fd >= 0 && fds[i].revents != 0)
            read_line(self, &self->lines[i]);
    if (fds[MOST].revents != 0)
        accept_line(self);
    if (fds[MOST + 1].revents != 0) {
        uint64_t value;
        ck_assert_int_eq(read(self->event_fd, &value, sizeof(value)), sizeof(value));
    }
    if (!atomic_exchange(&self->cutting, 0) && !atomic_load(&self->stopping))
        return;
    for (int i = 0; i < MOST; i++)
        if (self->lines[i].fd >= 0)
            end_line(&self->lines[i]);
}

static void *serve(void *argument) {
    peer *self = argument;
    while (!atomic_load(&self->stopping))
        look(self);
    return NULL;
}

static int listen_on_port(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int listen_on_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

peer *peer_start(const char *unix_path, peer_fn fn, void *user_data) {
    peer *self = calloc(1, sizeof(*self));
    ck_assert_ptr_nonnull(self);
    self->fn = fn;
    self->user_data = user_data;
    self->event_fd = eventfd(0, EFD_CLOEXEC);
    for (int i = 0; i < MOST; i++)
        self->lines[i].fd = -1;
    self->listener = unix_path != NULL ? listen_on_path(unix_path) : listen_on_port(&self->port);
    ck_assert_int_eq(listen(self->listener, 64), 0);
    ck_assert_int_eq(pthread_create(&self->thread, NULL, serve, self), 0);
    return self;
}

int peer_port(const peer *self) {
    return self->port;
}

int peer_connections(peer *self) {
    return atomic_load(&self->connections);
}

int peer_requests(peer *self) {
    return atomic_load(&self->requests);
}

static void ring(const peer *self) {
    const uint64_t one = 1;
    ck_assert_int_eq(write(self->event_fd, &one, sizeof(one)), sizeof(one));
}

void peer_cut(peer *self) {
    atomic_store(&self->cutting, 1);
    ring(self);
    while (atomic_load(&self->cutting))
        usleep(1000);
}

void peer_stop(peer *self) {
    if (self == NULL)
        return;
    atomic_store(&self->stopping, 1);
    ring(self);
    pthread_join(self->thread, NULL);
    close(self->listener);
    close(self->event_fd);
    free(self);
}

int peer_free_port(void) {
    int port;
    close(listen_on_port(&port));
    return port;
}

const char *peer_header(const peer_request *request, const char *name, char *to, size_t size) {
    const size_t length = strlen(name);
    to[0] = '\0';
    for (const char *at = strstr(request->headers, "\r\n"); at != NULL && at[2] != '\r';
         at = strstr(at + 2, "\r\n")) {
        const char *value = at + 2 + length;
        if (strncasecmp(at + 2, name, length) != 0 || *value != ':')
            continue;
        value += 1 + strspn(value + 1, " ");
        snprintf(to, size, "%.*s", (int)strcspn(value, "\r"), value);
        return to;
    }
    return to;
}
