#include "alldata/node/state.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

/*
 * A node without threads: one descriptor for those of its parts, and a timer for when they have
 * something to do.
 */

static int watch(const alldata_node *node, int fd) {
    struct epoll_event wanted = {.events = EPOLLIN};
    return fd >= 0 && epoll_ctl(node->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

int32_t alldata__drive_open(alldata_node *node, repli_error *err) {
    const alldata_transport *transport = node->transport;
    node->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (node->epoll_fd >= 0)
        node->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (node->event_fd >= 0)
        node->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch(node, node->event_fd) && watch(node, node->timer_fd) &&
        watch(node, alldata_coordinator_fd(node->coordinator)) &&
        (node->gossip == NULL || watch(node, alldata_gossip_fd(node->gossip))) &&
        (transport == NULL || transport->fd == NULL || watch(node, transport->fd(transport->self))))
        return REPLI_OK;
    return repli__error(err, REPLI_EFULL, ALLDATA__NODE,
                        "cannot make the descriptors of a node: %s", strerror(errno));
}

void alldata__drive_close(alldata_node *node) {
    const int fds[] = {node->timer_fd, node->event_fd, node->epoll_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

void alldata__drive_ring(void *user_data) {
    const alldata_node *node = user_data;
    const uint64_t one = 1;
    const ssize_t written = write(node->event_fd, &one, sizeof(one));
    (void)written;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t due_ns(alldata_node *node) {
    const alldata_transport *transport = node->transport;
    uint64_t at_ns = alldata_storage_deadline(node->storage);
    at_ns = earlier(at_ns, repli__worker_due_ns(&node->chores));
    at_ns = earlier(at_ns, alldata_coordinator_deadline(node->coordinator));
    if (node->gossip != NULL)
        at_ns = earlier(at_ns, alldata_gossip_deadline(node->gossip));
    if (node->repair != NULL)
        at_ns = earlier(at_ns, alldata__repair_due_ns(node->repair));
    if (transport != NULL && transport->deadline != NULL)
        at_ns = earlier(at_ns, transport->deadline(transport->self));
    return at_ns;
}

/* A time that is past rings at once; 0 would be never. */
static void arm(alldata_node *node) {
    const uint64_t at_ns = due_ns(node);
    struct itimerspec at = {.it_value = {0, 0}};
    if (at_ns != UINT64_MAX) {
        at.it_value.tv_sec = (time_t)(at_ns / (uint64_t)REPLI__NS_PER_S);
        at.it_value.tv_nsec = (long)(at_ns % (uint64_t)REPLI__NS_PER_S) + (at_ns == 0);
    }
    timerfd_settime(node->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void drain(int fd) {
    uint64_t rings;
    const ssize_t got = read(fd, &rings, sizeof(rings));
    (void)got;
}

/* What has arrived comes first, so that it is not taken for late. */
static int32_t dispatch_parts(alldata_node *node, repli_error *err) {
    const alldata_transport *transport = node->transport;
    int32_t code = REPLI_OK;
    drain(node->event_fd);
    drain(node->timer_fd);
    if (transport != NULL && transport->dispatch != NULL)
        code = transport->dispatch(transport->self, err);
    if (code == REPLI_OK && node->gossip != NULL)
        code = alldata_gossip_dispatch(node->gossip, err);
    if (code == REPLI_OK)
        code = alldata_coordinator_dispatch(node->coordinator, err);
    if (code == REPLI_OK)
        code = alldata_storage_dispatch(node->storage, err);
    if (node->repair != NULL)
        alldata__repair_run(node->repair);
    repli__worker_run(&node->chores);
    arm(node);
    return code;
}

static int is_started(alldata_node *node) {
    pthread_mutex_lock(&node->mutex);
    const int started = node->started;
    pthread_mutex_unlock(&node->mutex);
    return started;
}

int32_t alldata_node_dispatch(alldata_node *node, repli_error *err) {
    int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    if (node->run_mode != ALLDATA_RUN_DISPATCH)
        return repli__error(err, REPLI_ESTATE, ALLDATA__NODE,
                            "this node has threads of its own: there is nothing to dispatch");
    if (!is_started(node))
        return repli__error(err, REPLI_ESTATE, ALLDATA__NODE, "this node was not started");
    if (pthread_mutex_trylock(&node->dispatching) != 0)
        return repli__error(err, REPLI_EBUSY, ALLDATA__NODE,
                            "this node is being dispatched already: by another thread, or by the "
                            "caller of the function that asks for it");
    code = dispatch_parts(node, err);
    pthread_mutex_unlock(&node->dispatching);
    return code;
}

int32_t alldata_node_fd(const alldata_node *node) {
    return alldata__owner_is_self(&node->owner) ? node->epoll_fd : -1;
}

uint64_t alldata_node_deadline(alldata_node *node) {
    if (!alldata__owner_is_self(&node->owner) || node->run_mode != ALLDATA_RUN_DISPATCH)
        return UINT64_MAX;
    return due_ns(node);
}
