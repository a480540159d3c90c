#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "web/loop.h"
#include "web/tls.h"

/* A client that reads more slowly than this is taken for one that does not read. */
enum { SLOWEST_BYTES_PER_S = 512 * 1024 };

/* Answers. */

void repli__web_connection_answer(repli__web_connection *connection) {
    repli__web *web = connection->web;
    repli__web_reply *reply = &connection->exchange->reply;
    const uint64_t patience_ns =
        web->settings.request_ns + reply->size / SLOWEST_BYTES_PER_S * (uint64_t)REPLI__NS_PER_S;
    const int last = connection->daemon->replaced || web->stopping || connection->lingers;
    repli__web_connection_enter(connection, REPLI__WEB_SENDING, web->now_ns + patience_ns);
    repli__web_loop_count(web, REPLI__WEB_COUNT_OUT, (int64_t)reply->size);
    connection->answered = 1;
    connection->failed = repli__web_reply_send(reply, connection->mhd, last) != MHD_YES;
}

/* Requests. */

static void copy_text(char *to, size_t room, const char *text) {
    const size_t size = strnlen(text, room - 1);
    memcpy(to, text, size);
    to[size] = '\0';
}

void *repli__web_on_url(void *cls, const char *url, struct MHD_Connection *mhd) {
    repli__web *web = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    repli__web_connection *connection = info != NULL ? info->socket_context : NULL;
    if (connection == NULL || connection->phase == REPLI__WEB_CUT)
        return connection;
    copy_text(connection->exchange->target, REPLI__WEB_TARGET_SIZE, url);
    /* The first request's time runs since the connection was accepted. */
    const uint64_t deadline_ns = connection->phase == REPLI__WEB_OPENING
                                     ? connection->deadline_ns
                                     : web->now_ns + web->settings.request_ns;
    repli__web_connection_enter(connection, REPLI__WEB_RECEIVING, deadline_ns);
    return connection;
}

static const char *header(const repli__web_connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, name);
}

const char *repli__web_header(const repli__web_request *request, const char *name) {
    return header(((const repli__web_exchange *)request)->connection, name);
}

int repli__web_may_stream(const repli__web_request *request) {
    repli__web_connection *connection = ((const repli__web_exchange *)request)->connection;
    repli__web *web = connection->web;
    if (web->stream_count >= (web->settings.max_connections + 1) / 2)
        return 0;
    connection->streams = 1;
    web->stream_count++;
    return 1;
}

static int is_local(const repli__web_listener *listener) {
    return listener->path[0] != '\0';
}

/* What is known of a request before it is complete. */
static void describe(repli__web_connection *connection) {
    const repli__web_listener *listener = connection->listener;
    repli__web_request *request = &connection->exchange->request;
    request->kind = listener->kind;
    request->flags = (is_local(listener) ? REPLI__WEB_UNIX : 0) |
                     (listener->loopback ? REPLI__WEB_LOOPBACK : 0) |
                     (connection->daemon->tls ? REPLI__WEB_TLS : 0) |
                     (connection->daemon->mutual ? REPLI__WEB_MUTUAL : 0);
}

/* Bodies. */

static void refuse_size(repli__web_connection *connection, int32_t status) {
    repli_error error = REPLI_ERROR_INIT;
    if (status == 413)
        repli__error(&error, REPLI_EFULL, "http", "the request's body is larger than %llu bytes",
                     (unsigned long long)connection->max_body);
    else
        repli__error(&error, REPLI_EFULL, "http",
                     "other requests' bodies take all the room that there is: try again later");
    connection->lingers = 1;
    repli__web_loop_count(connection->web, REPLI__WEB_COUNT_REQUESTS, 1);
    repli__web_loop_count(connection->web, REPLI__WEB_COUNT_REFUSED, 1);
    repli__web_exchange_ref(connection->exchange);
    repli__web_exchange_begin(connection->exchange, status, &error);
}

/* As Content-Length says it; a number that is none is libmicrohttpd's to refuse. */
static uint64_t size_of(const char *text) {
    uint64_t size = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (size > UINT64_MAX / 10 - 1)
            return UINT64_MAX;
        size = size * 10 + (uint64_t)(*text - '0');
    }
    return size;
}

/* How much more all bodies may take. */
static uint64_t room_for_bodies(const repli__web *web) {
    const uint64_t most = web->settings.max_bodies;
    return most == 0 ? UINT64_MAX : most > web->body_bytes ? most - web->body_bytes : 0;
}

/* The status with which a body that has size more bytes is refused; 0: it is not. */
static int32_t refusal_of(const repli__web_connection *connection, uint64_t size) {
    const size_t used = connection->exchange->request.body_size;
    if (size > connection->max_body || used > connection->max_body - size)
        return 413;
    return size > room_for_bodies(connection->web) ? 503 : 0;
}

static uint64_t max_body_of(const repli__web_connection *connection) {
    const repli__web_handler *handler = &connection->exchange->mailbox->handler;
    return handler->max_body != NULL
               ? handler->max_body(handler->user_data, &connection->exchange->request)
               : connection->web->settings.max_body;
}

/* The body has not been read yet: an answer now ends the connection. */
static enum MHD_Result take_headers(repli__web_connection *connection, const char *method) {
    connection->headers_seen = 1;
    copy_text(connection->exchange->method, sizeof(connection->exchange->method), method);
    describe(connection);
    connection->max_body = max_body_of(connection);
    const char *content_length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const int32_t status =
        content_length != NULL ? refusal_of(connection, size_of(content_length)) : 0;
    if (status != 0)
        refuse_size(connection, status);
    return connection->failed ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(repli__web_connection *connection, const char *data, size_t size) {
    repli__web *web = connection->web;
    repli__web_exchange *exchange = connection->exchange;
    repli__web_loop_count(web, REPLI__WEB_COUNT_IN, (int64_t)size);
    const int32_t status = refusal_of(connection, size);
    if (status != 0) {
        exchange->interrupted = 1;
        refuse_size(connection, status);
        return MHD_NO;
    }
    if (!repli__web_exchange_reserve(exchange, size))
        return MHD_NO;
    memcpy(exchange->body + exchange->request.body_size, data, size);
    exchange->request.body_size += size;
    connection->counted += size;
    web->body_bytes += size;
    return MHD_YES;
}

/* Clients. */

/* Whom the kernel vouches for at the other end of a UNIX socket. A name would have to be looked up,
 * which may ask a network. */
static char *user_of(const repli__web_connection *connection) {
    struct ucred user;
    socklen_t size = sizeof(user);
    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0)
        return NULL;
    char text[24];
    snprintf(text, sizeof(text), "uid:%lu", (unsigned long)user.uid);
    return repli__strdup(&connection->web->mem, text);
}

/* Not 0 unless the client should have proven who it is and did not. */
static int identify(repli__web_connection *connection) {
    repli__web_exchange *exchange = connection->exchange;
    const int local = is_local(connection->listener);
    if (!local && !connection->daemon->mutual)
        return 1;
    if (exchange->peer == NULL)
        exchange->peer = local ? user_of(connection)
                               : repli__web_tls_subject(&connection->web->mem,
                                                        repli__web_connection_session(connection));
    return exchange->peer != NULL;
}

static void begin(repli__web_connection *connection) {
    repli__web_exchange *exchange = connection->exchange;
    const repli__web_handler *handler = &exchange->mailbox->handler;
    exchange->request.body = exchange->body;
    exchange->request.peer = exchange->peer;
    repli__web_loop_count(connection->web, REPLI__WEB_COUNT_REQUESTS, 1);
    repli__web_connection_enter(connection, REPLI__WEB_WAITING, UINT64_MAX);
    repli__web_exchange_ref(exchange);
    if (handler->begin(handler->user_data, &exchange->request) == REPLI__WEB_WORKER) {
        repli__web_worker_add(&connection->web->worker, exchange);
        MHD_suspend_connection(connection->mhd);
        return;
    }
    repli__web_exchange_begin(exchange, 0, NULL);
    if (!connection->answered)
        repli__web_hold(connection);
}

enum MHD_Result repli__web_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version,
                                      const char *upload_data, size_t *upload_size,
                                      void **request_context) {
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    repli__web_connection *connection = *request_context;
    if (connection == NULL || connection->phase == REPLI__WEB_CUT)
        return MHD_NO;
    if (!connection->headers_seen)
        return take_headers(connection, method);
    if (*upload_size > 0) {
        const size_t size = *upload_size;
        *upload_size = 0;
        return take_body(connection, upload_data, size);
    }
    if (connection->ready)
        repli__web_connection_answer(connection);
    else if (connection->held > 0)
        repli__web_hold_on(connection);
    else if (identify(connection))
        begin(connection);
    else
        return MHD_NO;
    return connection->failed ? MHD_NO : MHD_YES;
}

void repli__web_on_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
                             enum MHD_RequestTerminationCode code) {
    (void)mhd;
    (void)code;
    repli__web *web = cls;
    repli__web_connection *connection = *request_context;
    if (connection == NULL)
        return;
    repli__web_stream_end(connection);
    /* The client went away, while others are at work on it. */
    if (connection->held > 0)
        repli__web_connection_detach(connection);
    if (connection->exchange == NULL)
        return;
    repli__web_exchange_reset(connection->exchange);
    connection->headers_seen = 0;
    web->body_bytes -= connection->counted;
    connection->counted = 0;
    connection->answered = 0;
    connection->failed = 0;
    connection->ready = 0;
    connection->sent = 0;
    connection->beats = 0;
    if (connection->phase == REPLI__WEB_CUT)
        return;
    repli__web_connection_enter(connection, REPLI__WEB_IDLE,
                                web->now_ns + web->settings.keep_alive_ns);
    if (web->stopping) /* answered before that began, and so told to stay */
        repli__web_connection_cut(connection);
}
