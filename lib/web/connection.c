#include <sys/socket.h>

#include "base/clock.h"
#include "web/loop.h"
#include "web/tls.h"

void repli__web_connection_enter(repli__web_connection *connection, int phase,
                                 uint64_t deadline_ns) {
    connection->phase = phase;
    connection->since_ns = connection->web->now_ns;
    connection->deadline_ns = deadline_ns;
    repli__web_loop_arm(connection->web, deadline_ns);
}

gnutls_session_t repli__web_connection_session(const repli__web_connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? (gnutls_session_t)info->tls_session : NULL;
}

/* Opened and closed. */

static int kind_count(const repli__web_connection *connection) {
    return REPLI__WEB_COUNT_OF + connection->listener->kind % REPLI__WEB_KINDS;
}

static void link_in(repli__web_connection *connection) {
    repli__web *web = connection->web;
    connection->next = web->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    web->connections = connection;
    web->connection_count++;
    connection->daemon->connections++;
    repli__web_loop_count(web, REPLI__WEB_COUNT_OPEN, 1);
    repli__web_loop_count(web, kind_count(connection), 1);
    repli__web_loop_count(web, REPLI__WEB_COUNT_CONNECTIONS, 1);
}

static void unlink_from(repli__web_connection *connection) {
    repli__web *web = connection->web;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        web->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    web->connection_count--;
    connection->daemon->connections--;
    repli__web_loop_count(web, REPLI__WEB_COUNT_OPEN, -1);
    repli__web_loop_count(web, kind_count(connection), -1);
}

/* One that there is no memory for. */
static void cut_unknown(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        shutdown(info->connect_fd, SHUT_RDWR);
}

static repli__web_connection *opened(repli__web *web, struct MHD_Connection *mhd) {
    if (web->accepted_by == NULL)
        return NULL;
    repli__web_connection *connection = repli__calloc(&web->mem, 1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->exchange = repli__web_exchange_new(web->mailbox, connection);
    if (connection->exchange == NULL) {
        repli__free(&web->mem, connection);
        return NULL;
    }
    connection->web = web;
    connection->daemon = web->accepted_for;
    connection->listener = web->accepted_by;
    web->accepted_by = NULL;
    connection->mhd = mhd;
    connection->fd = web->accepted_fd;
    link_in(connection);
    repli__web_connection_enter(connection, REPLI__WEB_OPENING,
                                web->now_ns + web->settings.request_ns);
    return connection;
}

static void closed(repli__web_connection *connection) {
    repli__web *web = connection->web;
    repli__web_stream_end(connection);
    if (connection->lingers && !web->stopping)
        repli__web_loop_arm(
            web, repli__web_linger(&web->lingerers, web->epoll_fd, connection->fd, web->now_ns));
    unlink_from(connection);
    web->body_bytes -= connection->counted;
    if (connection->exchange != NULL) {
        connection->exchange->connection = NULL;
        repli__web_exchange_abandon(connection->exchange);
    }
    repli__free(&web->mem, connection);
    web->recheck |= web->paused;
}

void repli__web_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code) {
    repli__web *web = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context != NULL)
            closed(*socket_context);
        return;
    }
    repli__web_connection *connection = opened(web, mhd);
    *socket_context = connection;
    if (connection == NULL) {
        cut_unknown(mhd);
    } else if (connection->daemon->mutual) {
        const gnutls_session_t session = repli__web_connection_session(connection);
        if (session != NULL)
            repli__web_tls_require_client(session);
        else
            repli__web_connection_cut(connection);
    }
}

/* Ended by us. */

void repli__web_connection_cut(repli__web_connection *connection) {
    shutdown(connection->fd, SHUT_RDWR);
    repli__web_connection_enter(connection, REPLI__WEB_CUT, UINT64_MAX);
    connection->daemon->ready = 1;
}

void repli__web_connection_detach(repli__web_connection *connection) {
    repli__web_unhold(connection);
    connection->exchange->connection = NULL;
    repli__web_exchange_unref(connection->exchange);
    connection->exchange = NULL;
}

void repli__web_connection_abort(repli__web_connection *connection) {
    const int suspended = connection->phase == REPLI__WEB_QUIET ||
                          (connection->phase == REPLI__WEB_WAITING && !connection->ready);
    const int held = connection->held > 0;
    repli__web_connection_cut(connection);
    if (!suspended)
        return;
    /* Others may be at work on it. */
    repli__web_connection_detach(connection);
    if (!held)
        MHD_resume_connection(connection->mhd);
}

void repli__web_connection_resume(repli__web_connection *connection) {
    connection->ready = 1;
    connection->daemon->ready = 1;
    if (connection->held > 0)
        repli__web_unhold(connection);
    else
        MHD_resume_connection(connection->mhd);
}
