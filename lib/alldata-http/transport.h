#ifndef ALLDATA_HTTP_TRANSPORT_H
#define ALLDATA_HTTP_TRANSPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "alldata-http/caller.h"

/*
 * The inside of a transport. Whoever begins a call leaves it in a queue. A turn takes it from
 * there, gives it to libcurl or has it wait for a connection, and hands out the answers; turns are
 * made by the thread or by dispatch. libcurl says which sockets it waits for, which are in the
 * epoll set, and until when.
 */

typedef struct alldata__pool alldata__pool;

/* A call. */
typedef struct alldata__item {
    struct alldata__item *next;
    alldata_call call;
    uint64_t deadline_ns;
    int given_up; /* its socket cannot be watched */
} alldata__item;

typedef struct alldata__items {
    alldata__item *first, *last;
} alldata__items;

void alldata__items_add(alldata__items *items, alldata__item *item);

/* A peer, and what waits for one of its connections. */
typedef struct alldata__line {
    struct alldata__line *next;
    char *host;
    int32_t port;
    uint32_t busy; /* exchanges */
    alldata__items waiting;
} alldata__line;

/* What carries a call, and then the next one. */
typedef struct alldata__exchange {
    struct alldata__exchange *next_idle;
    alldata__pool *pool;
    CURL *handle;
    struct curl_slist *headers; /* NULL: not made yet */
    char *type;                 /* that they say; NULL: none */
    alldata__line *line;
    alldata__item *item; /* NULL: it is idle */
    repli_buf body;
    size_t max_body;
    int too_large;
    char why[CURL_ERROR_SIZE];
} alldata__exchange;

/*
 * An identity and the connections that are made with it. libcurl may keep a connection, and the
 * session of one, for whoever comes next, so that another identity begins with a libcurl handle of
 * its own; the one before goes on until the last of its calls has ended.
 */
struct alldata__pool {
    alldata__pool *next; /* the one before */
    struct alldata__transport *transport;
    alldata__identity identity;
    CURLM *multi;    /* NULL: nothing was called yet */
    uint64_t due_ns; /* when libcurl wants to be told that time has passed */
    alldata__exchange **exchanges;
    size_t exchange_count;
    size_t exchange_capacity;
    size_t busy; /* of these */
    alldata__exchange *idle;
};

/* A socket, found by its number. */
typedef struct alldata__socket {
    alldata__pool *pool;
    uint8_t own;     /* made by libcurl for a connection, which tells when it closes it */
    uint8_t wanted;  /* what libcurl waits for: CURL_POLL_IN, CURL_POLL_OUT */
    uint8_t watched; /* what the epoll set waits for */
} alldata__socket;

typedef struct alldata__transport {
    alldata_transport face;
    repli__mem mem;
    pid_t pid;
    int run_mode;
    uint32_t max_connections;
    uint32_t connect_timeout_ms;
    int epoll_fd;
    int event_fd;
    int timer_fd; /* -1: there is a thread */
    pthread_t thread;
    int started;
    atomic_int stopping;

    pthread_mutex_t queue_mutex; /* guards what follows */
    alldata__items queue;
    alldata__pool *fresh; /* whose identity calls in the queue are to have; NULL: the last one's */
    int asleep;           /* nobody looks at these unless the event is rung */
    uint64_t due_ns;

    /* Who waits for a turn holds the gate, so that the thread cannot take one turn after another
     * in front of it. */
    pthread_mutex_t gate;
    pthread_mutex_t turn; /* guards what follows */
    alldata__caller caller;
    alldata__pool *pools; /* the last first; never NULL */
    alldata__socket *sockets;
    size_t socket_count;
    uint64_t waiting_due_ns; /* no call that waits has an earlier deadline */
    uint64_t armed_ns;       /* of the timer */
    alldata__line *lines;
    int gives_up; /* a call that is carried is given up */
} alldata__transport;

/* transport.c */

/* End a call. */
void alldata__transport_reply(alldata__transport *t, alldata__item *item,
                              const alldata_reply *reply);
void alldata__transport_fail(alldata__transport *t, alldata__item *item, const repli_error *why);

/* turn.c: the turn is held. */

/* What happened to sockets of libcurl's, and whatever is due. */
void alldata__turn(alldata__transport *t, const struct epoll_event *events, int count);
/* End the calls of a user, or, if all is set, of everybody. */
void alldata__turn_cancel(alldata__transport *t, const void *user_data, int all);
/* When there is something to do, if nothing comes before: monotonic ns, or UINT64_MAX. */
uint64_t alldata__turn_due(const alldata__transport *t);
void alldata__turn_dispose(alldata__transport *t);

/* sockets.c: what libcurl calls. */

int32_t alldata__sockets_open(alldata__pool *pool, repli_error *err);
void alldata__sockets_configure(alldata__pool *pool, CURL *handle);
/* After the last of them was closed. */
void alldata__sockets_close(alldata__pool *pool);
/* Something happened to a socket. */
void alldata__sockets_ready(alldata__transport *t, const struct epoll_event *event);
/* Tell libcurl the time, if it wants to know. */
void alldata__sockets_tick(alldata__pool *pool);

/* pool.c */

/* security may be NULL. Any thread: nothing is loaded yet. */
int32_t alldata__pool_new(alldata__transport *t, const alldata_http_security *security,
                          alldata__pool **ret_pool, repli_error *err);
/* Not with calls in it. NULL is fine, as is any thread for one of which nothing was taken. */
void alldata__pool_free(alldata__pool *pool);
/* One that is idle. */
int32_t alldata__pool_take(alldata__pool *pool, alldata__exchange **ret_exchange, repli_error *err);
/* Now it is idle again. */
void alldata__pool_give(alldata__exchange *exchange);

/* exchange.c */

/* NULL: no memory. */
alldata__exchange *alldata__exchange_new(alldata__pool *pool);
void alldata__exchange_free(alldata__exchange *exchange);
/* Begin to carry its item. */
int32_t alldata__exchange_start(alldata__exchange *exchange, repli_error *err);
/* It ended so: hand out the answer, and be idle. */
void alldata__exchange_end(alldata__exchange *exchange, CURLcode code);
/* End it before its time. */
void alldata__exchange_break(alldata__exchange *exchange, const repli_error *why);

#endif
