#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "http/loop.h"

/* How often a stream without news gives a sign of life, by which it is also noticed that the client
 * is gone. */
enum { BEAT_S = 15, BLOCK = 2048 };

static const char beat[] = ":\n\n";

/* News. */

static void hear(void *user_data, const repli_event *event) {
    repli__http_loop *loop = user_data;
    atomic_store(&loop->newest, event->number);
    repli__http_mailbox_ring(loop->mailbox);
}

static const char *header(const repli__http_connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, name);
}

/* The number of the event that a client saw last; 0 if that makes no sense. */
static int take_last_id(const char *text, int64_t *ret_cursor) {
    int64_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < INT64_MAX / 20; text++)
        number = number * 10 + (*text - '0');
    *ret_cursor = number;
    return *text == '\0';
}

static void refuse(repli__http_call *call, int32_t status, int32_t code, const char *why) {
    call->handler = NULL;
    call->database = 0;
    call->status = status;
    call->error = (repli_error)REPLI_ERROR_INIT;
    repli__error(&call->error, code, "http", "%s", why);
}

/* Half of the connections are for others. */
static int is_full(const repli__http_loop *loop) {
    return loop->stream_count >= (loop->settings.max_connections + 1) / 2;
}

void repli__http_stream_ask(repli__http_connection *connection, const char *method) {
    repli__http_loop *loop = connection->loop;
    repli__http_exchange *exchange = connection->exchange;
    repli__http_call *call = &exchange->call;
    const char *accept = header(connection, MHD_HTTP_HEADER_ACCEPT);
    if (call->handler != repli__http_events || strcmp(method, "GET") != 0 || accept == NULL ||
        strstr(accept, "text/event-stream") == NULL)
        return;
    const char *last_id = header(connection, "Last-Event-ID");
    repli_error error = REPLI_ERROR_INIT;
    exchange->cursor = REPLI__HTTP_CURSOR_NONE;
    if (last_id != NULL && !take_last_id(last_id, &exchange->cursor))
        refuse(call, 400, REPLI_EINVALID, "Last-Event-ID must be the number of an event");
    else if (is_full(loop))
        refuse(call, 503, REPLI_EFULL, "as many clients as may follow events at once do so");
    else if (loop->news == NULL && repli_agent_subscribe(loop->agent, REPLI_EVENTS_NEW, hear, loop,
                                                         &loop->news, &error) != REPLI_OK)
        refuse(call, 503, error.code, error.message);
    if (call->handler == NULL)
        return;
    call->handler = repli__http_events_stream;
    call->cursor = &exchange->cursor;
    connection->streams = 1;
    connection->sent = 0;
    connection->beats = 0;
    loop->stream_count++;
}

void repli__http_stream_end(repli__http_connection *connection) {
    repli__http_loop *loop = connection->loop;
    if (!connection->streams)
        return;
    connection->streams = 0;
    if (--loop->stream_count == 0) {
        repli_agent_unsubscribe(loop->agent, loop->news);
        loop->news = NULL;
    }
}

/* Sending. */

static uint64_t patience_ns(const repli__http_connection *connection) {
    return connection->loop->now_ns + connection->loop->settings.request_ns;
}

/* Have the worker read the next page, while the connection is suspended. */
static void read_on(repli__http_connection *connection) {
    repli__http_connection_enter(connection, REPLI__HTTP_WAITING, UINT64_MAX);
    repli__http_exchange_ref(connection->exchange);
    repli__http_worker_add(&connection->loop->worker, connection->exchange);
}

static void be_quiet(repli__http_connection *connection) {
    const uint64_t beat_ns = BEAT_S * (uint64_t)REPLI__NS_PER_S;
    repli__http_connection_enter(connection, REPLI__HTTP_QUIET, connection->loop->now_ns + beat_ns);
}

/* The next part of the page that is there. */
static ssize_t send_some(repli__http_connection *connection, char *to, size_t room) {
    repli__http_exchange *exchange = connection->exchange;
    const size_t left = exchange->answer.body_size - connection->sent;
    const size_t size = left < room ? left : room;
    memcpy(to, exchange->answer.body + connection->sent, size);
    connection->sent += size;
    repli__http_connection_enter(connection, REPLI__HTTP_SENDING, patience_ns(connection));
    return (ssize_t)size;
}

static ssize_t send_beat(repli__http_connection *connection, char *to) {
    connection->beats = 0;
    memcpy(to, beat, sizeof(beat) - 1);
    repli__http_connection_enter(connection, REPLI__HTTP_SENDING, patience_ns(connection));
    return sizeof(beat) - 1;
}

/* There is nothing to send: read on, or, if the last page was empty and nothing has happened since,
 * wait for news. */
static ssize_t pause_sending(repli__http_connection *connection) {
    const int had_news = connection->sent > 0;
    const int was_read = connection->ready;
    connection->sent = 0;
    connection->ready = 0;
    repli__http_exchange_drop_answer(connection->exchange);
    if (was_read && !had_news &&
        atomic_load(&connection->loop->newest) <= connection->exchange->cursor)
        be_quiet(connection);
    else
        read_on(connection);
    MHD_suspend_connection(connection->mhd);
    return 0;
}

static ssize_t give(void *cls, uint64_t position, char *to, size_t room) {
    (void)position;
    repli__http_connection *connection = cls;
    if (connection->phase == REPLI__HTTP_CUT || connection->exchange == NULL)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    const repli_http_response *answer = &connection->exchange->answer;
    if (connection->ready && answer->status != 200)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (connection->ready && connection->sent < answer->body_size)
        return send_some(connection, to, room);
    if (connection->loop->stopping || connection->daemon->replaced)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (connection->beats && room >= sizeof(beat))
        return send_beat(connection, to);
    return pause_sending(connection);
}

enum MHD_Result repli__http_stream_begin(repli__http_connection *connection) {
    struct MHD_Response *reply =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, give, connection, NULL);
    if (reply == NULL)
        return MHD_NO;
    int ok = MHD_add_response_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream") ==
             MHD_YES;
    ok &= MHD_add_response_header(reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES;
    /* Or some proxies would keep events back until they have many. */
    ok &= MHD_add_response_header(reply, "X-Accel-Buffering", "no") == MHD_YES;
    if (ok) {
        connection->answered = 1;
        repli__http_connection_enter(connection, REPLI__HTTP_SENDING, patience_ns(connection));
        ok = MHD_queue_response(connection->mhd, MHD_HTTP_OK, reply) == MHD_YES;
    }
    MHD_destroy_response(reply);
    return ok ? MHD_YES : MHD_NO;
}

/* Waking. */

static void wake(repli__http_connection *connection) {
    repli__http_connection_enter(connection, REPLI__HTTP_SENDING, patience_ns(connection));
    connection->daemon->ready = 1;
    MHD_resume_connection(connection->mhd);
}

void repli__http_stream_beat(repli__http_connection *connection) {
    connection->beats = 1;
    wake(connection);
}

void repli__http_streams_wake(repli__http_loop *loop) {
    const int64_t newest = atomic_load(&loop->newest);
    for (repli__http_connection *at = loop->stream_count > 0 ? loop->connections : NULL; at != NULL;
         at = at->next)
        if (at->phase == REPLI__HTTP_QUIET && at->exchange->cursor < newest)
            read_on(at);
}

void repli__http_streams_stop(repli__http_loop *loop) {
    for (repli__http_connection *at = loop->connections; at != NULL; at = at->next)
        if (at->phase == REPLI__HTTP_QUIET)
            wake(at);
}
