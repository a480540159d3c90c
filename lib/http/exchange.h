#ifndef REPLI_HTTP_EXCHANGE_H
#define REPLI_HTTP_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/call.h"
#include "http/source.h"

/*
 * A request and its answer, which may come from another thread, and after the connection or the
 * whole server is gone. Each connection has one and uses it again and again. Everything but the
 * answer belongs to the loop's thread; the worker reads call while the loop leaves it alone.
 */
typedef struct repli__http_exchange repli__http_exchange;
typedef struct repli__http_mailbox repli__http_mailbox;
struct repli__http_connection;

struct repli__http_exchange {
    atomic_uint references;
    repli__http_mailbox *mailbox;
    struct repli__http_connection *connection; /* NULL once it is gone */
    repli__http_exchange *next;                /* in the mailbox or the worker's queue */

    /* The request. */
    char target[REPLI__HTTP_TARGET_SIZE + 1]; /* cut, and then too long, if it does not fit */
    char *body;
    size_t body_size;
    size_t body_capacity;
    char *peer; /* NULL: not known */
    repli__http_call call;
    int64_t cursor; /* of a stream */

    /* Set while the loop's thread is within the handler: an answer from that thread needs no
     * detour. */
    atomic_int calling;
    pthread_t caller;

    /* The answer, if it made the detour. */
    repli_http_response answer;
    char *answer_body; /* behind answer.body, unless a snapshot or nobody owns that */
};

repli__http_exchange *repli__http_exchange_new(repli__http_mailbox *mailbox,
                                               struct repli__http_connection *connection);
void repli__http_exchange_ref(repli__http_exchange *exchange);
void repli__http_exchange_unref(repli__http_exchange *exchange);
/* Make room for size more bytes of body. Not 0 on success. */
int repli__http_exchange_reserve(repli__http_exchange *exchange, size_t size);
/* Forget the answer alone. */
void repli__http_exchange_drop_answer(repli__http_exchange *exchange);
/* Forget request and answer, and give back memory that a large request took. */
void repli__http_exchange_reset(repli__http_exchange *exchange);

/* Answer the exchange's call through the mailbox, from any thread but the loop's. */
void repli__http_exchange_answer(repli__http_exchange *exchange);
/* The same on the loop's thread: an answer that comes at once goes straight to the connection. */
void repli__http_exchange_begin(repli__http_exchange *exchange);

/* That way; see connection.c. */
void repli__http_connection_respond(struct repli__http_connection *connection,
                                    const repli_http_response *response);

/* Where answers from other threads wait for the loop. */
struct repli__http_mailbox {
    repli__http_source source;
    int wake_fd; /* readable once something waits */
    atomic_uint references;
    pthread_mutex_t mutex;
    int closed;
    repli__http_exchange *first;
    repli__http_exchange *last;
};

int32_t repli__http_mailbox_new(repli__http_mailbox **ret_mailbox, repli_error *err);
void repli__http_mailbox_unref(repli__http_mailbox *mailbox);
/* Wake the loop. */
void repli__http_mailbox_ring(repli__http_mailbox *mailbox);
/* Everything that waits, linked by next, each with a reference that the caller takes over. */
repli__http_exchange *repli__http_mailbox_take(repli__http_mailbox *mailbox);
/* Answers that come from now on are thrown away. */
void repli__http_mailbox_close(repli__http_mailbox *mailbox);

#endif
