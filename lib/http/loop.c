#include "http/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

enum {
    EVENTS = 64,
    ACCEPTS_AT_ONCE = 16,
    /* Kept for /health and the UNIX socket: a crowd at the API must not make the agent look dead,
     * nor lock its operator out. */
    RESERVED = 8,
    NO_DESCRIPTORS_PAUSE_MS = 100
};

/* Watching. */

static int watch(repli__http_loop *loop, int fd, void *source) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

int32_t repli__http_loop_add(repli__http_loop *loop, repli__http_daemon *daemon, repli_error *err) {
    if (!watch(loop, daemon->epoll_fd, daemon))
        return repli__error(err, REPLI_EIO, "http", "cannot watch connections: %s",
                            strerror(errno));
    return REPLI_OK;
}

void repli__http_loop_arm(repli__http_loop *loop, uint64_t deadline_ns) {
    if (deadline_ns < loop->next_deadline_ns)
        loop->next_deadline_ns = deadline_ns;
}

/* Accepting. */

static int has_room(const repli__http_loop *loop, const repli__http_listener *listener) {
    const uint32_t most = loop->settings.max_connections;
    if (listener->kind != REPLI__HTTP_API || !loop->reserves)
        return loop->connection_count < most;
    return loop->connection_count < most - (most / 4 < RESERVED ? most / 4 : RESERVED);
}

/* Watch those listeners whose connections could be taken; the others' wait in the kernel. */
static void watch_listeners(repli__http_loop *loop) {
    loop->recheck = 0;
    loop->paused = 0;
    for (size_t i = 0; i < loop->listeners.count; i++) {
        repli__http_listener *listener = &loop->listeners.items[i];
        const int watched = loop->accepts_again_ns == 0 && has_room(loop, listener);
        if (watched != listener->watched) {
            struct epoll_event event = {.events = watched ? EPOLLIN : 0, .data.ptr = listener};
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, listener->fd, &event);
            listener->watched = watched;
        }
        loop->paused |= !watched;
    }
}

/* The connection that has been between two requests for longest. */
static repli__http_connection *idlest(const repli__http_loop *loop) {
    repli__http_connection *found = NULL;
    for (repli__http_connection *at = loop->connections; at != NULL; at = at->next)
        if (at->phase == REPLI__HTTP_IDLE && (found == NULL || at->since_ns < found->since_ns))
            found = at;
    return found;
}

/* Make room at the cost of someone who only keeps a connection open, or wait until one closes. */
static void make_room(repli__http_loop *loop) {
    repli__http_connection *idle = idlest(loop);
    if (idle != NULL)
        repli__http_connection_cut(idle);
    else
        loop->recheck = 1;
}

static void pause_accepting(repli__http_loop *loop) {
    loop->accepts_again_ns = loop->now_ns + NO_DESCRIPTORS_PAUSE_MS * (uint64_t)REPLI__NS_PER_MS;
    loop->recheck = 1;
    repli__http_loop_arm(loop, loop->accepts_again_ns);
}

static int out_of_resources(int failed) {
    return failed == EMFILE || failed == ENFILE || failed == ENOBUFS || failed == ENOMEM;
}

static void serve(repli__http_loop *loop, const repli__http_listener *listener, int fd,
                  const struct sockaddr_storage *peer, socklen_t size) {
    repli__http_daemon *daemon =
        loop->tls != NULL && listener->kind == REPLI__HTTP_API ? loop->tls : loop->plain;
    loop->accepted_by = listener;
    loop->accepted_for = daemon;
    loop->accepted_fd = fd;
    daemon->ready = 1;
    /* Closes fd if it fails. */
    MHD_add_connection(daemon->mhd, fd, (const struct sockaddr *)peer, size);
}

static void accept_some(repli__http_loop *loop, const repli__http_listener *listener) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (!has_room(loop, listener)) {
            make_room(loop);
            return;
        }
        struct sockaddr_storage peer;
        socklen_t size = sizeof(peer);
        const int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            serve(loop, listener, fd, &peer, size);
        } else if (errno != ECONNABORTED && errno != EINTR) {
            if (out_of_resources(errno))
                pause_accepting(loop);
            return;
        }
    }
}

/* Time. */

static void expire_connections(repli__http_loop *loop) {
    for (repli__http_connection *at = loop->connections; at != NULL; at = at->next) {
        if (at->deadline_ns <= loop->now_ns && at->phase == REPLI__HTTP_QUIET)
            repli__http_stream_beat(at);
        else if (at->deadline_ns <= loop->now_ns)
            repli__http_connection_cut(at);
        else
            repli__http_loop_arm(loop, at->deadline_ns);
    }
}

static void expire(repli__http_loop *loop) {
    if (loop->next_deadline_ns <= loop->now_ns) {
        loop->next_deadline_ns = repli__http_lingerers_expire(&loop->lingerers, loop->now_ns);
        if (loop->accepts_again_ns > loop->now_ns)
            repli__http_loop_arm(loop, loop->accepts_again_ns);
        expire_connections(loop);
    }
    if (loop->accepts_again_ns != 0 && loop->accepts_again_ns <= loop->now_ns) {
        loop->accepts_again_ns = 0;
        loop->recheck = 1;
    }
}

static int run_at_once(const repli__http_loop *loop) {
    for (const repli__http_daemon *daemon = loop->daemons; daemon != NULL; daemon = daemon->next)
        if (daemon->ready)
            return 1;
    return 0;
}

/* When something is due; 0: at once. */
static uint64_t due_ns(repli__http_loop *loop) {
    if (run_at_once(loop) || (loop->driven && repli__http_worker_waits(&loop->worker)))
        return 0;
    if (loop->stopping && loop->stop_deadline_ns < loop->next_deadline_ns)
        return loop->stop_deadline_ns;
    return loop->next_deadline_ns;
}

/* Milliseconds until then, rounded up. */
static int timeout_of(repli__http_loop *loop) {
    const uint64_t next_ns = due_ns(loop);
    if (next_ns == UINT64_MAX)
        return -1;
    const uint64_t now_ns = next_ns > 0 ? repli__mono_ns() : 0;
    if (next_ns <= now_ns)
        return 0;
    const uint64_t ms = (next_ns - now_ns) / (uint64_t)REPLI__NS_PER_MS + 1;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* Daemons. */

static void push_daemon(repli__http_loop *loop, repli__http_daemon *daemon) {
    if (daemon == NULL)
        return;
    daemon->next = loop->daemons;
    loop->daemons = daemon;
}

static void run_daemon(repli__http_daemon *daemon) {
    if (!daemon->ready)
        return;
    MHD_run(daemon->mhd);
    MHD_UNSIGNED_LONG_LONG ms;
    daemon->ready = MHD_get_timeout(daemon->mhd, &ms) == MHD_YES && ms == 0;
}

/* Run those that have something to do, and drop those that were replaced and are done. */
static void run_daemons(repli__http_loop *loop) {
    repli__http_daemon **link = &loop->daemons;
    while (*link != NULL) {
        repli__http_daemon *daemon = *link;
        run_daemon(daemon);
        if (daemon->replaced && daemon->connections == 0) {
            *link = daemon->next;
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, daemon->epoll_fd, NULL);
            repli__http_daemon_free(daemon);
        } else {
            link = &daemon->next;
        }
    }
}

static void deliver_answers(repli__http_loop *loop) {
    repli__http_exchange *next = repli__http_mailbox_take(loop->mailbox);
    while (next != NULL) {
        repli__http_exchange *exchange = next;
        next = exchange->next;
        if (exchange->connection != NULL)
            repli__http_connection_resume(exchange->connection);
        repli__http_exchange_unref(exchange);
    }
}

/* Orders. */

static void begin_to_stop(repli__http_loop *loop) {
    /* What has arrived has begun. */
    for (repli__http_daemon *daemon = loop->daemons; daemon != NULL; daemon = daemon->next)
        daemon->ready = 1;
    run_daemons(loop);
    loop->stopping = 1;
    repli__http_listeners_close(&loop->listeners);
    repli__http_streams_stop(loop);
    for (repli__http_connection *at = loop->connections; at != NULL; at = at->next)
        if (at->phase == REPLI__HTTP_OPENING || at->phase == REPLI__HTTP_IDLE)
            repli__http_connection_cut(at);
}

static void replace_tls(repli__http_loop *loop, repli__http_daemon *tls) {
    if (loop->tls != NULL)
        loop->tls->replaced = 1;
    loop->tls = tls;
    push_daemon(loop, tls);
}

static void obey(repli__http_loop *loop) {
    pthread_mutex_lock(&loop->mutex);
    const repli__http_order *order = loop->order;
    if (order != NULL && order->settings != NULL) {
        loop->settings = *order->settings;
        replace_tls(loop, order->tls);
        loop->recheck = 1;
    }
    if (order != NULL && order->stop) {
        loop->stop_deadline_ns = order->stop_deadline_ns;
        begin_to_stop(loop);
    }
    loop->order = NULL;
    pthread_cond_signal(&loop->obeyed);
    pthread_mutex_unlock(&loop->mutex);
}

static void obey_now(repli__http_loop *loop, const repli__http_order *order) {
    pthread_mutex_lock(&loop->turning);
    loop->now_ns = repli__mono_ns();
    loop->order = order;
    obey(loop);
    pthread_mutex_unlock(&loop->turning);
    /* What there is to do now is due at once. */
    repli__http_mailbox_ring(loop->mailbox);
}

void repli__http_loop_order(repli__http_loop *loop, const repli__http_order *order) {
    if (loop->driven) {
        obey_now(loop, order);
        return;
    }
    pthread_mutex_lock(&loop->mutex);
    loop->order = order;
    repli__http_mailbox_ring(loop->mailbox);
    while (loop->order != NULL)
        pthread_cond_wait(&loop->obeyed, &loop->mutex);
    pthread_mutex_unlock(&loop->mutex);
}

/* Turns. */

static void handle_event(repli__http_loop *loop, void *source) {
    switch (*(const repli__http_source *)source) {
    case REPLI__HTTP_SOURCE_LISTENER:
        if (!loop->stopping)
            accept_some(loop, source);
        break;
    case REPLI__HTTP_SOURCE_DAEMON: ((repli__http_daemon *)source)->ready = 1; break;
    case REPLI__HTTP_SOURCE_MAILBOX: loop->rung = 1; break;
    case REPLI__HTTP_SOURCE_LINGERER: repli__http_lingerer_read(source); break;
    }
}

static int done(const repli__http_loop *loop) {
    return loop->stopping &&
           (loop->connection_count == 0 || loop->stop_deadline_ns <= loop->now_ns);
}

/* Wait for something to happen, and deal with it. */
static void turn(repli__http_loop *loop, int timeout_ms) {
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(loop->epoll_fd, events, EVENTS, timeout_ms);
    loop->now_ns = repli__mono_ns();
    for (int i = 0; i < count; i++)
        handle_event(loop, events[i].data.ptr);
    if (loop->driven && repli__http_worker_run(&loop->worker))
        loop->rung = 1;
    /* After the events: an order may free what they point to. */
    if (loop->rung) {
        loop->rung = 0;
        deliver_answers(loop);
        repli__http_streams_wake(loop);
        obey(loop);
    }
    expire(loop);
    run_daemons(loop);
    if (loop->recheck)
        watch_listeners(loop);
}

static void *run(void *argument) {
    repli__http_loop *loop = argument;
    loop->now_ns = repli__mono_ns();
    while (!done(loop))
        turn(loop, timeout_of(loop));
    return NULL;
}

/* The same in the agent's loop. */
static uint64_t turn_once(void *user_data) {
    repli__http_loop *loop = user_data;
    pthread_mutex_lock(&loop->turning);
    turn(loop, 0);
    const uint64_t next_ns = due_ns(loop);
    pthread_mutex_unlock(&loop->turning);
    return next_ns;
}

/* Life. */

int32_t repli__http_loop_init(repli__http_loop *loop, repli_agent *agent, repli_error *err) {
    loop->agent = agent;
    loop->next_deadline_ns = UINT64_MAX;
    repli__http_lingerers_init(&loop->lingerers);
    pthread_mutex_init(&loop->mutex, NULL);
    pthread_mutex_init(&loop->turning, NULL);
    pthread_cond_init(&loop->obeyed, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return repli__error(err, REPLI_EIO, "http", "cannot make an epoll descriptor: %s",
                            strerror(errno));
    int32_t code = repli__http_mailbox_new(&loop->mailbox, err);
    if (code == REPLI_OK)
        code = repli__http_worker_init(&loop->worker, err);
    if (code == REPLI_OK)
        code = repli__http_daemon_new(loop, NULL, &loop->plain, err);
    push_daemon(loop, loop->plain);
    return code;
}

void repli__http_loop_set_tls(repli__http_loop *loop, repli__http_daemon *tls) {
    replace_tls(loop, tls);
}

static int32_t watch_all(repli__http_loop *loop, repli_error *err) {
    int ok = watch(loop, loop->mailbox->wake_fd, loop->mailbox);
    for (size_t i = 0; i < loop->listeners.count; i++) {
        repli__http_listener *listener = &loop->listeners.items[i];
        listener->watched = 1;
        loop->reserves |= listener->kind != REPLI__HTTP_API;
        ok = ok && watch(loop, listener->fd, listener);
    }
    if (!ok)
        return repli__error(err, REPLI_EIO, "http", "cannot watch sockets: %s", strerror(errno));
    int32_t code = repli__http_loop_add(loop, loop->plain, err);
    if (code == REPLI_OK && loop->tls != NULL)
        code = repli__http_loop_add(loop, loop->tls, err);
    return code;
}

static int32_t start_threads(repli__http_loop *loop, repli_error *err) {
    int32_t code = repli__http_worker_start(&loop->worker, err);
    if (code == REPLI_OK)
        code = repli__thread_start(&loop->thread, "repli-http", run, loop, err);
    loop->started = code == REPLI_OK;
    return code;
}

int32_t repli__http_loop_start(repli__http_loop *loop, repli_error *err) {
    const int32_t code = watch_all(loop, err);
    if (code != REPLI_OK)
        return code;
    loop->driven = repli_agent_fd(loop->agent) >= 0;
    if (!loop->driven)
        return start_threads(loop, err);
    return repli_agent_add_source(loop->agent, loop->epoll_fd, turn_once, loop, &loop->source, err);
}

/* Sleep until there is something to do, here or, if that is not somebody else's business, in the
 * agent. */
static void wait_for_either(repli__http_loop *loop, int agent_too) {
    struct pollfd fds[] = {{.fd = loop->epoll_fd, .events = POLLIN},
                           {.fd = repli_agent_fd(loop->agent), .events = POLLIN}};
    poll(fds, agent_too ? 2 : 1, timeout_of(loop));
}

/* Without a thread: turn the loop here, and the agent's, from which answers are to come. */
static void finish_here(repli__http_loop *loop) {
    for (turn(loop, 0); !done(loop); turn(loop, 0)) {
        const int dispatched = repli_agent_dispatch(loop->agent, NULL) == REPLI_OK;
        wait_for_either(loop, dispatched);
    }
}

/* Finish what has begun until deadline_ns. */
static void finish(repli__http_loop *loop, uint64_t deadline_ns) {
    const repli__http_order order = {.stop = 1, .stop_deadline_ns = deadline_ns};
    if (loop->source != NULL) {
        repli_agent_remove_source(loop->agent, loop->source);
        turn(loop, 0); /* what the kernel has accepted has begun, too */
        repli__http_loop_order(loop, &order);
        finish_here(loop);
    } else if (loop->started) {
        repli__http_loop_order(loop, &order);
        pthread_join(loop->thread, NULL);
    }
}

static void free_daemons(repli__http_loop *loop) {
    while (loop->daemons != NULL) {
        repli__http_daemon *daemon = loop->daemons;
        loop->daemons = daemon->next;
        repli__http_daemon_free(daemon);
    }
}

void repli__http_loop_dispose(repli__http_loop *loop, uint64_t deadline_ns) {
    finish(loop, deadline_ns);
    loop->stopping = 1;
    repli__http_listeners_close(&loop->listeners);
    for (repli__http_connection *at = loop->connections; at != NULL; at = at->next)
        repli__http_connection_abort(at);
    repli__http_worker_dispose(&loop->worker);
    if (loop->mailbox != NULL)
        repli__http_mailbox_close(loop->mailbox);
    free_daemons(loop);
    repli__http_replies_clear(&loop->replies);
    repli__http_lingerers_expire(&loop->lingerers, UINT64_MAX);
    repli__http_mailbox_unref(loop->mailbox);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pthread_cond_destroy(&loop->obeyed);
    pthread_mutex_destroy(&loop->turning);
    pthread_mutex_destroy(&loop->mutex);
}
