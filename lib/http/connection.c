#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "http/loop.h"
#include "http/tls.h"

/* A client that reads more slowly than this is taken for one that does not read. */
enum { SLOWEST_BYTES_PER_S = 512 * 1024 };

void repli__http_connection_enter(repli__http_connection *connection, int phase,
                                  uint64_t deadline_ns) {
    connection->phase = phase;
    connection->since_ns = connection->loop->now_ns;
    connection->deadline_ns = deadline_ns;
    repli__http_loop_arm(connection->loop, deadline_ns);
}

/* Opened and closed. */

static gnutls_session_t session_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? (gnutls_session_t)info->tls_session : NULL;
}

static void link_in(repli__http_connection *connection) {
    repli__http_loop *loop = connection->loop;
    connection->next = loop->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    loop->connections = connection;
    loop->connection_count++;
    connection->daemon->connections++;
}

static void unlink_from(repli__http_connection *connection) {
    repli__http_loop *loop = connection->loop;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    loop->connection_count--;
    connection->daemon->connections--;
}

static repli__http_connection *opened(repli__http_loop *loop, struct MHD_Connection *mhd) {
    repli__http_connection *connection = repli__calloc(&repli__mem_default, 1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->exchange = repli__http_exchange_new(loop->mailbox, connection);
    if (connection->exchange == NULL) {
        repli__free(&repli__mem_default, connection);
        return NULL;
    }
    connection->loop = loop;
    connection->daemon = loop->accepted_for;
    connection->listener = loop->accepted_by;
    connection->mhd = mhd;
    connection->fd = loop->accepted_fd;
    link_in(connection);
    repli__http_connection_enter(connection, REPLI__HTTP_OPENING,
                                 loop->now_ns + loop->settings.request_ns);
    return connection;
}

static void let_go(repli__http_connection *connection) {
    if (connection->exchange != NULL)
        connection->exchange->connection = NULL;
    repli__http_exchange_unref(connection->exchange);
    connection->exchange = NULL;
}

static void closed(repli__http_connection *connection) {
    repli__http_loop *loop = connection->loop;
    repli__http_stream_end(connection);
    if (connection->lingers && !loop->stopping)
        repli__http_loop_arm(loop, repli__http_linger(&loop->lingerers, loop->epoll_fd,
                                                      connection->fd, loop->now_ns));
    unlink_from(connection);
    let_go(connection);
    repli__free(&repli__mem_default, connection);
    loop->recheck |= loop->paused;
}

void repli__http_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode code) {
    repli__http_loop *loop = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context != NULL)
            closed(*socket_context);
        return;
    }
    repli__http_connection *connection = opened(loop, mhd);
    *socket_context = connection;
    if (connection == NULL) {
        shutdown(loop->accepted_fd, SHUT_RDWR);
    } else if (connection->daemon->mutual) {
        const gnutls_session_t session = session_of(mhd);
        if (session != NULL)
            repli__http_tls_require_client(session);
        else
            repli__http_connection_cut(connection);
    }
}

void repli__http_connection_cut(repli__http_connection *connection) {
    shutdown(connection->fd, SHUT_RDWR);
    repli__http_connection_enter(connection, REPLI__HTTP_CUT, UINT64_MAX);
    connection->daemon->ready = 1;
}

void repli__http_connection_abort(repli__http_connection *connection) {
    const int suspended = connection->phase == REPLI__HTTP_QUIET ||
                          (connection->phase == REPLI__HTTP_WAITING && !connection->ready);
    repli__http_connection_cut(connection);
    if (suspended) {
        let_go(connection); /* others may be at work on it */
        MHD_resume_connection(connection->mhd);
    }
}

void repli__http_connection_resume(repli__http_connection *connection) {
    connection->ready = 1;
    connection->daemon->ready = 1;
    MHD_resume_connection(connection->mhd);
}

/* Answers. */

static void send_answer(repli__http_connection *connection, const repli_http_response *response,
                        char *own_body) {
    repli__http_loop *loop = connection->loop;
    const uint64_t patience_ns = loop->settings.request_ns + response->body_size /
                                                                 SLOWEST_BYTES_PER_S *
                                                                 (uint64_t)REPLI__NS_PER_S;
    const int last = connection->daemon->replaced || loop->stopping || connection->lingers;
    repli__http_connection_enter(connection, REPLI__HTTP_SENDING, loop->now_ns + patience_ns);
    connection->answered = 1;
    connection->failed =
        repli__http_reply(&loop->replies, connection->mhd, response, own_body, last) != MHD_YES;
}

void repli__http_connection_respond(repli__http_connection *connection,
                                    const repli_http_response *response) {
    send_answer(connection, response, NULL);
}

static void send_kept_answer(repli__http_connection *connection) {
    char *own_body = connection->exchange->answer_body;
    connection->exchange->answer_body = NULL;
    send_answer(connection, &connection->exchange->answer, own_body);
}

static void respond(void *user_data, const repli_http_response *response) {
    repli__http_connection_respond(user_data, response);
}

static void refuse_size(repli__http_connection *connection) {
    repli_error error = REPLI_ERROR_INIT;
    repli__error(&error, REPLI_EFULL, "http", "the request's body is larger than %llu bytes",
                 (unsigned long long)connection->loop->settings.max_body);
    repli__http_answer_error((repli__http_asker){.respond = respond, .user_data = connection}, 413,
                             NULL, &error);
}

/* Requests. */

void *repli__http_on_url(void *cls, const char *url, struct MHD_Connection *mhd) {
    (void)cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    repli__http_connection *connection = info != NULL ? info->socket_context : NULL;
    if (connection == NULL || connection->phase == REPLI__HTTP_CUT)
        return connection;
    repli__http_exchange *exchange = connection->exchange;
    const size_t size = strnlen(url, sizeof(exchange->target) - 1);
    memcpy(exchange->target, url, size);
    exchange->target[size] = '\0';
    /* The first request's time runs since the connection was accepted. */
    const uint64_t deadline_ns =
        connection->phase == REPLI__HTTP_OPENING
            ? connection->deadline_ns
            : connection->loop->now_ns + connection->loop->settings.request_ns;
    repli__http_connection_enter(connection, REPLI__HTTP_RECEIVING, deadline_ns);
    return connection;
}

static const char *header(const repli__http_connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, name);
}

static int announces_more_than(const char *content_length, uint64_t limit) {
    uint64_t size = 0;
    for (; *content_length >= '0' && *content_length <= '9'; content_length++) {
        if (size > limit)
            return 1;
        size = size * 10 + (uint64_t)(*content_length - '0');
    }
    return size > limit;
}

/* The body has not been read yet: an answer now ends the connection. */
static enum MHD_Result take_headers(repli__http_connection *connection) {
    connection->headers_seen = 1;
    const char *content_length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (content_length != NULL &&
        announces_more_than(content_length, connection->loop->settings.max_body)) {
        connection->lingers = 1;
        refuse_size(connection);
    }
    return connection->failed ? MHD_NO : MHD_YES;
}

/* What is too large is read on, but not kept: no answer can be given in the midst of it. */
static enum MHD_Result take_body(repli__http_connection *connection, const char *data,
                                 size_t size) {
    repli__http_exchange *exchange = connection->exchange;
    if (connection->too_large || exchange->body_size + size > connection->loop->settings.max_body) {
        connection->too_large = 1;
        exchange->body_size = 0;
        return MHD_YES;
    }
    if (!repli__http_exchange_reserve(exchange, size))
        return MHD_NO;
    memcpy(exchange->body + exchange->body_size, data, size);
    exchange->body_size += size;
    return MHD_YES;
}

/* A browser adds Origin to what a page of somebody else's makes it send to a loopback address. */
static int may_write(const repli__http_connection *connection) {
    const repli__http_listener *listener = connection->listener;
    if (listener->kind == REPLI__HTTP_UNIX)
        return 1;
    if (connection->loop->settings.writes != REPLI_HTTP_WRITES_AUTO)
        return connection->loop->settings.writes == REPLI_HTTP_WRITES_ALWAYS;
    return (connection->daemon->mutual || listener->loopback) &&
           header(connection, MHD_HTTP_HEADER_ORIGIN) == NULL;
}

/* Whom the kernel vouches for at the other end of a UNIX socket. A name would have to be looked up,
 * which may ask a network. */
static char *user_of(int fd) {
    struct ucred user;
    socklen_t size = sizeof(user);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0)
        return NULL;
    char text[24];
    snprintf(text, sizeof(text), "uid:%lu", (unsigned long)user.uid);
    return repli__strdup(&repli__mem_default, text);
}

/* Not 0 unless the client should have proven who it is and did not. */
static int identify(repli__http_connection *connection) {
    repli__http_exchange *exchange = connection->exchange;
    const int local = connection->listener->kind == REPLI__HTTP_UNIX;
    if (!local && !connection->daemon->mutual)
        return 1;
    if (exchange->peer == NULL)
        exchange->peer =
            local ? user_of(connection->fd) : repli__http_tls_subject(session_of(connection->mhd));
    return exchange->peer != NULL;
}

static void begin(repli__http_connection *connection, const char *method) {
    repli__http_exchange *exchange = connection->exchange;
    const uint32_t write = may_write(connection) ? REPLI_HTTP_MAY_WRITE : 0;
    const uint32_t health =
        connection->listener->kind == REPLI__HTTP_HEALTH ? REPLI_HTTP_HEALTH_ONLY : 0;
    const repli_http_request request = {.struct_size = sizeof(request),
                                        .flags = write | health,
                                        .method = method,
                                        .target = exchange->target,
                                        .body = exchange->body,
                                        .body_size = exchange->body_size,
                                        .peer = exchange->peer};
    repli__http_call_init(&exchange->call, connection->loop->agent, &request);
    repli__http_stream_ask(connection, method);
    repli__http_connection_enter(connection, REPLI__HTTP_WAITING, UINT64_MAX);
    repli__http_exchange_ref(exchange);
    if (exchange->call.handler != NULL && exchange->call.database)
        repli__http_worker_add(&connection->loop->worker, exchange);
    else
        repli__http_exchange_begin(exchange);
    if (!connection->answered)
        MHD_suspend_connection(connection->mhd);
}

enum MHD_Result repli__http_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                       const char *method, const char *version,
                                       const char *upload_data, size_t *upload_size,
                                       void **request_context) {
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    repli__http_connection *connection = *request_context;
    if (connection == NULL || connection->phase == REPLI__HTTP_CUT)
        return MHD_NO;
    if (!connection->headers_seen)
        return take_headers(connection);
    if (*upload_size > 0) {
        const size_t size = *upload_size;
        *upload_size = 0;
        return take_body(connection, upload_data, size);
    }
    if (connection->ready && connection->streams && connection->exchange->answer.status == 200)
        connection->failed = repli__http_stream_begin(connection) != MHD_YES;
    else if (connection->ready)
        send_kept_answer(connection);
    else if (connection->too_large)
        refuse_size(connection);
    else if (identify(connection))
        begin(connection, method);
    else
        return MHD_NO;
    return connection->failed ? MHD_NO : MHD_YES;
}

void repli__http_on_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
                              enum MHD_RequestTerminationCode code) {
    (void)cls;
    (void)mhd;
    (void)code;
    repli__http_connection *connection = *request_context;
    if (connection == NULL)
        return;
    repli__http_stream_end(connection);
    if (connection->exchange == NULL)
        return;
    repli__http_exchange_reset(connection->exchange);
    connection->headers_seen = 0;
    connection->too_large = 0;
    connection->answered = 0;
    connection->failed = 0;
    connection->ready = 0;
    if (connection->phase == REPLI__HTTP_CUT)
        return;
    repli__http_connection_enter(connection, REPLI__HTTP_IDLE,
                                 connection->loop->now_ns +
                                     connection->loop->settings.keep_alive_ns);
    if (connection->loop->stopping) /* answered before that began, and so told to stay */
        repli__http_connection_cut(connection);
}
