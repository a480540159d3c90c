#include "http/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

enum { KEPT_BODY = 64 * 1024, FIRST_BODY = 1024 };

repli__http_exchange *repli__http_exchange_new(repli__http_mailbox *mailbox,
                                               struct repli__http_connection *connection) {
    repli__http_exchange *exchange = repli__calloc(&repli__mem_default, 1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    atomic_init(&exchange->references, 1);
    atomic_init(&exchange->calling, 0);
    atomic_fetch_add(&mailbox->references, 1);
    exchange->mailbox = mailbox;
    exchange->connection = connection;
    return exchange;
}

void repli__http_exchange_ref(repli__http_exchange *exchange) {
    atomic_fetch_add(&exchange->references, 1);
}

void repli__http_exchange_drop_answer(repli__http_exchange *exchange) {
    repli__free(&repli__mem_default, exchange->answer_body);
    exchange->answer_body = NULL;
    if (exchange->answer.snapshot != NULL)
        repli_snapshot_unref(exchange->answer.snapshot);
    exchange->answer = (repli_http_response){0};
}

void repli__http_exchange_unref(repli__http_exchange *exchange) {
    if (exchange == NULL || atomic_fetch_sub(&exchange->references, 1) != 1)
        return;
    repli__http_exchange_drop_answer(exchange);
    repli__free(&repli__mem_default, exchange->body);
    repli__free(&repli__mem_default, exchange->peer);
    repli__http_mailbox_unref(exchange->mailbox);
    repli__free(&repli__mem_default, exchange);
}

int repli__http_exchange_reserve(repli__http_exchange *exchange, size_t size) {
    if (size <= exchange->body_capacity - exchange->body_size)
        return 1;
    size_t capacity = exchange->body_capacity > 0 ? exchange->body_capacity : FIRST_BODY;
    while (capacity - exchange->body_size < size) {
        if (capacity > SIZE_MAX / 2)
            return 0;
        capacity *= 2;
    }
    char *body = repli__realloc(&repli__mem_default, exchange->body, capacity);
    if (body == NULL)
        return 0;
    exchange->body = body;
    exchange->body_capacity = capacity;
    return 1;
}

void repli__http_exchange_reset(repli__http_exchange *exchange) {
    repli__http_exchange_drop_answer(exchange);
    exchange->target[0] = '\0';
    exchange->body_size = 0;
    if (exchange->body_capacity > KEPT_BODY) {
        repli__free(&repli__mem_default, exchange->body);
        exchange->body = NULL;
        exchange->body_capacity = 0;
    }
}

/* Keep a borrowed response. Without memory the answer becomes one that needs none. */
static void keep(repli__http_exchange *exchange, const repli_http_response *response) {
    exchange->answer = *response;
    if (response->snapshot != NULL) {
        repli_snapshot_ref(response->snapshot);
        return;
    }
    if (response->body_size == 0)
        return;
    exchange->answer_body = repli__alloc(&repli__mem_default, response->body_size);
    if (exchange->answer_body != NULL) {
        memcpy(exchange->answer_body, response->body, response->body_size);
        exchange->answer.body = exchange->answer_body;
        return;
    }
    static const char plain[] =
        "{\"error\":true,\"error_msg\":\"the agent has no memory for its answer\"}";
    exchange->answer = (repli_http_response){.struct_size = sizeof(repli_http_response),
                                             .status = 503,
                                             .content_type = repli__http_json,
                                             .body = plain,
                                             .body_size = sizeof(plain) - 1,
                                             .age_ms = -1};
}

/* The exchange is not to be touched after this. */
static void post(repli__http_exchange *exchange) {
    repli__http_mailbox *mailbox = exchange->mailbox;
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->closed) {
        pthread_mutex_unlock(&mailbox->mutex);
        repli__http_exchange_unref(exchange);
        return;
    }
    exchange->next = NULL;
    if (mailbox->first == NULL) {
        mailbox->first = exchange;
        repli__http_mailbox_ring(mailbox);
    } else {
        mailbox->last->next = exchange;
    }
    mailbox->last = exchange;
    pthread_mutex_unlock(&mailbox->mutex);
}

static void take_answer(void *user_data, const repli_http_response *response) {
    repli__http_exchange *exchange = user_data;
    if (atomic_load(&exchange->calling) && pthread_equal(exchange->caller, pthread_self())) {
        repli__http_connection_respond(exchange->connection, response);
        repli__http_exchange_unref(exchange);
        return;
    }
    keep(exchange, response);
    post(exchange);
}

void repli__http_exchange_answer(repli__http_exchange *exchange) {
    repli__http_call_answer(&exchange->call,
                            (repli__http_asker){.respond = take_answer, .user_data = exchange});
}

void repli__http_exchange_begin(repli__http_exchange *exchange) {
    exchange->caller = pthread_self();
    atomic_store(&exchange->calling, 1);
    repli__http_exchange_answer(exchange);
    atomic_store(&exchange->calling, 0);
}

/* Mailbox. */

int32_t repli__http_mailbox_new(repli__http_mailbox **ret_mailbox, repli_error *err) {
    repli__http_mailbox *mailbox = repli__calloc(&repli__mem_default, 1, sizeof(*mailbox));
    if (mailbox == NULL)
        return repli__error_nomem(err, "http", "starting the HTTP server");
    mailbox->source = REPLI__HTTP_SOURCE_MAILBOX;
    atomic_init(&mailbox->references, 1);
    mailbox->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->wake_fd < 0) {
        const int failed = errno;
        repli__free(&repli__mem_default, mailbox);
        return repli__error(err, REPLI_EIO, "http", "cannot make an event descriptor: %s",
                            strerror(failed));
    }
    pthread_mutex_init(&mailbox->mutex, NULL);
    *ret_mailbox = mailbox;
    return REPLI_OK;
}

void repli__http_mailbox_unref(repli__http_mailbox *mailbox) {
    if (mailbox == NULL || atomic_fetch_sub(&mailbox->references, 1) != 1)
        return;
    pthread_mutex_destroy(&mailbox->mutex);
    close(mailbox->wake_fd);
    repli__free(&repli__mem_default, mailbox);
}

void repli__http_mailbox_ring(repli__http_mailbox *mailbox) {
    const uint64_t one = 1;
    /* Fails only if it is rung already. */
    const ssize_t written = write(mailbox->wake_fd, &one, sizeof(one));
    (void)written;
}

repli__http_exchange *repli__http_mailbox_take(repli__http_mailbox *mailbox) {
    uint64_t rung;
    const ssize_t got = read(mailbox->wake_fd, &rung, sizeof(rung));
    (void)got;
    pthread_mutex_lock(&mailbox->mutex);
    repli__http_exchange *first = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = NULL;
    pthread_mutex_unlock(&mailbox->mutex);
    return first;
}

void repli__http_mailbox_close(repli__http_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->closed = 1;
    repli__http_exchange *next = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = NULL;
    pthread_mutex_unlock(&mailbox->mutex);
    while (next != NULL) {
        repli__http_exchange *exchange = next;
        next = exchange->next;
        repli__http_exchange_unref(exchange);
    }
}
