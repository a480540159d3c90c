#ifndef REPLI_WEB_WEB_H
#define REPLI_WEB_WEB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <replicante/alloc.h>
#include <replicante/error.h>

#include "base/mem.h"

/*
 * Listening for HTTP, over libmicrohttpd, for whoever knows what to answer. A server has one loop
 * for all its listeners, plain text and TLS, which keeps the limits on connections, bodies and
 * time. The loop never waits: what may take long is done by others while the connection is
 * suspended, and answered from wherever it ends.
 *
 * A server has two threads, of the loop and of the worker, and a third if its user may block the
 * loop; or none: then its user turns it.
 *
 *   repli__web_new(), repli__web_listen() for each address, repli__web_start() or
 * repli__web_drive(); repli__web_reload() meanwhile; repli__web_stop(), repli__web_free().
 */
typedef struct repli__web repli__web;

/* Requests. */

/* How a request came. */
#define REPLI__WEB_UNIX (1u << 0)     /* by a UNIX socket */
#define REPLI__WEB_LOOPBACK (1u << 1) /* by a TCP address that only this machine reaches */
#define REPLI__WEB_TLS (1u << 2)
#define REPLI__WEB_MUTUAL (1u << 3) /* over TLS, and the client has a certificate of ours */

/* What request.target has room for; a longer one is cut, and so fills it. */
enum { REPLI__WEB_TARGET_SIZE = 2049 };

/*
 * A request that has arrived as a whole. It lives until it is answered, however long that takes and
 * even if the client or the server is gone by then; until then only who answers it changes anything
 * about it. One that is answered by a stream lives until the stream's end.
 */
typedef struct repli__web_request {
    const char *method;
    const char *target; /* of the request line, still percent-encoded */
    const char *body;   /* may be NULL if there is none */
    size_t body_size;   /* bytes */
    /* Who the client has proven to be: the subject of its certificate (RFC 4514) or "sha256:…" of
     * it, or "uid:N" at the other end of a UNIX socket. NULL: nobody in particular. */
    const char *peer;
    int kind;       /* of the listener that it came by */
    uint32_t flags; /* REPLI__WEB_UNIX, … */
    /* handler.call_size bytes for the user, aligned for everything; what a former request of the
     * connection left there, at first zeros. NULL if that is 0. */
    void *call;
} repli__web_request;

/* The value of the first header of that name, in any case, or NULL. Within begin() only. */
const char *repli__web_header(const repli__web_request *request, const char *name);

enum {
    REPLI__WEB_AT_ONCE = 1, /* answer() is called at once, by the loop: it must not block */
    REPLI__WEB_WORKER       /* by the worker, one at a time in their order: it may block */
};

enum {
    REPLI__WEB_TURN_BEGINS = 1, /* the loop is going to take requests */
    REPLI__WEB_TURN_ENDS,       /* it has taken all that there were */
    REPLI__WEB_TURN_IS_OVER     /* likewise, and what comes of them may be done here and now, also
                                   if it blocks: others turn the loop then */
};

/* What to do with requests. */
typedef struct repli__web_response repli__web_response;
typedef struct repli__web_handler {
    void *user_data;
    size_t call_size; /* of request.call */
    /* The loop: the headers are there, and the method, target, flags and kind of the request. How
     * many bytes its body may have. NULL: settings.max_body. */
    uint64_t (*max_body)(void *user_data, const repli__web_request *request);
    /* The loop: look at a request and say how it is to be answered. */
    int (*begin)(void *user_data, const repli__web_request *request);
    /* Answer, now or later, from any thread, exactly once: with repli__web_answer(),
     * repli__web_answer_prepared() or repli__web_answer_stream(). */
    void (*answer)(void *user_data, const repli__web_request *request);
    /* The loop: the same for a request that is refused before begin(); of its fields only flags,
     * kind and target are set. status is 413 for a body that is too large, 503 for one that there
     * is no room for now. To be answered at once, with repli__web_answer(). */
    void (*refuse)(void *user_data, const repli__web_request *request, int32_t status,
                   const repli_error *why);
    /* The loop: REPLI__WEB_TURN_*; NULL: nobody wants to know. */
    void (*turn)(void *user_data, int what);
    /* What is answered if there is no memory for an answer. Static, with a static body. */
    const repli__web_response *no_memory;
} repli__web_handler;

/* Answers. */

typedef struct repli__web_pair {
    const char *name;
    const char *value;
} repli__web_pair;

struct repli__web_response {
    int32_t status;           /* such as 200 */
    int32_t retry_after_s;    /* seconds, for the header of that name; 0: none */
    const char *content_type; /* NULL: no such header */
    /* Sent as it is, but left out by itself if the method was HEAD. */
    const char *body;
    size_t body_size; /* bytes */
    /* Says that the body stays where it is until release(owner), which is called once, on any
     * thread, whatever comes of the answer. NULL: the body may go when the call returns, and is
     * copied. repli__web_release_nothing is for static bodies. */
    void (*release)(void *owner);
    void *owner;
    /* Others, but no Content-Length, Transfer-Encoding, Connection or Date. Copied. */
    const repli__web_pair *headers;
    size_t header_count;
};

void repli__web_release_nothing(void *owner);

/* Any thread; the request is gone. Answers that come from other threads than the loop's while it is
 * busy wake it once. */
void repli__web_answer(const repli__web_request *request, const repli__web_response *response);

/* An answer made once to be given often, which then takes no memory nor a copy. Counted
 * references; any thread, and the server it is given to may be any and gone. */
typedef struct repli__web_prepared repli__web_prepared;

/* The response's body is released in case of failure, too. */
int32_t repli__web_prepare(const repli__mem *mem, const repli__web_response *response,
                           repli__web_prepared **ret_prepared, repli_error *err);
void repli__web_prepared_ref(repli__web_prepared *prepared);
void repli__web_prepared_unref(repli__web_prepared *prepared);
/* Leaves the caller's reference to the caller. */
void repli__web_answer_prepared(const repli__web_request *request, repli__web_prepared *prepared);

/* Streams: answers of any length, read from their producer as fast as the client reads them. */

enum {
    REPLI__WEB_MORE = 1, /* next() is called again once the page has been sent */
    REPLI__WEB_NOT_YET,  /* only when woken after that */
    REPLI__WEB_END,      /* the page was the last */
    REPLI__WEB_BREAK     /* the page is not sent, and the connection ends such that the client sees
                            that something is missing */
};

typedef struct repli__web_stream {
    void *user_data;
    /* The worker: append the next page, of a bounded size, to page, which is empty and takes
     * memory as the server does. One call at a time. In driven mode it is made in a turn. */
    int (*next)(void *user_data, repli_buf *page);
    /* Once, after the last next(), on any thread: the client has it all, or is gone, or the server
     * stops. May be NULL. */
    void (*end)(void *user_data);
    /* It goes on until the client leaves, so that it may just end when the server stops; any other
     * may finish until the deadline, and is then broken off. */
    int endless;
    /* Sent when there was nothing to send for beat_ms, which also tells a client that is gone from
     * one that waits; static. NULL: nothing is. */
    const char *beat;
    uint32_t beat_ms;
} repli__web_stream;

/* Within begin(): the request may be answered by a stream. 0, unless there is no room for another:
 * half of the connections are for others. */
int repli__web_may_stream(const repli__web_request *request);
/* For such a request; any thread. response is how it begins; its body comes before the pages. Ends
 * stream, in any case. A client that takes nothing for settings.request_ns is cut off. */
void repli__web_answer_stream(const repli__web_request *request,
                              const repli__web_response *response, const repli__web_stream *stream);
/* There may be a next page; any thread, but not after end(). A call while next() runs counts. */
void repli__web_wake(const repli__web_request *request);
/* The same for all of the server's streams. */
void repli__web_wake_all(repli__web *web);

/* Servers. */

typedef struct repli__web_settings {
    uint32_t max_connections; /* at once; idle ones make room, others wait for it in the kernel */
    uint64_t request_ns;      /* for a request to arrive, and to take each part of an answer */
    uint64_t keep_alive_ns;   /* for the next request of a connection */
    uint64_t max_body;        /* bytes of a request's body */
    uint64_t max_bodies;      /* bytes of all of them at once; 0: what connections may have */
} repli__web_settings;

/* Listeners may differ in their certificates. */
enum { REPLI__WEB_TLS_SETS = 2 };

/* Texts in PEM. */
typedef struct repli__web_tls {
    const char *certificate; /* NULL: no TLS */
    const char *key;
    const char *client_ca; /* whoever has no certificate of these is not let in; NULL: anybody is */
} repli__web_tls;

typedef struct repli__web_options {
    const repli__mem *mem; /* copied; NULL: repli__mem_default */
    repli__web_handler handler;
    repli__web_settings settings;
    repli__web_tls tls[REPLI__WEB_TLS_SETS];
    /* Bytes for a connection: a request's line and headers have to fit in, and it is the most that
     * a stream sends at once. Cleared after each request, so more costs time. 0: 8 KiB. */
    size_t connection_memory;
    /* Names of the threads, 15 bytes at most. */
    const char *loop_name;
    const char *worker_name;
    /* Of another thread, for REPLI__WEB_TURN_IS_OVER; NULL: turns just end. */
    const char *relief_name;
} repli__web_options;

/* One of tcp and unix_path. */
typedef struct repli__web_address {
    int kind;              /* the user's own, told with each request */
    const char *tcp;       /* "host:port"; port 0: any */
    const char *unix_path; /* a file that nobody listens on any more is replaced */
    mode_t mode;           /* of the UNIX socket */
    int tls; /* which of the certificates, counted from 1, if the server has them; 0: plain text */
    /* A few connections are kept for such addresses, so that a crowd at the others does not lock
     * out who comes by these. */
    int privileged;
} repli__web_address;

/* Whether they make sense at all. REPLI_EINVALID, with the reason. */
int32_t repli__web_check_tcp(const char *tcp, repli_error *err);
int32_t repli__web_check_unix(const char *path, repli_error *err);
int32_t repli__web_check_tls(const repli__web_tls *tls, repli_error *err);
/* Likewise, of those who may have a CA alone, as clients do. */
int32_t repli__web_check_pem(const repli__web_tls *tls, repli_error *err);

/* Everything in options is copied, but for static texts and the user's data. */
int32_t repli__web_new(const repli__web_options *options, repli__web **ret_web, repli_error *err);
/* Before the start. ret_port may be NULL. */
int32_t repli__web_listen(repli__web *web, const repli__web_address *address, uint16_t *ret_port,
                          repli_error *err);
/* Serve, with threads. */
int32_t repli__web_start(repli__web *web, repli_error *err);
/* Serve, without: repli__web_turn() is to be called, by one thread at a time, when *ret_fd is
 * readable and when it last asked for, the first time at once. */
int32_t repli__web_drive(repli__web *web, int *ret_fd, repli_error *err);
/* Never blocks. Returns when to turn again at the latest: monotonic nanoseconds; 0: at once;
 * UINT64_MAX: when there is something to read. */
uint64_t repli__web_turn(repli__web *web);

/* New limits and certificates, without losing a connection; those of before end with their next
 * answer if the certificate changes. On failure everything stays as it was. Any thread, but one at
 * a time; REPLI_EFORK in a child of the process that made the server. */
int32_t repli__web_reload(repli__web *web, const repli__web_settings *settings,
                          const repli__web_tls tls[REPLI__WEB_TLS_SETS], repli_error *err);

/* Accept nothing more; what has begun may be finished until deadline_ns (monotonic). Returns when
 * it is, or, if the server is driven, at once: then turn on until repli__web_stopped(). */
void repli__web_stop(repli__web *web, uint64_t deadline_ns);
int repli__web_stopped(const repli__web *web);
/* Cuts off what still goes on. Requests that were not answered yet may be so afterwards. In a
 * forked child it only gives back what is the child's own, which may be done without stop. NULL is
 * fine. */
void repli__web_free(repli__web *web);

/* 0 in a child of the process that made the server, which can only free it. */
int repli__web_is_ours(const repli__web *web);

/* Kinds up to that are counted. */
enum { REPLI__WEB_KINDS = 4 };

/* Since the start, but for those that are open; any thread. */
typedef struct repli__web_counts {
    uint64_t open;        /* connections at the moment */
    uint64_t connections; /* accepted */
    uint64_t cut;         /* of these: ended by us, for a limit on time or for want of room */
    uint64_t requests;    /* that arrived as a whole, or were refused */
    uint64_t refused;     /* of these: for the size of their body */
    uint64_t bytes_in;    /* of bodies */
    uint64_t bytes_out;   /* of bodies */
    uint64_t open_of[REPLI__WEB_KINDS]; /* open, by kind of listener */
} repli__web_counts;

void repli__web_count(const repli__web *web, repli__web_counts *ret_counts);

#endif
