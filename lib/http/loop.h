#ifndef REPLI_HTTP_LOOP_H
#define REPLI_HTTP_LOOP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include <replicante/http.h>

#include "http/exchange.h"
#include "http/linger.h"
#include "http/listen.h"
#include "http/reply.h"
#include "http/worker.h"

/*
 * One loop serves every listener. It accepts connections itself and hands them to libmicrohttpd
 * (one instance for plain text, one for TLS), which it drives through their epoll descriptors. So
 * the limits hold for all listeners together, certificates change by putting a new instance beside
 * the old one while the listening sockets stay, and libmicrohttpd starts no thread of its own.
 *
 * A turn of the loop never waits for anything but its descriptors: what may take long is done by
 * the agent, or by a worker, while the connection is suspended.
 *
 * The loop has a thread, which turns it, unless the agent is driven by its host. Then it is a
 * source of the agent's own loop: each dispatch is a turn, without waiting, and makes one call of
 * the worker's.
 */

typedef struct repli__http_settings {
    int32_t writes;
    uint32_t max_connections;
    uint64_t request_ns;
    uint64_t keep_alive_ns;
    uint64_t max_body;
} repli__http_settings;

typedef struct repli__http_loop repli__http_loop;
typedef struct repli__http_connection repli__http_connection;

/* An instance of libmicrohttpd. */
typedef struct repli__http_daemon {
    repli__http_source source;
    int epoll_fd;
    struct MHD_Daemon *mhd;
    struct repli__http_daemon *next;
    int tls;
    int mutual;   /* clients have proven who they are */
    int replaced; /* by another one: connections are to end with their next answer */
    int ready;    /* something happened on it */
    size_t connections;
    char *texts[3]; /* certificate, key, CA bundle */
    char said[256]; /* by libmicrohttpd, about why it does not start */
} repli__http_daemon;

/* options NULL: plain text. */
int32_t repli__http_daemon_new(repli__http_loop *loop, const repli_http_options *options,
                               repli__http_daemon **ret_daemon, repli_error *err);
void repli__http_daemon_free(repli__http_daemon *daemon);

/* What a connection is doing, and so what its deadline means. */
enum {
    REPLI__HTTP_OPENING = 1, /* accepted; nothing understood yet */
    REPLI__HTTP_IDLE,        /* between two requests */
    REPLI__HTTP_RECEIVING,
    REPLI__HTTP_WAITING, /* for an answer, suspended: no deadline */
    REPLI__HTTP_SENDING,
    REPLI__HTTP_QUIET, /* a stream without news, suspended; at its deadline it gives a sign of life
                        */
    REPLI__HTTP_CUT    /* its socket was shut down */
};

struct repli__http_connection {
    repli__http_connection *next;
    repli__http_connection *previous;
    repli__http_loop *loop;
    repli__http_daemon *daemon;
    const repli__http_listener *listener;
    struct MHD_Connection *mhd;
    int fd;
    int phase;
    uint64_t since_ns;
    uint64_t deadline_ns; /* UINT64_MAX: none */
    repli__http_exchange *exchange;

    /* Of the present request. */
    int headers_seen;
    int too_large;
    int lingers; /* read on after the answer, or the client may not get to see it */
    int answered;
    int failed;  /* for want of memory: to be closed */
    int ready;   /* exchange->answer is there */
    int streams; /* events, as they come; once the first answer is there, in stream.c's hands */
    size_t sent; /* of a stream's present answer */
    int beats;   /* a stream is to give a sign of life */
};

/* stream.c: events as they come. Each page is read by the worker when the one before it was sent,
 * so a client that reads slowly costs no more than one page, until its time is up. */

/* Make the call that is about to begin one for a stream, if the client wants that. */
void repli__http_stream_ask(repli__http_connection *connection, const char *method);
/* The first page is there: begin to send. MHD_NO: out of memory. */
enum MHD_Result repli__http_stream_begin(repli__http_connection *connection);
/* It has had no news for long. */
void repli__http_stream_beat(repli__http_connection *connection);
/* Its request is over, whatever it was. */
void repli__http_stream_end(repli__http_connection *connection);
/* There may be news. */
void repli__http_streams_wake(repli__http_loop *loop);
/* Those without news end. */
void repli__http_streams_stop(repli__http_loop *loop);

/* Callbacks of libmicrohttpd; cls is the loop. */
void repli__http_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode code);
void *repli__http_on_url(void *cls, const char *url, struct MHD_Connection *mhd);
enum MHD_Result repli__http_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                       const char *method, const char *version,
                                       const char *upload_data, size_t *upload_size,
                                       void **request_context);
void repli__http_on_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
                              enum MHD_RequestTerminationCode code);

/* What a connection does from now on, until then; UINT64_MAX: for as long as it takes. */
void repli__http_connection_enter(repli__http_connection *connection, int phase,
                                  uint64_t deadline_ns);
/* The answer in exchange->answer is there: let libmicrohttpd ask for it. */
void repli__http_connection_resume(repli__http_connection *connection);
/* Shut the socket down; libmicrohttpd notices and closes. */
void repli__http_connection_cut(repli__http_connection *connection);
/* The same, of one that may be suspended. */
void repli__http_connection_abort(repli__http_connection *connection);

/* What is asked of the loop, by another thread unless the host drives it. */
typedef struct repli__http_order {
    const repli__http_settings *settings;
    repli__http_daemon *tls; /* takes the place of the present one; may be NULL */
    int stop;
    uint64_t stop_deadline_ns;
} repli__http_order;

struct repli__http_loop {
    repli_agent *agent;
    repli__http_settings settings;
    repli__http_listeners listeners;
    repli__http_mailbox *mailbox;
    repli__http_worker worker;
    pthread_t thread;
    int started;          /* the thread was */
    int driven;           /* by the host: there is no thread */
    repli_source *source; /* in the agent's loop; NULL: none */
    int epoll_fd;
    /* Held for a turn in the agent's loop, which orders come between. */
    pthread_mutex_t turning;

    /* Orders, one at a time. */
    pthread_mutex_t mutex;
    pthread_cond_t obeyed;
    const repli__http_order *order;

    /* Whoever's turn it is. */
    uint64_t now_ns;
    int rung; /* the mailbox or an order wants attention */
    repli__http_daemon *plain;
    repli__http_daemon *tls;     /* NULL: the API is served in plain text */
    repli__http_daemon *daemons; /* all, with those that were replaced */
    repli__http_connection *connections;
    size_t connection_count;
    uint64_t next_deadline_ns; /* no deadline is earlier */
    repli__http_replies replies;
    repli__http_lingerers lingerers;
    size_t stream_count;
    repli_subscription *news;  /* while there are streams */
    atomic_llong newest;       /* event that was told of */
    int reserves;              /* there are other listeners than the API's */
    int recheck;               /* which listeners are to be watched */
    int paused;                /* some are not */
    uint64_t accepts_again_ns; /* none is before, for want of descriptors; 0: now */
    int stopping;
    uint64_t stop_deadline_ns;

    /* What MHD_add_connection() is just being called for. */
    const repli__http_listener *accepted_by;
    repli__http_daemon *accepted_for;
    int accepted_fd;
};

/* On a zeroed loop, and to be disposed of even if it fails. */
int32_t repli__http_loop_init(repli__http_loop *loop, repli_agent *agent, repli_error *err);
/* The daemon for the API from the start on, if that is not plain text. Takes it over. */
void repli__http_loop_set_tls(repli__http_loop *loop, repli__http_daemon *tls);
/* Once settings and listeners are set. */
int32_t repli__http_loop_start(repli__http_loop *loop, repli_error *err);
/* Watch a daemon that an order is going to install. */
int32_t repli__http_loop_add(repli__http_loop *loop, repli__http_daemon *daemon, repli_error *err);
/* Returns once the order was obeyed. */
void repli__http_loop_order(repli__http_loop *loop, const repli__http_order *order);
/* Finish what has begun until deadline_ns, then free all. */
void repli__http_loop_dispose(repli__http_loop *loop, uint64_t deadline_ns);

/* A deadline was set. */
void repli__http_loop_arm(repli__http_loop *loop, uint64_t deadline_ns);

#endif
