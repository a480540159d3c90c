#include "web/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

enum { EVENTS = 64 };

int32_t repli__web_loop_add(repli__web *web, repli__web_daemon *daemon, repli_error *err) {
    if (!repli__web_watch(web, daemon->epoll_fd, daemon))
        return repli__error(err, REPLI_EIO, "http", "cannot watch connections: %s",
                            strerror(errno));
    return REPLI_OK;
}

void repli__web_loop_arm(repli__web *web, uint64_t deadline_ns) {
    if (deadline_ns < web->next_deadline_ns)
        web->next_deadline_ns = deadline_ns;
}

void repli__web_loop_count(repli__web *web, int which, int64_t more) {
    /* Nobody else writes it. */
    const unsigned long long now = atomic_load_explicit(&web->counts[which], memory_order_relaxed);
    atomic_store_explicit(&web->counts[which], now + (unsigned long long)more,
                          memory_order_relaxed);
}

/* Time. */

static void expire_connections(repli__web *web) {
    for (repli__web_connection *at = web->connections; at != NULL; at = at->next) {
        if (at->deadline_ns > web->now_ns) {
            repli__web_loop_arm(web, at->deadline_ns);
        } else if (at->phase == REPLI__WEB_QUIET) {
            repli__web_stream_beat(at);
        } else {
            repli__web_loop_count(web, REPLI__WEB_COUNT_CUT, 1);
            repli__web_connection_cut(at);
        }
    }
}

static void expire(repli__web *web) {
    if (web->next_deadline_ns <= web->now_ns) {
        web->next_deadline_ns = repli__web_lingerers_expire(&web->lingerers, web->now_ns);
        if (web->accepts_again_ns > web->now_ns)
            repli__web_loop_arm(web, web->accepts_again_ns);
        expire_connections(web);
    }
    if (web->accepts_again_ns != 0 && web->accepts_again_ns <= web->now_ns) {
        web->accepts_again_ns = 0;
        web->recheck = 1;
    }
}

static int run_at_once(const repli__web *web) {
    for (const repli__web_daemon *daemon = web->daemons; daemon != NULL; daemon = daemon->next)
        if (daemon->ready)
            return 1;
    return 0;
}

/* When something is due; 0: at once. */
static uint64_t due_ns(repli__web *web) {
    if (run_at_once(web) || (web->driven && repli__web_worker_waits(&web->worker)))
        return 0;
    if (web->stopping && web->stop_deadline_ns < web->next_deadline_ns)
        return web->stop_deadline_ns;
    return web->next_deadline_ns;
}

/* Daemons. */

static void push_daemon(repli__web *web, repli__web_daemon *daemon) {
    if (daemon == NULL)
        return;
    daemon->next = web->daemons;
    web->daemons = daemon;
}

/* Those that are held are to be asked again. */
static void run_daemon(const repli__web *web, repli__web_daemon *daemon) {
    if (!daemon->ready)
        return;
    MHD_run(daemon->mhd);
    MHD_UNSIGNED_LONG_LONG ms;
    daemon->ready =
        web->held_count > 0 || (MHD_get_timeout(daemon->mhd, &ms) == MHD_YES && ms == 0);
}

static void tell_turn(const repli__web *web, int what) {
    const repli__web_handler *handler = &web->mailbox->handler;
    if (handler->turn != NULL)
        handler->turn(handler->user_data, what);
}

/* Run those that have something to do, and drop those that were replaced and are done. */
static void run_daemons(repli__web *web) {
    tell_turn(web, REPLI__WEB_TURN_BEGINS);
    web->held_until_ns = UINT64_MAX;
    repli__web_daemon **link = &web->daemons;
    while (*link != NULL) {
        repli__web_daemon *daemon = *link;
        run_daemon(web, daemon);
        if (daemon->replaced && daemon->connections == 0) {
            *link = daemon->next;
            epoll_ctl(web->epoll_fd, EPOLL_CTL_DEL, daemon->epoll_fd, NULL);
            repli__web_daemon_free(daemon);
        } else {
            link = &daemon->next;
        }
    }
}

/* Returns 0 if somebody else has the loop by now. */
static int end_turn(repli__web *web) {
    if (web->driven || web->relief_name == NULL) {
        tell_turn(web, REPLI__WEB_TURN_ENDS);
        return 1;
    }
    const uint64_t away_ns = repli__web_relief_leave(&web->relief);
    tell_turn(web, REPLI__WEB_TURN_IS_OVER);
    return repli__web_relief_return(&web->relief, away_ns);
}

void repli__web_deliver(repli__web *web) {
    repli__web_exchange *next = repli__web_mailbox_take(web->mailbox);
    while (next != NULL) {
        repli__web_exchange *exchange = next;
        next = exchange->next;
        if (exchange->connection == NULL) {
            repli__web_exchange_abandon(exchange);
        } else {
            repli__web_connection_resume(exchange->connection);
            repli__web_exchange_unref(exchange);
        }
    }
}

/* Orders. */

static void begin_to_stop(repli__web *web) {
    /* What has arrived has begun. */
    for (repli__web_daemon *daemon = web->daemons; daemon != NULL; daemon = daemon->next)
        daemon->ready = 1;
    run_daemons(web);
    tell_turn(web, REPLI__WEB_TURN_ENDS);
    web->stopping = 1;
    repli__web_listeners_close(&web->listeners);
    repli__web_streams_stop(web);
    for (repli__web_connection *at = web->connections; at != NULL; at = at->next)
        if (at->phase == REPLI__WEB_OPENING || at->phase == REPLI__WEB_IDLE)
            repli__web_connection_cut(at);
}

void repli__web_loop_set_tls(repli__web *web, repli__web_daemon *const tls[REPLI__WEB_TLS_SETS]) {
    for (int i = 0; i < REPLI__WEB_TLS_SETS; i++) {
        if (web->tls[i] != NULL)
            web->tls[i]->replaced = 1;
        web->tls[i] = tls[i];
        push_daemon(web, tls[i]);
    }
}

static void obey(repli__web *web) {
    pthread_mutex_lock(&web->mutex);
    const repli__web_order *order = web->order;
    if (order != NULL && order->settings != NULL) {
        web->settings = *order->settings;
        repli__web_loop_set_tls(web, order->tls);
        web->recheck = 1;
    }
    if (order != NULL && order->stop) {
        web->stop_deadline_ns = order->stop_deadline_ns;
        begin_to_stop(web);
    }
    web->order = NULL;
    pthread_cond_signal(&web->obeyed);
    pthread_mutex_unlock(&web->mutex);
}

static void obey_now(repli__web *web, const repli__web_order *order) {
    pthread_mutex_lock(&web->turning);
    web->now_ns = repli__mono_ns();
    web->order = order;
    obey(web);
    pthread_mutex_unlock(&web->turning);
    /* What there is to do now is due at once. */
    repli__web_mailbox_ring(web->mailbox);
}

void repli__web_loop_order(repli__web *web, const repli__web_order *order) {
    if (!web->started) {
        obey_now(web, order);
        return;
    }
    pthread_mutex_lock(&web->mutex);
    web->order = order;
    repli__web_mailbox_ring(web->mailbox);
    while (web->order != NULL)
        pthread_cond_wait(&web->obeyed, &web->mutex);
    pthread_mutex_unlock(&web->mutex);
}

/* Turns. */

static void handle_event(repli__web *web, void *source) {
    switch (*(const repli__web_source *)source) {
    case REPLI__WEB_SOURCE_LISTENER:
        if (!web->stopping)
            repli__web_accept_some(web, source);
        break;
    case REPLI__WEB_SOURCE_DAEMON: ((repli__web_daemon *)source)->ready = 1; break;
    case REPLI__WEB_SOURCE_MAILBOX: web->rung = 1; break;
    case REPLI__WEB_SOURCE_LINGERER: repli__web_lingerer_read(source); break;
    }
}

/* What others have for the loop. */
static void take_mail(repli__web *web) {
    web->rung = 0;
    repli__web_deliver(web);
    if (atomic_exchange(&web->mailbox->wakes, 0))
        repli__web_streams_wake(web);
    obey(web);
}

/* Wait for something to happen, and deal with it. Returns 0 if somebody else has the loop by now.
 */
static int turn(repli__web *web, int timeout_ms) {
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(web->epoll_fd, events, EVENTS, timeout_ms);
    web->now_ns = repli__mono_ns();
    for (int i = 0; i < count; i++)
        handle_event(web, events[i].data.ptr);
    if (web->driven && repli__web_worker_run(&web->worker))
        web->rung = 1;
    /* After the events: an order may free what they point to. */
    if (web->rung)
        take_mail(web);
    expire(web);
    run_daemons(web);
    if (!end_turn(web))
        return 0;
    repli__web_hold_wait(web);
    if (web->recheck)
        repli__web_watch_listeners(web);
    return 1;
}

int repli__web_stopped(const repli__web *web) {
    return web->stopping && (web->connection_count == 0 || web->stop_deadline_ns <= web->now_ns);
}

/* Returns 0 if somebody else has the loop by now. */
static int run_loop(repli__web *web) {
    web->now_ns = repli__mono_ns();
    while (!repli__web_stopped(web))
        if (!turn(web, repli__ms_until(due_ns(web))))
            return 0;
    return 1;
}

static void *wait_to_run(void *argument) {
    repli__web *web = argument;
    while (repli__web_relief_wait(&web->relief))
        if (run_loop(web))
            repli__web_relief_end(&web->relief);
    return NULL;
}

static void *run(void *argument) {
    repli__web *web = argument;
    if (!run_loop(web))
        return wait_to_run(web);
    repli__web_relief_end(&web->relief);
    return NULL;
}

uint64_t repli__web_turn(repli__web *web) {
    pthread_mutex_lock(&web->turning);
    turn(web, 0);
    const uint64_t next_ns = due_ns(web);
    pthread_mutex_unlock(&web->turning);
    return next_ns;
}

/* Life. */

int32_t repli__web_loop_init(repli__web *web, const repli__web_handler *handler, repli_error *err) {
    web->next_deadline_ns = UINT64_MAX;
    repli__web_lingerers_init(&web->lingerers);
    pthread_mutex_init(&web->mutex, NULL);
    pthread_mutex_init(&web->turning, NULL);
    pthread_cond_init(&web->obeyed, NULL);
    web->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (web->epoll_fd < 0)
        return repli__error(err, REPLI_EIO, "http", "cannot make an epoll descriptor: %s",
                            strerror(errno));
    int32_t code = repli__web_mailbox_new(&web->mem, handler, &web->mailbox, err);
    if (code == REPLI_OK)
        code = repli__web_worker_init(&web->worker, err);
    if (code == REPLI_OK)
        code = repli__web_relief_init(&web->relief, err);
    if (code == REPLI_OK)
        code = repli__web_daemon_new(web, &(repli__web_tls){0}, &web->plain, err);
    push_daemon(web, web->plain);
    return code;
}

int32_t repli__web_loop_watch(repli__web *web, repli_error *err) {
    int ok = repli__web_watch(web, web->mailbox->wake_fd, web->mailbox);
    for (size_t i = 0; i < web->listeners.count; i++) {
        repli__web_listener *listener = &web->listeners.items[i];
        listener->watched = 1;
        web->reserves |= listener->privileged;
        ok = ok && repli__web_watch(web, listener->fd, listener);
    }
    if (!ok)
        return repli__error(err, REPLI_EIO, "http", "cannot watch sockets: %s", strerror(errno));
    int32_t code = repli__web_loop_add(web, web->plain, err);
    for (int i = 0; i < REPLI__WEB_TLS_SETS && code == REPLI_OK; i++)
        if (web->tls[i] != NULL)
            code = repli__web_loop_add(web, web->tls[i], err);
    return code;
}

static void join_relief(repli__web *web) {
    if (web->relief_name == NULL)
        return;
    repli__web_relief_end(&web->relief);
    pthread_join(web->relief_thread, NULL);
}

int32_t repli__web_loop_start(repli__web *web, repli_error *err) {
    int32_t code = repli__web_worker_start(&web->worker, web->worker_name, err);
    if (code == REPLI_OK && web->relief_name != NULL)
        code = repli__thread_start(&web->relief_thread, web->relief_name, wait_to_run, web, err);
    if (code != REPLI_OK)
        return code;
    code = repli__thread_start(&web->thread, web->loop_name, run, web, err);
    web->started = code == REPLI_OK;
    if (!web->started)
        join_relief(web);
    return code;
}

void repli__web_loop_join(repli__web *web) {
    if (!web->started)
        return;
    pthread_join(web->thread, NULL);
    join_relief(web);
    web->started = 0;
}

static void free_daemons(repli__web *web) {
    while (web->daemons != NULL) {
        repli__web_daemon *daemon = web->daemons;
        web->daemons = daemon->next;
        repli__web_daemon_free(daemon);
    }
}

void repli__web_loop_dispose(repli__web *web) {
    web->stopping = 1;
    repli__web_listeners_close(&web->listeners);
    for (repli__web_connection *at = web->connections; at != NULL; at = at->next)
        repli__web_connection_abort(at);
    repli__web_worker_dispose(&web->worker);
    repli__web_relief_dispose(&web->relief);
    if (web->mailbox != NULL)
        repli__web_mailbox_close(web->mailbox);
    free_daemons(web);
    repli__web_lingerers_expire(&web->lingerers, UINT64_MAX);
    repli__web_mailbox_unref(web->mailbox);
    if (web->epoll_fd >= 0)
        close(web->epoll_fd);
    pthread_cond_destroy(&web->obeyed);
    pthread_mutex_destroy(&web->turning);
    pthread_mutex_destroy(&web->mutex);
}
