#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "alldata-http/server.h"
#include "base/clock.h"
#include "base/error.h"

/* A server without threads, which its host drives. */

static int watch(const alldata_http_server *server, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The descriptor is readable from then on. */
static void arm(alldata_http_server *server, uint64_t due_ns) {
    struct itimerspec when = {0};
    atomic_store(&server->due_ns, due_ns);
    if (due_ns != UINT64_MAX) {
        const uint64_t ns = due_ns > 0 ? due_ns : 1;
        when.it_value.tv_sec = (time_t)(ns / (uint64_t)REPLI__NS_PER_S);
        when.it_value.tv_nsec = (long)(ns % (uint64_t)REPLI__NS_PER_S);
    }
    timerfd_settime(server->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Have the descriptor be readable, even if a turn is about to end. */
static void ring(void *user_data) {
    const alldata_http_server *server = user_data;
    repli__web_wake_all(server->web);
}

int32_t alldata__http_drive(alldata_http_server *server, repli_error *err) {
    int web_fd = -1;
    repli__worker_drive(&server->exporter.worker, ring, server);
    const int32_t code = repli__web_drive(server->web, &web_fd, err);
    if (code != REPLI_OK)
        return code;
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (server->epoll_fd < 0 || server->timer_fd < 0 || !watch(server, web_fd) ||
        !watch(server, server->timer_fd))
        return repli__error(err, REPLI_EIO, ALLDATA__HTTP_ORIGIN,
                            "cannot make the descriptors of a server: %s", strerror(errno));
    arm(server, 0);
    return REPLI_OK;
}

void alldata__http_drive_end(alldata_http_server *server, uint64_t deadline_ns) {
    while (!repli__web_stopped(server->web) && repli__mono_ns() < deadline_ns) {
        /* It has what requests wait for, unless it has threads. */
        alldata_node_dispatch(server->node, NULL);
        const uint64_t due_ns = repli__web_turn(server->web);
        if (due_ns == 0)
            continue;
        struct epoll_event event;
        epoll_wait(server->epoll_fd, &event, 1, 1);
    }
}

void alldata__http_drive_close(alldata_http_server *server) {
    if (server->timer_fd >= 0)
        close(server->timer_fd);
    if (server->epoll_fd >= 0)
        close(server->epoll_fd);
}

int32_t alldata_http_server_fd(const alldata_http_server *server) {
    return server->owner == getpid() ? server->epoll_fd : -1;
}

uint64_t alldata_http_server_deadline(const alldata_http_server *server) {
    return server->driven ? atomic_load(&server->due_ns) : UINT64_MAX;
}

int32_t alldata_http_server_dispatch(alldata_http_server *server, repli_error *err) {
    uint64_t expirations;
    if (server->owner != getpid())
        return repli__error(err, REPLI_EFORK, ALLDATA__HTTP_ORIGIN,
                            "the server belongs to the parent process");
    if (!server->driven)
        return repli__error(err, REPLI_ESTATE, ALLDATA__HTTP_ORIGIN,
                            "the server has threads of its own");
    const ssize_t got = read(server->timer_fd, &expirations, sizeof(expirations));
    (void)got;
    const uint64_t due_ns = repli__web_turn(server->web);
    repli__worker_run(&server->exporter.worker);
    const uint64_t export_ns = repli__worker_due_ns(&server->exporter.worker);
    arm(server, due_ns < export_ns ? due_ns : export_ns);
    return REPLI_OK;
}
