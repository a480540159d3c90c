#include <alldata/gossip.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alldata/gossip/gossip.h"
#include "alldata/gossip/options.h"
#include "alldata/gossip/record.h"
#include "alldata/gossip/resolve.h"
#include "alldata/gossip/value.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sized.h"
#include "base/thread.h"
#include "base/utf8.h"

#define ORIGIN "gossip"

/* Events of the epoll set that are not the transport's. */
enum { EVENT_RUNG = ALLDATA__TRANSPORT_EVENTS, EVENT_TIMER, EVENTS = 64 };

enum { UNDECIDED, DISPATCHED, THREADED };

struct alldata_gossip {
    repli__mem mem;
    repli__log log;
    pid_t pid;
    int epoll_fd;
    int event_fd; /* rung when there is something to dispatch that the set does not know of */
    int timer_fd;
    alldata_gossip_event_fn event;
    void *event_data;
    alldata__resolver resolver;
    pthread_t thread;
    int has_resolver;

    pthread_mutex_t mutex; /* guards what follows */
    alldata__transport *transport;
    alldata__membership *membership;
    uint64_t random;
    int mode;
    int dispatching;
    int stopping;
};

static int is_forked(const alldata_gossip *g) {
    return getpid() != g->pid;
}

static int32_t forked(repli_error *err) {
    return repli__error(err, REPLI_EFORK, ORIGIN,
                        "this membership belongs to the parent process; a child makes one of its "
                        "own");
}

static alldata__now now(void) {
    return (alldata__now){.ns = repli__mono_ns(), .wall_ms = repli__wall_ns() / REPLI__NS_PER_MS};
}

/* What membership and transport want of each other. The mutex is held. */

static void send_frame(void *user_data, const alldata__address *to, const char *frame,
                       size_t size) {
    const alldata_gossip *g = user_data;
    alldata__transport_send(g->transport, repli__mono_ns(), to, frame, size);
}

static void take_frame(void *user_data, const char *frame, size_t size) {
    const alldata_gossip *g = user_data;
    alldata__membership_receive(g->membership, now(), frame, size);
}

static int find_address(void *user_data, const alldata__address *address, void *ret_storage,
                        uint32_t *ret_size) {
    alldata_gossip *g = user_data;
    return alldata__resolver_find(&g->resolver, address, ret_storage, ret_size);
}

/* splitmix64: chance, not secrecy. */
static uint64_t draw(void *user_data) {
    alldata_gossip *g = user_data;
    uint64_t z = g->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* Time to wait for. The mutex is held. */

static uint64_t due_ns(const alldata_gossip *g) {
    const uint64_t transport_ns = alldata__transport_due_ns(g->transport);
    const uint64_t membership_ns = alldata__membership_due_ns(g->membership);
    return transport_ns < membership_ns ? transport_ns : membership_ns;
}

static void arm(const alldata_gossip *g) {
    const uint64_t at_ns = due_ns(g);
    const struct itimerspec at = {
        .it_value = {.tv_sec = (time_t)(at_ns / (uint64_t)REPLI__NS_PER_S),
                     .tv_nsec = (long)(at_ns % (uint64_t)REPLI__NS_PER_S)}};
    timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void ring(void *user_data) {
    const alldata_gossip *g = user_data;
    const uint64_t one = 1;
    const ssize_t written = write(g->event_fd, &one, sizeof(one));
    (void)written;
}

/* Life. */

static int watch(const alldata_gossip *g, int fd, uint64_t event) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = event};
    return fd >= 0 && epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

static int32_t open_descriptors(alldata_gossip *g, repli_error *err) {
    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (g->epoll_fd >= 0)
        g->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g->event_fd >= 0)
        g->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch(g, g->event_fd, EVENT_RUNG) && watch(g, g->timer_fd, EVENT_TIMER))
        return REPLI_OK;
    return repli__error(err, REPLI_EFULL, ORIGIN, "cannot make the descriptors of a membership: %s",
                        strerror(errno));
}

static int32_t make_membership(alldata_gossip *g, const alldata__options *options,
                               const alldata__address *address, repli_error *err) {
    const alldata__membership_config config = {
        .id = options->given.id,
        .address = address,
        .seeds = options->seeds,
        .seed_count = options->seed_count,
        .round_ns = options->given.round_ms * (uint64_t)REPLI__NS_PER_MS,
        .forget_ns = options->given.forget_ms * (uint64_t)REPLI__NS_PER_MS,
        .max_peers = options->given.max_peers,
        .send = send_frame,
        .random = draw,
        .user_data = g,
    };
    return alldata__membership_new(&g->mem, &config, now(), &g->membership, err);
}

/* host NULL: where it gossips. The mutex is held, or nobody else knows it yet. */
static int32_t publish_transport(alldata_gossip *g, const char *host, int32_t port,
                                 repli_error *err) {
    repli_buf json = {NULL, 0, 0, &g->mem};
    if (host == NULL)
        host = alldata__membership_self(g->membership)->address.host;
    int32_t code = alldata__value_transport(&json, host, port);
    if (code == REPLI_OK)
        code = alldata__membership_set(g->membership, now(), ALLDATA__KEY_TRANSPORT, json.data,
                                       json.size, err);
    repli_buf_dispose(&json);
    return code == REPLI_ENOMEM ? repli__error_nomem(err, ORIGIN, "publishing keys") : code;
}

/* Both before the first frame, so that nobody sees one without the other. */
static int32_t publish(alldata_gossip *g, const alldata_gossip_options *o, repli_error *err) {
    repli_buf json = {NULL, 0, 0, &g->mem};
    int32_t code = REPLI_OK;
    if (o->http_port != 0)
        code = publish_transport(g, o->http_host, o->http_port, err);
    if (code == REPLI_OK && (o->zone != NULL || o->region != NULL)) {
        code = alldata__value_location(&json, o->zone, o->region);
        if (code == REPLI_OK)
            code = alldata__membership_set(g->membership, now(), ALLDATA__KEY_LOCATION, json.data,
                                           json.size, err);
    }
    repli_buf_dispose(&json);
    return code == REPLI_ENOMEM ? repli__error_nomem(err, ORIGIN, "publishing keys") : code;
}

static int32_t init(alldata_gossip *g, const alldata__options *options, repli_error *err) {
    alldata__address address;
    int32_t code = open_descriptors(g, err);
    if (code == REPLI_OK)
        code = alldata__resolver_init(&g->resolver, err);
    g->has_resolver = code == REPLI_OK;
    if (code == REPLI_OK)
        code = alldata__transport_new(&g->mem, g->epoll_fd, options->given.listen, take_frame,
                                      find_address, g, &g->transport, err);
    if (code == REPLI_OK)
        code =
            alldata__options_address(options, alldata__transport_port(g->transport),
                                     alldata__transport_is_anywhere(g->transport), &address, err);
    if (code == REPLI_OK)
        code = make_membership(g, options, &address, err);
    if (code == REPLI_OK)
        code = publish(g, &options->given, err);
    if (code == REPLI_OK)
        arm(g);
    return code;
}

static void dispose(alldata_gossip *g) {
    const repli__mem mem = g->mem;
    alldata__membership_free(g->membership);
    alldata__transport_free(g->transport);
    if (g->has_resolver && !is_forked(g))
        alldata__resolver_dispose(&g->resolver);
    const int fds[] = {g->timer_fd, g->event_fd, g->epoll_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (!is_forked(g)) {
        pthread_mutex_destroy(&g->mutex);
        repli__log_dispose(&g->log);
    }
    repli__free(&mem, g);
}

int32_t alldata_gossip_new(const alldata_gossip_options *options, const repli_allocator *allocator,
                           alldata_gossip **ret_gossip, repli_error *err) {
    repli__mem mem;
    alldata__options own;
    repli__mem_init(&mem, allocator);
    int32_t code = alldata__options_read(&mem, options, &own, err);
    if (code != REPLI_OK)
        return code;
    alldata_gossip *g = repli__calloc(&mem, 1, sizeof(*g));
    if (g == NULL) {
        repli__free(&mem, own.seeds);
        return repli__error_nomem(err, ORIGIN, "making a membership");
    }
    g->mem = mem;
    g->pid = getpid();
    g->epoll_fd = g->event_fd = g->timer_fd = -1;
    g->event = own.given.event;
    g->event_data = own.given.event_data;
    pthread_mutex_init(&g->mutex, NULL);
    repli__log_init(&g->log);
    repli__log_set(&g->log, own.given.log_level, own.given.log, own.given.log_data);
    /* Nodes that start at once, without chance in the kernel yet, differ by where they are. */
    if (getrandom(&g->random, sizeof(g->random), GRND_NONBLOCK) != (ssize_t)sizeof(g->random))
        g->random = (uint64_t)repli__wall_ns() ^ (uint64_t)(uintptr_t)g ^ (uint64_t)g->pid << 32;
    code = init(g, &own, err);
    repli__free(&mem, own.seeds);
    if (code != REPLI_OK) {
        dispose(g);
        return code;
    }
    *ret_gossip = g;
    return REPLI_OK;
}

static void stop(alldata_gossip *g) {
    pthread_mutex_lock(&g->mutex);
    const int mode = g->mode;
    g->stopping = 1;
    pthread_mutex_unlock(&g->mutex);
    if (mode == THREADED) {
        ring(g);
        repli__thread_join_until(g->thread, UINT64_MAX);
    }
    if (mode != UNDECIDED)
        alldata__resolver_stop(&g->resolver);
}

void alldata_gossip_free(alldata_gossip *g) {
    if (g == NULL)
        return;
    if (!is_forked(g))
        stop(g);
    dispose(g);
}

/* Telling. */

static void tell(alldata_gossip *g, const alldata__news *news) {
    static const char *const words[] = {NULL, "lives",       "is dead", "has restarted",
                                        NULL, "is forgotten"};
    alldata__record record;
    alldata__record_fill(&record, news->peer, now());
    const alldata_gossip_event event = {
        .struct_size = (uint32_t)sizeof(event),
        .kind = news->kind,
        .peer = &record.peer,
        .key = news->entry != NULL ? news->entry->name : NULL,
        .value = news->entry != NULL ? news->entry->value : NULL,
    };
    const int32_t level = news->kind == ALLDATA__TOLD_DEAD  ? REPLI_LOG_WARNING
                          : news->kind == ALLDATA__TOLD_KEY ? REPLI_LOG_DEBUG
                                                            : REPLI_LOG_INFO;
    if (news->entry != NULL)
        repli__log_printf(&g->log, level, ORIGIN, "peer %s publishes %s: %s", record.peer.id,
                          event.key, event.value);
    else
        repli__log_printf(&g->log, level, ORIGIN, "peer %s, at %s port %d, %s", record.peer.id,
                          record.peer.gossip_host, (int)record.peer.gossip_port, words[news->kind]);
    if (g->event != NULL)
        g->event(&event, g->event_data);
}

/* Peers are touched by the thread that dispatches alone, so that they stay while it tells. */
static void tell_all(alldata_gossip *g) {
    alldata__news news;
    while (alldata__membership_news(g->membership, &news)) {
        pthread_mutex_unlock(&g->mutex);
        tell(g, &news);
        pthread_mutex_lock(&g->mutex);
    }
}

/* Dispatch. */

static void drain(const alldata_gossip *g) {
    uint64_t rings;
    const ssize_t got = read(g->event_fd, &rings, sizeof(rings));
    (void)got;
}

/* Returns whether there may be more. */
static int take_events(const alldata_gossip *g) {
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(g->epoll_fd, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 < ALLDATA__TRANSPORT_EVENTS)
            alldata__transport_ready(g->transport, repli__mono_ns(), events[i].data.u64);
        else if (events[i].data.u64 == EVENT_RUNG)
            drain(g);
    }
    return count == EVENTS;
}

/* What has arrived comes first: it may be what is missed. */
static void work(alldata_gossip *g) {
    enum { TURNS = 8 };
    for (int i = 0; i < TURNS && take_events(g); i++)
        continue;
    alldata__transport_tick(g->transport, repli__mono_ns());
    alldata__membership_tick(g->membership, now());
    tell_all(g);
    arm(g);
}

static int32_t dispatch(alldata_gossip *g, repli_error *err) {
    pthread_mutex_lock(&g->mutex);
    const int busy = g->dispatching;
    if (!busy) {
        g->dispatching = 1;
        work(g);
        g->dispatching = 0;
    }
    pthread_mutex_unlock(&g->mutex);
    if (busy)
        return repli__error(err, REPLI_EBUSY, ORIGIN,
                            "this membership is being dispatched already: by another thread, or by "
                            "the caller of the event that asks for it");
    return REPLI_OK;
}

/* Who drives it is decided once. */
static int32_t decide(alldata_gossip *g, int mode, int again, repli_error *err) {
    int32_t code = REPLI_OK;
    pthread_mutex_lock(&g->mutex);
    if (g->mode == UNDECIDED) {
        if (mode == DISPATCHED)
            repli__worker_drive(&g->resolver.worker, ring, g);
        code = repli__worker_start(&g->resolver.worker, err);
        if (code == REPLI_OK)
            g->mode = mode;
    } else if (g->mode != mode || !again) {
        code = repli__error(err, REPLI_ESTATE, ORIGIN,
                            g->mode == THREADED ? "this membership has threads of its own"
                                                : "this membership is dispatched by its host");
    }
    pthread_mutex_unlock(&g->mutex);
    return code;
}

int32_t alldata_gossip_dispatch(alldata_gossip *g, repli_error *err) {
    if (is_forked(g))
        return forked(err);
    int32_t code = decide(g, DISPATCHED, 1, err);
    if (code != REPLI_OK)
        return code;
    code = dispatch(g, err);
    if (code == REPLI_OK && repli__worker_run(&g->resolver.worker) &&
        repli__worker_due_ns(&g->resolver.worker) != UINT64_MAX)
        ring(g);
    return code;
}

static int is_stopping(alldata_gossip *g) {
    pthread_mutex_lock(&g->mutex);
    const int stopping = g->stopping;
    pthread_mutex_unlock(&g->mutex);
    return stopping;
}

static void *run(void *argument) {
    alldata_gossip *g = argument;
    while (!is_stopping(g)) {
        struct pollfd fd = {.fd = g->epoll_fd, .events = POLLIN};
        poll(&fd, 1, -1);
        dispatch(g, NULL);
    }
    return NULL;
}

int32_t alldata_gossip_start(alldata_gossip *g, repli_error *err) {
    if (is_forked(g))
        return forked(err);
    int32_t code = decide(g, THREADED, 0, err);
    if (code != REPLI_OK)
        return code;
    code = repli__thread_start(&g->thread, "gossip", run, g, err);
    if (code != REPLI_OK) {
        alldata__resolver_stop(&g->resolver);
        pthread_mutex_lock(&g->mutex);
        g->mode = UNDECIDED;
        pthread_mutex_unlock(&g->mutex);
    }
    return code;
}

int32_t alldata_gossip_fd(const alldata_gossip *g) {
    return is_forked(g) ? -1 : g->epoll_fd;
}

uint64_t alldata_gossip_deadline(alldata_gossip *g) {
    if (is_forked(g))
        return UINT64_MAX;
    pthread_mutex_lock(&g->mutex);
    const uint64_t at_ns = due_ns(g);
    pthread_mutex_unlock(&g->mutex);
    return at_ns;
}

int32_t alldata_gossip_port(const alldata_gossip *g) {
    return alldata__transport_port(g->transport);
}

/* What there is to know. */

int32_t alldata_gossip_set(alldata_gossip *g, const char *key, const char *json, size_t size,
                           repli_error *err) {
    if (is_forked(g))
        return forked(err);
    if (key == NULL || json == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "key or value is missing");
    pthread_mutex_lock(&g->mutex);
    const int32_t code = alldata__membership_set(g->membership, now(), key, json, size, err);
    arm(g);
    pthread_mutex_unlock(&g->mutex);
    return code;
}

/* The mutex is held. */
static const char *find_value(const alldata_gossip *g, const char *id, const char *key) {
    const alldata__peer *peer = alldata__membership_self(g->membership);
    if (strcmp(peer->id, id) != 0)
        peer = alldata__peers_find(alldata__membership_peers(g->membership), id);
    if (peer == NULL || peer->state == ALLDATA__HEARSAY)
        return NULL;
    return alldata__peer_value(peer, key);
}

int32_t alldata_gossip_get(alldata_gossip *g, const char *id, const char *key, repli_buf *ret_json,
                           repli_error *err) {
    if (is_forked(g))
        return forked(err);
    if (id == NULL || key == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "peer or key is missing");
    pthread_mutex_lock(&g->mutex);
    const char *value = find_value(g, id, key);
    int32_t code = value != NULL ? repli__buf_text(ret_json, value) : REPLI_ENOTFOUND;
    pthread_mutex_unlock(&g->mutex);
    char quotes[2][REPLI__QUOTE_SIZE];
    if (code == REPLI_ENOTFOUND)
        return repli__error(err, code, ORIGIN, "no peer %s has published a key %s",
                            repli__utf8_quote(quotes[0], id), repli__utf8_quote(quotes[1], key));
    return code == REPLI_OK ? code : repli__error_nomem(err, ORIGIN, "reading a key");
}

int32_t alldata_gossip_peers(alldata_gossip *g, alldata_peer_fn fn, void *user_data,
                             repli_error *err) {
    if (is_forked(g))
        return forked(err);
    pthread_mutex_lock(&g->mutex);
    const alldata__peers *peers = alldata__membership_peers(g->membership);
    const alldata__now time = now();
    int32_t ended = 0;
    for (size_t i = 0; i < peers->count && !ended; i++) {
        alldata__record record;
        if (peers->items[i]->state == ALLDATA__HEARSAY)
            continue;
        alldata__record_fill(&record, peers->items[i], time);
        ended = fn(&record.peer, user_data);
    }
    pthread_mutex_unlock(&g->mutex);
    return REPLI_OK;
}

int32_t alldata_gossip_count(alldata_gossip *g, alldata_gossip_counters *counters,
                             repli_error *err) {
    if (is_forked(g))
        return forked(err);
    alldata_gossip_counters own;
    pthread_mutex_lock(&g->mutex);
    alldata__record_count(&own, g->membership, alldata__transport_traffic(g->transport));
    pthread_mutex_unlock(&g->mutex);
    repli__sized_fill(counters, &own, sizeof(own));
    return REPLI_OK;
}

/* For nodes. */

int32_t alldata__gossip_serve(alldata_gossip *g, const char *host, int32_t port, repli_error *err) {
    if (is_forked(g))
        return forked(err);
    if (port < 1 || port > UINT16_MAX)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "http_port is %d: it must be from 1 to %d",
                            (int)port, UINT16_MAX);
    pthread_mutex_lock(&g->mutex);
    const int32_t code = publish_transport(g, host, port, err);
    arm(g);
    pthread_mutex_unlock(&g->mutex);
    return code;
}

void alldata__gossip_address(alldata_gossip *g, alldata__address *ret_address) {
    *ret_address = alldata__membership_self(g->membership)->address;
}

int32_t alldata__gossip_join(alldata_gossip *g, const char *text, repli_error *err) {
    alldata__address address;
    char quote[REPLI__QUOTE_SIZE];
    if (is_forked(g))
        return forked(err);
    if (text == NULL || !alldata__options_read_address(text, &address))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "%s is no address: it must be host:port, such as 10.0.0.1:9742 or "
                            "[fd00::1]:9742",
                            repli__utf8_quote(quote, text));
    pthread_mutex_lock(&g->mutex);
    const int32_t code = alldata__membership_join(g->membership, now(), &address);
    arm(g);
    pthread_mutex_unlock(&g->mutex);
    if (code == REPLI_ENOMEM)
        return repli__error_nomem(err, ORIGIN, "taking a seed");
    return code == REPLI_OK
               ? code
               : repli__error(err, code, ORIGIN, "%s is a seed already: it was asked once more",
                              repli__utf8_quote(quote, text));
}

int32_t alldata__gossip_forget(alldata_gossip *g, const char *id, repli_error *err) {
    char quote[REPLI__QUOTE_SIZE];
    if (is_forked(g))
        return forked(err);
    pthread_mutex_lock(&g->mutex);
    const int32_t code = alldata__membership_forget(g->membership, id);
    pthread_mutex_unlock(&g->mutex);
    ring(g);
    if (code == REPLI_ENOTFOUND)
        return repli__error(err, code, ORIGIN, "there is no peer %s", repli__utf8_quote(quote, id));
    return code == REPLI_OK ? code
                            : repli__error(err, code, ORIGIN,
                                           "peer %s lives: end it first, or it is back at once",
                                           repli__utf8_quote(quote, id));
}
