#ifndef REPLI_WEB_EXCHANGE_H
#define REPLI_WEB_EXCHANGE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "web/mailbox.h"
#include "web/reply.h"

struct repli__web_connection;

enum { REPLI__WEB_METHOD_SIZE = 24 }; /* with the NUL; a longer one is cut */

/*
 * A request and its answer, which may come from another thread, and after the connection or the
 * whole server is gone. Each connection has one and uses it again and again. Everything but the
 * answer belongs to the loop's thread; whoever is to answer reads request while the loop leaves it
 * alone.
 */
struct repli__web_exchange {
    repli__web_request request; /* first: it is what users know the exchange by */
    atomic_uint references;
    repli__web_mailbox *mailbox;
    struct repli__web_connection *connection; /* NULL once it is gone */
    repli__web_exchange *next;                /* in the mailbox or the worker's queue */

    char method[REPLI__WEB_METHOD_SIZE];
    char target[REPLI__WEB_TARGET_SIZE];
    char *body; /* behind request.body */
    size_t body_capacity;
    char *peer; /* behind request.peer, of all requests of the connection */

    /* Set while the loop's thread is within the handler: an answer from that thread needs no
     * detour. */
    atomic_int calling;
    pthread_t caller;

    repli__web_reply reply;
    int interrupted; /* in the midst of its body: the answer is the last thing that is sent */

    /* Of a stream: the pages, of which the present one was made by the worker. */
    repli__web_stream stream; /* next is NULL: this is none */
    repli_buf page;
    int verdict;        /* REPLI__WEB_MORE, …: what comes after the page */
    atomic_int woken;   /* since the page was asked for */
    unsigned long news; /* the mailbox's, when it was */

    alignas(max_align_t) char call[]; /* behind request.call */
};

repli__web_exchange *repli__web_exchange_new(repli__web_mailbox *mailbox,
                                             struct repli__web_connection *connection);
void repli__web_exchange_ref(repli__web_exchange *exchange);
void repli__web_exchange_unref(repli__web_exchange *exchange);
/* The same, by whoever may touch the reply, of an exchange whose connection is gone: a stream's
 * reply has a reference, too. */
void repli__web_exchange_abandon(repli__web_exchange *exchange);
/* Make room for size more bytes of body. Not 0 on success. */
int repli__web_exchange_reserve(repli__web_exchange *exchange, size_t size);
/* Forget request and answer, and give back memory that a large request took. */
void repli__web_exchange_reset(repli__web_exchange *exchange);

/* Done by the worker: have the request answered, or make the next page of its stream. Takes over a
 * reference. */
void repli__web_exchange_work(repli__web_exchange *exchange);
/* On the loop's thread: have it answered, which takes over a reference, too. An answer that comes
 * at once goes straight to the connection. why not NULL: refuse it with that and status. */
void repli__web_exchange_begin(repli__web_exchange *exchange, int32_t status,
                               const repli_error *why);

/* stream.c: gives libmicrohttpd what a stream has; cls is the exchange. */
ssize_t repli__web_stream_give(void *cls, uint64_t position, char *to, size_t room);
/* request.c: the reply is there, on the loop's thread and within a callback of libmicrohttpd. */
void repli__web_connection_answer(struct repli__web_connection *connection);

#endif
