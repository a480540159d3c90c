#include "web/exchange.h"

#include <string.h>

#include "base/buf.h"
#include "web/interrupt.h"

enum { KEPT_BODY = 64 * 1024, FIRST_BODY = 1024 };

repli__web_exchange *repli__web_exchange_new(repli__web_mailbox *mailbox,
                                             struct repli__web_connection *connection) {
    repli__web_exchange *exchange =
        repli__calloc(&mailbox->mem, 1, sizeof(*exchange) + mailbox->handler.call_size);
    if (exchange == NULL)
        return NULL;
    atomic_init(&exchange->references, 1);
    atomic_init(&exchange->calling, 0);
    atomic_init(&exchange->woken, 0);
    atomic_fetch_add(&mailbox->references, 1);
    exchange->mailbox = mailbox;
    exchange->connection = connection;
    exchange->page.allocator = &mailbox->mem;
    exchange->request.method = exchange->method;
    exchange->request.target = exchange->target;
    exchange->request.call = mailbox->handler.call_size > 0 ? exchange->call : NULL;
    return exchange;
}

void repli__web_exchange_ref(repli__web_exchange *exchange) {
    atomic_fetch_add(&exchange->references, 1);
}

static void end_stream(repli__web_exchange *exchange) {
    if (exchange->stream.next == NULL)
        return;
    if (exchange->stream.end != NULL)
        exchange->stream.end(exchange->stream.user_data);
    exchange->stream = (repli__web_stream){0};
    repli_buf_dispose(&exchange->page);
    exchange->page.allocator = &exchange->mailbox->mem;
}

void repli__web_exchange_unref(repli__web_exchange *exchange) {
    if (exchange == NULL || atomic_fetch_sub(&exchange->references, 1) != 1)
        return;
    repli__web_mailbox *mailbox = exchange->mailbox;
    repli__web_reply_drop(&exchange->reply);
    end_stream(exchange);
    repli__free(&mailbox->mem, exchange->body);
    repli__free(&mailbox->mem, exchange->peer);
    repli__free(&mailbox->mem, exchange);
    repli__web_mailbox_unref(mailbox);
}

void repli__web_exchange_abandon(repli__web_exchange *exchange) {
    repli__web_reply_drop(&exchange->reply);
    repli__web_exchange_unref(exchange);
}

int repli__web_exchange_reserve(repli__web_exchange *exchange, size_t size) {
    const size_t used = exchange->request.body_size;
    if (size <= exchange->body_capacity - used)
        return 1;
    size_t capacity = exchange->body_capacity > 0 ? exchange->body_capacity : FIRST_BODY;
    while (capacity - used < size) {
        if (capacity > SIZE_MAX / 2)
            return 0;
        capacity *= 2;
    }
    char *body = repli__realloc(&exchange->mailbox->mem, exchange->body, capacity);
    if (body == NULL)
        return 0;
    exchange->body = body;
    exchange->body_capacity = capacity;
    return 1;
}

void repli__web_exchange_reset(repli__web_exchange *exchange) {
    repli__web_reply_drop(&exchange->reply);
    end_stream(exchange);
    exchange->target[0] = '\0';
    exchange->request.body_size = 0;
    if (exchange->body_capacity > KEPT_BODY) {
        repli__free(&exchange->mailbox->mem, exchange->body);
        exchange->body = NULL;
        exchange->body_capacity = 0;
    }
}

/* Answers. */

static repli__web_exchange *exchange_of(const repli__web_request *request) {
    return (repli__web_exchange *)(uintptr_t)request;
}

/* The reply is there. */
static void deliver(repli__web_exchange *exchange) {
    if (!atomic_load(&exchange->calling) || !pthread_equal(exchange->caller, pthread_self())) {
        repli__web_mailbox_post(exchange->mailbox, exchange);
        return;
    }
    repli__web_connection_answer(exchange->connection);
    repli__web_exchange_unref(exchange);
}

static void lack_memory(repli__web_exchange *exchange) {
    repli__web_reply_share(&exchange->reply, exchange->mailbox->no_memory);
}

static void interrupt(repli__web_exchange *exchange, const repli__web_response *response) {
    repli__web_interrupt(exchange->connection, response);
    if (response->release != NULL)
        response->release(response->owner);
    repli__web_exchange_unref(exchange);
}

void repli__web_answer(const repli__web_request *request, const repli__web_response *response) {
    repli__web_exchange *exchange = exchange_of(request);
    if (exchange->interrupted) {
        interrupt(exchange, response);
        return;
    }
    if (!repli__web_reply_make(&exchange->reply, response))
        lack_memory(exchange);
    deliver(exchange);
}

void repli__web_answer_prepared(const repli__web_request *request, repli__web_prepared *prepared) {
    repli__web_exchange *exchange = exchange_of(request);
    repli__web_reply_share(&exchange->reply, prepared);
    deliver(exchange);
}

/* libmicrohttpd is done with a stream's response, which has a reference. */
static void stream_ended(void *cls) {
    repli__web_exchange_unref(cls);
}

/* libmicrohttpd ends the answer to a HEAD, too, where there is only an end to tell of. */
static void answer_head(repli__web_exchange *exchange, const repli__web_response *response) {
    repli__web_response without = *response;
    without.body_size = 0;
    end_stream(exchange);
    repli__web_answer(&exchange->request, &without);
}

void repli__web_answer_stream(const repli__web_request *request,
                              const repli__web_response *response,
                              const repli__web_stream *stream) {
    repli__web_exchange *exchange = exchange_of(request);
    exchange->stream = *stream;
    if (strcmp(exchange->method, "HEAD") == 0) {
        answer_head(exchange, response);
        return;
    }
    exchange->verdict = REPLI__WEB_MORE;
    exchange->news = atomic_load(&exchange->mailbox->news);
    repli__web_exchange_ref(exchange);
    int ok = repli__web_reply_stream(&exchange->reply, response, repli__web_stream_give,
                                     stream_ended, exchange);
    if (ok && response->body_size > 0)
        ok = repli__buf_append(&exchange->page, response->body, response->body_size) == REPLI_OK;
    if (response->release != NULL)
        response->release(response->owner);
    if (!ok) {
        repli__web_reply_drop(&exchange->reply);
        end_stream(exchange);
        lack_memory(exchange);
    }
    deliver(exchange);
}

void repli__web_wake(const repli__web_request *request) {
    repli__web_exchange *exchange = exchange_of(request);
    atomic_store(&exchange->woken, 1);
    repli__web_mailbox_wake(exchange->mailbox);
}

/* Asking for them. */

static void make_page(repli__web_exchange *exchange) {
    exchange->verdict = exchange->stream.next(exchange->stream.user_data, &exchange->page);
    repli__web_mailbox_post(exchange->mailbox, exchange);
}

void repli__web_exchange_work(repli__web_exchange *exchange) {
    const repli__web_handler *handler = &exchange->mailbox->handler;
    if (exchange->stream.next != NULL)
        make_page(exchange);
    else
        handler->answer(handler->user_data, &exchange->request);
}

void repli__web_exchange_begin(repli__web_exchange *exchange, int32_t status,
                               const repli_error *why) {
    const repli__web_handler *handler = &exchange->mailbox->handler;
    exchange->caller = pthread_self();
    atomic_store(&exchange->calling, 1);
    if (why != NULL)
        handler->refuse(handler->user_data, &exchange->request, status, why);
    else
        handler->answer(handler->user_data, &exchange->request);
    atomic_store(&exchange->calling, 0);
}
