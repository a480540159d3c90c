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

/* A call. */
typedef struct alldata__item {
    struct alldata__item *next;
    alldata_call call;
    uint64_t deadline_ns;
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
    struct alldata__transport *transport;
    CURL *handle;
    struct curl_slist *headers; /* NULL: not made yet */
    char *type;                 /* that they say; NULL: none */
    alldata__line *line;
    alldata__item *item; /* NULL: it is idle */
    repli_buf body;
    size_t max_body;
    int too_large;
    int given_up; /* its socket cannot be watched */
    char why[CURL_ERROR_SIZE];
} alldata__exchange;

/* A socket, found by its number. */
typedef struct alldata__socket {
    uint8_t own;     /* made by libcurl for a connection, which tells when it closes it */
    uint8_t wanted;  /* what libcurl waits for: CURL_POLL_IN, CURL_POLL_OUT */
    uint8_t watched; /* what the epoll set waits for */
    uint8_t unused;
} alldata__socket;

typedef struct alldata__transport {
    alldata_transport face;
    repli__mem mem;
    pid_t pid;
    int run_mode;
    uint32_t max_connections;
    uint32_t connect_timeout_ms;
    alldata__identity identity;
    int epoll_fd;
    int event_fd;
    int timer_fd; /* -1: there is a thread */
    pthread_t thread;
    int started;
    atomic_int stopping;

    pthread_mutex_t queue_mutex; /* guards what follows */
    alldata__items queue;
    int asleep; /* nobody looks at the queue unless the event is rung */
    uint64_t due_ns;

    /* Who waits for a turn holds the gate, so that the thread cannot take one turn after another
     * in front of it. */
    pthread_mutex_t gate;
    pthread_mutex_t turn; /* guards what follows */
    alldata__caller caller;
    CURLM *multi;
    alldata__socket *sockets;
    size_t socket_count;
    uint64_t curl_due_ns;    /* when libcurl wants to be told that time has passed */
    uint64_t waiting_due_ns; /* no call that waits has an earlier deadline */
    uint64_t armed_ns;       /* of the timer */
    alldata__line *lines;
    alldata__exchange **exchanges;
    size_t exchange_count;
    size_t exchange_capacity;
    alldata__exchange *idle;
    int gives_up; /* one of them is given up */
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
void alldata__turn_dispose(alldata__transport *t);

/* sockets.c: what libcurl calls. */

int32_t alldata__sockets_open(alldata__transport *t, repli_error *err);
void alldata__sockets_configure(alldata__transport *t, CURL *handle);
/* Something happened to a socket. */
void alldata__sockets_ready(alldata__transport *t, const struct epoll_event *event);
/* Tell libcurl the time, if it wants to know. */
void alldata__sockets_tick(alldata__transport *t);

/* exchange.c */

/* NULL: no memory. */
alldata__exchange *alldata__exchange_new(alldata__transport *t);
void alldata__exchange_free(alldata__exchange *exchange);
/* Begin to carry its item. */
int32_t alldata__exchange_start(alldata__exchange *exchange, repli_error *err);
/* It ended so: hand out the answer, and be idle. */
void alldata__exchange_end(alldata__exchange *exchange, CURLcode code);
/* End it before its time. */
void alldata__exchange_break(alldata__exchange *exchange, const repli_error *why);

#endif
