#include "alldata-http/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/thread.h"

#define ORIGIN "alldata.http"

enum { MAX_CONNECTIONS = 4, CONNECT_MS = 2000, TIMEOUT_MS = 5000, MAX_REPLY = 65536, EVENTS = 64 };

static int is_forked(const alldata__transport *t) {
    return getpid() != t->pid;
}

static int32_t refuse_fork(repli_error *err) {
    return repli__error(err, REPLI_EFORK, ORIGIN,
                        "this transport belongs to the parent process; a child makes one of its "
                        "own");
}

/* Calls. */

void alldata__items_add(alldata__items *items, alldata__item *item) {
    item->next = NULL;
    if (items->last != NULL)
        items->last->next = item;
    else
        items->first = item;
    items->last = item;
}

void alldata__transport_reply(alldata__transport *t, alldata__item *item,
                              const alldata_reply *reply) {
    const alldata_call call = item->call;
    repli__free(&t->mem, item);
    call.reply(call.user_data, reply);
}

void alldata__transport_fail(alldata__transport *t, alldata__item *item, const repli_error *why) {
    alldata_reply reply = ALLDATA_REPLY_INIT;
    reply.error = why;
    alldata__transport_reply(t, item, &reply);
}

/* Both become part of a request line or a header. */
static int is_host(const char *host) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._:";
    return host != NULL && host[0] != '\0' && host[strspn(host, allowed)] == '\0';
}

static int is_path(const char *path) {
    if (path == NULL || path[0] != '/')
        return 0;
    for (const char *c = path; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '#')
            return 0;
    return 1;
}

static int32_t check_call(const alldata_call *call, repli_error *err) {
    const char *wrong = NULL;
    if (!is_host(call->host))
        wrong = "its host is neither a name nor an address";
    else if (call->port < 1 || call->port > 65535)
        wrong = "its port is none from 1 to 65535";
    else if (call->method == NULL ||
             (strcmp(call->method, "GET") != 0 && strcmp(call->method, "POST") != 0))
        wrong = "its method is neither GET nor POST";
    else if (!is_path(call->path))
        wrong = "its path does not begin with a slash, or has characters that must be encoded";
    else if (call->reply == NULL)
        wrong = "nobody takes the reply";
    return wrong == NULL
               ? REPLI_OK
               : repli__error(err, REPLI_EINVALID, ORIGIN, "cannot begin a call: %s", wrong);
}

static void ring(const alldata__transport *t) {
    const uint64_t one = 1;
    const ssize_t written = write(t->event_fd, &one, sizeof(one));
    (void)written;
}

/* The queue is unlocked. */
static void wake(alldata__transport *t) {
    const int asleep = t->asleep;
    t->asleep = 0;
    t->due_ns = 0;
    pthread_mutex_unlock(&t->queue_mutex);
    if (asleep)
        ring(t);
}

static void enqueue(alldata__transport *t, alldata__item *item) {
    pthread_mutex_lock(&t->queue_mutex);
    alldata__items_add(&t->queue, item);
    wake(t);
}

static int32_t transport_begin(void *self, const alldata_call *call, repli_error *err) {
    alldata__transport *t = self;
    if (is_forked(t))
        return refuse_fork(err);
    if (atomic_load(&t->stopping))
        return repli__error(err, REPLI_ESTATE, ORIGIN,
                            "cannot begin a call: the transport is being freed");
    alldata__item *item = repli__alloc(&t->mem, sizeof(*item));
    if (item == NULL)
        return repli__error_nomem(err, ORIGIN, "beginning a call");
    item->given_up = 0;
    repli__sized_copy(&item->call, sizeof(item->call), call);
    const int32_t code = check_call(&item->call, err);
    if (code != REPLI_OK) {
        repli__free(&t->mem, item);
        return code;
    }
    if (item->call.timeout_ms == 0)
        item->call.timeout_ms = TIMEOUT_MS;
    if (item->call.max_reply == 0)
        item->call.max_reply = MAX_REPLY;
    if (item->call.timeout_ms > INT32_MAX)
        item->call.timeout_ms = INT32_MAX;
    item->deadline_ns = repli__deadline_ns((int64_t)item->call.timeout_ms);
    enqueue(t, item);
    return REPLI_OK;
}

/* Turns. */

static void enter(alldata__transport *t) {
    pthread_mutex_lock(&t->gate);
    pthread_mutex_lock(&t->turn);
    pthread_mutex_unlock(&t->gate);
}

/* The timer is only ever set to an earlier time: deadlines are far away, and most are never met. */
static void arm(alldata__transport *t, uint64_t due_ns) {
    if (t->timer_fd < 0 || due_ns >= t->armed_ns)
        return;
    const uint64_t at_ns = due_ns > 0 ? due_ns : 1;
    const struct itimerspec at = {
        .it_value = {.tv_sec = (time_t)(at_ns / (uint64_t)REPLI__NS_PER_S),
                     .tv_nsec = (long)(at_ns % (uint64_t)REPLI__NS_PER_S)}};
    timerfd_settime(t->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    t->armed_ns = due_ns;
}

/* What came to the queue meanwhile is for the next turn, so that this one ends. */
static void leave(alldata__transport *t) {
    uint64_t due_ns = alldata__turn_due(t);
    pthread_mutex_lock(&t->queue_mutex);
    t->asleep = t->queue.first == NULL && t->fresh == NULL;
    if (!t->asleep)
        due_ns = 0;
    t->due_ns = due_ns;
    pthread_mutex_unlock(&t->queue_mutex);
    arm(t, due_ns);
    pthread_mutex_unlock(&t->turn);
}

/* The event needs not be reset, since only its edges count. */
static void take_turn(alldata__transport *t, struct epoll_event *events, int count) {
    int sockets = 0;
    int timed = 0;
    for (int i = 0; i < count; i++) {
        timed |= events[i].data.fd == t->timer_fd;
        if (events[i].data.fd != t->event_fd && events[i].data.fd != t->timer_fd)
            events[sockets++] = events[i];
    }
    enter(t);
    if (timed) {
        uint64_t times;
        const ssize_t size = read(t->timer_fd, &times, sizeof(times));
        (void)size;
        t->armed_ns = UINT64_MAX;
    }
    alldata__turn(t, events, sockets);
    leave(t);
}

static uint64_t due_ns(alldata__transport *t) {
    pthread_mutex_lock(&t->queue_mutex);
    const uint64_t due_ns = t->due_ns;
    pthread_mutex_unlock(&t->queue_mutex);
    return due_ns;
}

static int wait_ms(alldata__transport *t) {
    const uint64_t at_ns = due_ns(t);
    const uint64_t now_ns = repli__mono_ns();
    if (at_ns == UINT64_MAX)
        return -1;
    if (at_ns <= now_ns)
        return 0;
    const uint64_t ms = (at_ns - now_ns + REPLI__NS_PER_MS - 1) / REPLI__NS_PER_MS;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void *run(void *argument) {
    alldata__transport *t = argument;
    struct epoll_event events[EVENTS];
    while (!atomic_load(&t->stopping)) {
        const int count = epoll_wait(t->epoll_fd, events, EVENTS, wait_ms(t));
        take_turn(t, events, count > 0 ? count : 0);
    }
    return NULL;
}

static void transport_cancel(void *self, void *user_data) {
    alldata__transport *t = self;
    if (is_forked(t))
        return;
    enter(t);
    alldata__turn_cancel(t, user_data, 0);
    leave(t);
    /* Others may have begun instead. */
    if (t->started)
        ring(t);
}

static int32_t transport_fd(void *self) {
    const alldata__transport *t = self;
    return is_forked(t) ? -1 : t->epoll_fd;
}

static uint64_t transport_deadline(void *self) {
    alldata__transport *t = self;
    return is_forked(t) ? UINT64_MAX : due_ns(t);
}

static int32_t transport_dispatch(void *self, repli_error *err) {
    alldata__transport *t = self;
    if (is_forked(t))
        return refuse_fork(err);
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(t->epoll_fd, events, EVENTS, 0);
    take_turn(t, events, count > 0 ? count : 0);
    return REPLI_OK;
}

/* Life. */

static int32_t check_options(const alldata_http_transport_options *options, repli_error *err) {
    if (options->run_mode == ALLDATA_RUN_THREADS || options->run_mode == ALLDATA_RUN_DISPATCH)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ORIGIN, "run_mode is %d, which is no ALLDATA_RUN_*",
                        (int)options->run_mode);
}

static int watch(const alldata__transport *t, int fd, uint32_t events) {
    struct epoll_event wanted = {.events = events, .data.fd = fd};
    return fd >= 0 && epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

static int32_t open_descriptors(alldata__transport *t, repli_error *err) {
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll_fd >= 0)
        t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->event_fd >= 0 && t->run_mode == ALLDATA_RUN_DISPATCH)
        t->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch(t, t->event_fd, EPOLLIN | EPOLLET) &&
        (t->run_mode == ALLDATA_RUN_THREADS || watch(t, t->timer_fd, EPOLLIN)))
        return REPLI_OK;
    return repli__error(err, REPLI_EFULL, ORIGIN, "cannot make the descriptors of a transport: %s",
                        strerror(errno));
}

static void set_face(alldata__transport *t) {
    t->face = (alldata_transport){.struct_size = sizeof(t->face),
                                  .self = t,
                                  .begin = transport_begin,
                                  .cancel = transport_cancel};
    if (t->run_mode == ALLDATA_RUN_THREADS)
        return;
    t->face.fd = transport_fd;
    t->face.deadline = transport_deadline;
    t->face.dispatch = transport_dispatch;
}

static void dispose(alldata__transport *t) {
    const repli__mem mem = t->mem;
    const int fds[] = {t->epoll_fd, t->event_fd, t->timer_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    pthread_mutex_destroy(&t->queue_mutex);
    pthread_mutex_destroy(&t->gate);
    pthread_mutex_destroy(&t->turn);
    repli__free(&mem, t);
}

static alldata__transport *create(const repli_allocator *allocator) {
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    alldata__transport *t = repli__calloc(&mem, 1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->mem = mem;
    t->pid = getpid();
    t->epoll_fd = t->event_fd = t->timer_fd = -1;
    t->due_ns = t->waiting_due_ns = t->armed_ns = UINT64_MAX;
    t->asleep = 1;
    pthread_mutex_init(&t->queue_mutex, NULL);
    pthread_mutex_init(&t->gate, NULL);
    pthread_mutex_init(&t->turn, NULL);
    return t;
}

int32_t alldata_http_transport_new(const alldata_http_transport_options *options,
                                   const repli_allocator *allocator,
                                   alldata_transport **ret_transport, repli_error *err) {
    static const alldata_http_transport_options defaults = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    alldata_http_transport_options own;
    repli__sized_copy(&own, sizeof(own), options != NULL ? options : &defaults);
    int32_t code = check_options(&own, err);
    if (code != REPLI_OK)
        return code;
    alldata__transport *t = create(allocator);
    if (t == NULL)
        return repli__error_nomem(err, ORIGIN, "making a transport");
    t->run_mode = own.run_mode;
    t->max_connections = own.max_connections > 0 ? own.max_connections : MAX_CONNECTIONS;
    t->connect_timeout_ms = own.connect_timeout_ms > 0 ? own.connect_timeout_ms : CONNECT_MS;
    set_face(t);
    code = alldata__pool_new(t, own.security, &t->pools, err);
    if (code == REPLI_OK)
        code = open_descriptors(t, err);
    if (code == REPLI_OK && t->run_mode == ALLDATA_RUN_THREADS) {
        code = repli__thread_start(&t->thread, "alldata-calls", run, t, err);
        t->started = code == REPLI_OK;
    }
    if (code != REPLI_OK) {
        alldata__turn_dispose(t);
        dispose(t);
        return code;
    }
    *ret_transport = &t->face;
    return REPLI_OK;
}

int32_t alldata_http_transport_reload(alldata_transport *transport,
                                      const alldata_http_security *security, repli_error *err) {
    if (transport == NULL || transport->begin != transport_begin)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "this is no transport of alldata_http_transport_new()");
    alldata__transport *t = transport->self;
    if (is_forked(t))
        return refuse_fork(err);
    alldata__pool *fresh;
    const int32_t code = alldata__pool_new(t, security, &fresh, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&t->queue_mutex);
    alldata__pool *unused = t->fresh;
    t->fresh = fresh;
    wake(t);
    alldata__pool_free(unused);
    return REPLI_OK;
}

void alldata_http_transport_free(alldata_transport *transport) {
    if (transport == NULL)
        return;
    alldata__transport *t = transport->self;
    if (!is_forked(t)) {
        atomic_store(&t->stopping, 1);
        if (t->started) {
            ring(t);
            repli__thread_join_until(t->thread, UINT64_MAX);
        }
        enter(t);
        alldata__turn_cancel(t, NULL, 1);
        pthread_mutex_unlock(&t->turn);
    }
    alldata__turn_dispose(t);
    dispose(t);
}
