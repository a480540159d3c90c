#ifndef REPLI_WEB_LOOP_H
#define REPLI_WEB_LOOP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "web/exchange.h"
#include "web/linger.h"
#include "web/listen.h"
#include "web/relief.h"
#include "web/worker.h"

/*
 * One loop serves every listener. It accepts connections itself and hands them to libmicrohttpd
 * (one instance for plain text, one for TLS), which it drives through their epoll descriptors. So
 * the limits hold for all listeners together, certificates change by putting a new instance beside
 * the old one while the listening sockets stay, and libmicrohttpd starts no thread of its own.
 *
 * A turn of the loop never waits for anything but its descriptors: what may take long is done by
 * others, or by a worker, while the connection is suspended. Its end may, if there is relief: a
 * second thread, which then turns the loop instead.
 *
 * The loop has a thread, which turns it, unless its user does. Then each turn is without waiting,
 * and makes one call of the worker's.
 */

typedef struct repli__web_connection repli__web_connection;

/* An instance of libmicrohttpd. */
typedef struct repli__web_daemon {
    repli__web_source source;
    int epoll_fd;
    struct MHD_Daemon *mhd;
    struct repli__web_daemon *next;
    const repli__mem *mem;
    int tls;
    int mutual;   /* clients have proven who they are */
    int replaced; /* by another one: connections are to end with their next answer */
    int ready;    /* something happened on it */
    size_t connections;
    char *texts[3]; /* certificate, key, CA bundle */
    char said[256]; /* by libmicrohttpd, about why it does not start */
} repli__web_daemon;

/* tls->certificate NULL: plain text. */
int32_t repli__web_daemon_new(repli__web *web, const repli__web_tls *tls,
                              repli__web_daemon **ret_daemon, repli_error *err);
void repli__web_daemon_free(repli__web_daemon *daemon);

/* What a connection is doing, and so what its deadline means. */
enum {
    REPLI__WEB_OPENING = 1, /* accepted; nothing understood yet */
    REPLI__WEB_IDLE,        /* between two requests */
    REPLI__WEB_RECEIVING,
    REPLI__WEB_WAITING, /* for an answer, suspended unless it is held: no deadline */
    REPLI__WEB_SENDING,
    REPLI__WEB_QUIET, /* a stream without news, suspended; at its deadline it gives a sign of life
                       */
    REPLI__WEB_CUT    /* its socket was shut down */
};

struct repli__web_connection {
    repli__web_connection *next;
    repli__web_connection *previous;
    repli__web *web;
    repli__web_daemon *daemon;
    const repli__web_listener *listener;
    struct MHD_Connection *mhd;
    int fd;
    int phase;
    uint64_t since_ns;
    uint64_t deadline_ns; /* UINT64_MAX: none */
    repli__web_exchange *exchange;

    /* Of the present request. */
    int headers_seen;
    uint64_t max_body; /* bytes */
    size_t counted;    /* bytes of its body in web.body_bytes */
    int lingers; /* it ends with the answer, but is read on, or the client may not get to see it */
    int held;    /* not suspended, as its answer may come within this turn */
    int answered;
    int failed;  /* for want of memory: to be closed */
    int ready;   /* what was asked of the exchange is there */
    int streams; /* its answer may be, or is, a stream */
    size_t sent; /* of a stream's present page */
    int beats;   /* a stream is to give a sign of life */
};

/* stream.c: each page is made by the worker when the one before it was sent, so a client that reads
 * slowly costs no more than one page, until its time is up. */

/* The request is over, whatever it was. */
void repli__web_stream_end(repli__web_connection *connection);
/* It has had nothing to send for long. */
void repli__web_stream_beat(repli__web_connection *connection);
/* Some were woken. */
void repli__web_streams_wake(repli__web *web);
/* Those that have nothing to send, and would go on for ever, end. */
void repli__web_streams_stop(repli__web *web);

/* Callbacks of libmicrohttpd; cls is the web. */
void repli__web_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code);
void *repli__web_on_url(void *cls, const char *url, struct MHD_Connection *mhd);
enum MHD_Result repli__web_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version,
                                      const char *upload_data, size_t *upload_size,
                                      void **request_context);
void repli__web_on_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
                             enum MHD_RequestTerminationCode code);

/* What a connection does from now on, until then; UINT64_MAX: for as long as it takes. */
void repli__web_connection_enter(repli__web_connection *connection, int phase,
                                 uint64_t deadline_ns);
/* Nobody is to answer to it any more. */
void repli__web_connection_detach(repli__web_connection *connection);
/* The exchange has what it was asked for: let libmicrohttpd ask for it. */
void repli__web_connection_resume(repli__web_connection *connection);
/* Shut the socket down; libmicrohttpd notices and closes. */
void repli__web_connection_cut(repli__web_connection *connection);
/* The same, of one that may be suspended. */
void repli__web_connection_abort(repli__web_connection *connection);

/* What is asked of the loop, by another thread unless it is driven. */
typedef struct repli__web_order {
    const repli__web_settings *settings;
    /* Take the places of the present ones; each may be NULL. */
    repli__web_daemon *tls[REPLI__WEB_TLS_SETS];
    int stop;
    uint64_t stop_deadline_ns;
} repli__web_order;

/* repli__web_counts, written by the loop alone. */
enum {
    REPLI__WEB_COUNT_OPEN,
    REPLI__WEB_COUNT_CONNECTIONS,
    REPLI__WEB_COUNT_CUT,
    REPLI__WEB_COUNT_REQUESTS,
    REPLI__WEB_COUNT_REFUSED,
    REPLI__WEB_COUNT_IN,
    REPLI__WEB_COUNT_OUT,
    REPLI__WEB_COUNT_OF, /* open, of kind 0 */
    REPLI__WEB_COUNTS = REPLI__WEB_COUNT_OF + REPLI__WEB_KINDS
};

struct repli__web {
    repli__mem mem;
    pid_t owner; /* the process whose connections these are */
    size_t connection_memory;
    const char *loop_name;
    const char *worker_name;
    const char *relief_name; /* NULL: there is none */
    repli__web_settings settings;
    repli__web_listeners listeners;
    repli__web_mailbox *mailbox;
    repli__web_worker worker;
    repli__web_relief relief;
    pthread_t thread;
    pthread_t relief_thread;
    int started; /* the threads were */
    int driven;  /* there is no thread */
    int epoll_fd;
    /* Held for a turn of one that is driven, which orders come between. */
    pthread_mutex_t turning;

    /* Orders, one at a time. */
    pthread_mutex_t mutex;
    pthread_cond_t obeyed;
    const repli__web_order *order;

    atomic_ullong counts[REPLI__WEB_COUNTS];

    /* Whoever's turn it is. */
    uint64_t now_ns;
    int rung; /* the mailbox or an order wants attention */
    repli__web_daemon *plain;
    repli__web_daemon *tls[REPLI__WEB_TLS_SETS]; /* NULL: all is served in plain text */
    repli__web_daemon *daemons;                  /* all, with those that were replaced */
    repli__web_connection *connections;
    size_t connection_count;
    uint64_t next_deadline_ns; /* no deadline is earlier */
    repli__web_lingerers lingerers;
    size_t stream_count;
    size_t held_count;         /* connections */
    uint64_t held_until_ns;    /* none of them is suspended before */
    uint64_t body_bytes;       /* of bodies that connections have received */
    int reserves;              /* there are privileged listeners */
    int recheck;               /* which listeners are to be watched */
    int paused;                /* some are not */
    uint64_t accepts_again_ns; /* none is before, for want of descriptors; 0: now */
    int stopping;
    uint64_t stop_deadline_ns;

    /* What MHD_add_connection() is just being called for; accepted_by is NULL once it was told. */
    const repli__web_listener *accepted_by;
    repli__web_daemon *accepted_for;
    int accepted_fd;
};

/* On a zeroed web, and to be disposed of even if it fails. */
int32_t repli__web_loop_init(repli__web *web, const repli__web_handler *handler, repli_error *err);
/* Once listeners are set. */
int32_t repli__web_loop_watch(repli__web *web, repli_error *err);
int32_t repli__web_loop_start(repli__web *web, repli_error *err);
/* After it was ordered to stop. */
void repli__web_loop_join(repli__web *web);
/* Serve TLS from the start on. Takes the daemons over; NULL is fine. */
void repli__web_loop_set_tls(repli__web *web, repli__web_daemon *const tls[REPLI__WEB_TLS_SETS]);
/* Watch a daemon that an order is going to install. */
int32_t repli__web_loop_add(repli__web *web, repli__web_daemon *daemon, repli_error *err);
/* Returns once the order was obeyed. */
void repli__web_loop_order(repli__web *web, const repli__web_order *order);
/* Cut off what goes on, and free all. */
void repli__web_loop_dispose(repli__web *web);

/* A deadline was set. */
void repli__web_loop_arm(repli__web *web, uint64_t deadline_ns);
void repli__web_loop_count(repli__web *web, int which, int64_t more);

/*
 * hold.c: libmicrohttpd takes longer to suspend a connection and to resume it, with its calls of
 * the kernel, than an answer of another thread often needs. So connections that wait for one are
 * held at first: libmicrohttpd asks for their answers again in each of its next runs, and who has
 * none after some of them, or too late, is suspended.
 */

/* One that waits for its answer: hold or suspend it. */
void repli__web_hold(repli__web_connection *connection);
/* It is held, and asked for its answer, which is not there. */
void repli__web_hold_on(repli__web_connection *connection);
/* It is held no longer. */
void repli__web_unhold(repli__web_connection *connection);
/* Wait until all that are held have answers, or there is something else to do. */
void repli__web_hold_wait(repli__web *web);
/* Give those their answers who have some. */
void repli__web_deliver(repli__web *web);

/* accept.c */
int repli__web_watch(const repli__web *web, int fd, void *source);
void repli__web_accept_some(repli__web *web, const repli__web_listener *listener);
/* Watch those listeners whose connections could be taken; the others' wait in the kernel. */
void repli__web_watch_listeners(repli__web *web);

#endif
