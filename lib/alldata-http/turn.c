#include "alldata-http/transport.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define ORIGIN "alldata.http"

/* Peers. */

static alldata__line *add_line(alldata__transport *t, const char *host, int32_t port) {
    alldata__line *line = repli__calloc(&t->mem, 1, sizeof(*line));
    char *own_host = repli__strdup(&t->mem, host);
    if (line == NULL || own_host == NULL) {
        repli__free(&t->mem, line);
        repli__free(&t->mem, own_host);
        return NULL;
    }
    line->host = own_host;
    line->port = port;
    line->next = t->lines;
    t->lines = line;
    return line;
}

/* NULL: no memory. */
static alldata__line *line_of(alldata__transport *t, const alldata_call *call) {
    for (alldata__line *line = t->lines; line != NULL; line = line->next)
        if (line->port == call->port && strcmp(line->host, call->host) == 0)
            return line;
    return add_line(t, call->host, call->port);
}

static void drop_line(alldata__transport *t, alldata__line **at) {
    alldata__line *line = *at;
    *at = line->next;
    repli__free(&t->mem, line->host);
    repli__free(&t->mem, line);
}

/* Addresses come and go; those in use are few. */
static void drop_idle_lines(alldata__transport *t) {
    static const size_t kept = 256;
    size_t seen = 0;
    alldata__line **at = &t->lines;
    while (*at != NULL) {
        if (++seen > kept && (*at)->busy == 0 && (*at)->waiting.first == NULL)
            drop_line(t, at);
        else
            at = &(*at)->next;
    }
}

/* Calls. */

static void fail(alldata__transport *t, alldata__item *item, int32_t code, const char *what) {
    repli_error why = REPLI_ERROR_INIT;
    repli__error(&why, code, ORIGIN, "cannot reach the peer at %s:%d: %s", item->call.host,
                 (int)item->call.port, what);
    alldata__transport_fail(t, item, &why);
}

static void start(alldata__transport *t, alldata__line *line, alldata__item *item) {
    repli_error why = REPLI_ERROR_INIT;
    alldata__exchange *exchange;
    if (alldata__pool_take(t->pools, &exchange, &why) != REPLI_OK) {
        alldata__transport_fail(t, item, &why);
        return;
    }
    exchange->line = line;
    exchange->item = item;
    line->busy++;
    if (alldata__exchange_start(exchange, &why) != REPLI_OK)
        alldata__exchange_break(exchange, &why);
}

static void accept_call(alldata__transport *t, alldata__item *item) {
    alldata__line *line = line_of(t, &item->call);
    if (line == NULL) {
        fail(t, item, REPLI_ENOMEM, "out of memory");
        return;
    }
    if (line->busy < t->max_connections && line->waiting.first == NULL) {
        start(t, line, item);
        return;
    }
    alldata__items_add(&line->waiting, item);
    if (item->deadline_ns < t->waiting_due_ns)
        t->waiting_due_ns = item->deadline_ns;
}

static void use(alldata__transport *t, alldata__pool *pool) {
    if (pool == NULL)
        return;
    pool->next = t->pools;
    t->pools = pool;
}

static void accept_calls(alldata__transport *t) {
    pthread_mutex_lock(&t->queue_mutex);
    alldata__item *item = t->queue.first;
    t->queue = (alldata__items){NULL, NULL};
    alldata__pool *fresh = t->fresh;
    t->fresh = NULL;
    pthread_mutex_unlock(&t->queue_mutex);
    use(t, fresh);
    for (alldata__item *next; item != NULL; item = next) {
        next = item->next;
        accept_call(t, item);
    }
}

/* Take those out of items that are to end, and return them. */
static alldata__item *cut(alldata__items *items,
                          int (*is_over)(const alldata__item *, const void *),
                          const void *user_data) {
    alldata__items over = {NULL, NULL};
    alldata__items left = {NULL, NULL};
    for (alldata__item *item = items->first, *next; item != NULL; item = next) {
        next = item->next;
        alldata__items_add(is_over(item, user_data) ? &over : &left, item);
    }
    *items = left;
    return over.first;
}

static int is_late(const alldata__item *item, const void *now_ns) {
    return item->deadline_ns <= *(const uint64_t *)now_ns;
}

static void expire_waiting(alldata__transport *t) {
    const uint64_t now_ns = repli__mono_ns();
    if (now_ns < t->waiting_due_ns)
        return;
    t->waiting_due_ns = UINT64_MAX;
    for (alldata__line *line = t->lines; line != NULL; line = line->next) {
        alldata__item *item = cut(&line->waiting, is_late, &now_ns);
        for (alldata__item *next; item != NULL; item = next) {
            next = item->next;
            fail(t, item, REPLI_ETIMEOUT, "none of its connections became free in time");
        }
        for (item = line->waiting.first; item != NULL; item = item->next)
            if (item->deadline_ns < t->waiting_due_ns)
                t->waiting_due_ns = item->deadline_ns;
    }
    drop_idle_lines(t);
}

static void start_waiting(alldata__transport *t, alldata__line *line) {
    while (line->waiting.first != NULL && line->busy < t->max_connections) {
        alldata__item *item = line->waiting.first;
        line->waiting.first = item->next;
        if (item->next == NULL)
            line->waiting.last = NULL;
        start(t, line, item);
    }
}

/* End those that are carried. */
static void break_some(alldata__transport *t, int (*is_over)(const alldata__item *, const void *),
                       const void *user_data, const repli_error *why) {
    for (const alldata__pool *pool = t->pools; pool != NULL; pool = pool->next)
        for (size_t i = 0; i < pool->exchange_count; i++) {
            alldata__exchange *exchange = pool->exchanges[i];
            if (exchange->item != NULL && is_over(exchange->item, user_data))
                alldata__exchange_break(exchange, why);
        }
    for (alldata__line *line = t->lines; line != NULL; line = line->next)
        start_waiting(t, line);
}

static int is_given_up(const alldata__item *item, const void *user_data) {
    (void)user_data;
    return item->given_up;
}

static void give_up(alldata__transport *t) {
    repli_error why = REPLI_ERROR_INIT;
    repli__error(&why, REPLI_EFULL, ORIGIN,
                 "cannot wait for the answer of a peer: the system has "
                 "no room for one more socket to watch");
    t->gives_up = 0;
    break_some(t, is_given_up, NULL, &why);
}

/* Returns whether there was any. */
static int collect_of(alldata__transport *t, const alldata__pool *pool) {
    const repli__libcurl *curl = &t->caller.curl;
    int left = 0;
    int found = 0;
    for (const CURLMsg *message; (message = curl->multi_info_read(pool->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode code = message->data.result;
        char *private = NULL;
        curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        alldata__exchange *exchange = (void *)private;
        alldata__line *line = exchange->line;
        alldata__exchange_end(exchange, code);
        start_waiting(t, line);
        found = 1;
    }
    return found;
}

static int collect(alldata__transport *t) {
    int found = 0;
    for (const alldata__pool *pool = t->pools; pool != NULL; pool = pool->next)
        if (pool->multi != NULL)
            found |= collect_of(t, pool);
    if (t->gives_up) {
        give_up(t);
        found = 1;
    }
    return found;
}

static void tick(const alldata__transport *t) {
    for (alldata__pool *pool = t->pools; pool != NULL; pool = pool->next)
        if (pool->multi != NULL)
            alldata__sockets_tick(pool);
}

/* Let go of the identities of before that no call has any more. */
static void drop_old_pools(alldata__transport *t) {
    for (alldata__pool **at = &t->pools->next; *at != NULL;) {
        alldata__pool *pool = *at;
        if (pool->busy > 0) {
            at = &pool->next;
            continue;
        }
        *at = pool->next;
        alldata__pool_free(pool);
    }
}

void alldata__turn(alldata__transport *t, const struct epoll_event *events, int count) {
    for (int i = 0; i < count; i++)
        alldata__sockets_ready(t, &events[i]);
    /* Connections that became free are there for those who come. */
    if (count > 0)
        collect(t);
    accept_calls(t);
    /* What fails at once lets the next one begin, so a few times. */
    for (int i = 0; i < 4; i++) {
        tick(t);
        if (!collect(t))
            break;
    }
    expire_waiting(t);
    drop_old_pools(t);
}

uint64_t alldata__turn_due(const alldata__transport *t) {
    uint64_t due_ns = t->waiting_due_ns;
    for (const alldata__pool *pool = t->pools; pool != NULL; pool = pool->next)
        if (pool->due_ns < due_ns)
            due_ns = pool->due_ns;
    return due_ns;
}

/* The end. */

static int is_of(const alldata__item *item, const void *user_data) {
    return item->call.user_data == user_data;
}

static int is_any(const alldata__item *item, const void *user_data) {
    (void)item;
    (void)user_data;
    return 1;
}

static void cancel_items(alldata__transport *t, alldata__items *items, const void *user_data,
                         int all) {
    alldata__item *item = cut(items, all ? is_any : is_of, user_data);
    for (alldata__item *next; item != NULL; item = next) {
        next = item->next;
        fail(t, item, REPLI_ECANCELLED, "the call was cancelled");
    }
}

void alldata__turn_cancel(alldata__transport *t, const void *user_data, int all) {
    alldata__items queued;
    pthread_mutex_lock(&t->queue_mutex);
    queued.first = cut(&t->queue, all ? is_any : is_of, user_data);
    pthread_mutex_unlock(&t->queue_mutex);
    cancel_items(t, &queued, user_data, 1);
    for (alldata__line *line = t->lines; line != NULL; line = line->next)
        cancel_items(t, &line->waiting, user_data, all);
    repli_error why = REPLI_ERROR_INIT;
    repli__error(&why, REPLI_ECANCELLED, ORIGIN, "the call was cancelled");
    break_some(t, all ? is_any : is_of, user_data, &why);
    drop_old_pools(t);
}

void alldata__turn_dispose(alldata__transport *t) {
    alldata__pool_free(t->fresh);
    for (alldata__pool *pool = t->pools, *next; pool != NULL; pool = next) {
        next = pool->next;
        alldata__pool_free(pool);
    }
    repli__free(&t->mem, t->sockets);
    while (t->lines != NULL)
        drop_line(t, &t->lines);
    if (getpid() == t->pid)
        alldata__caller_dispose(&t->caller);
}
