#include <string.h>

#include "base/clock.h"
#include "web/loop.h"

void repli__web_stream_end(repli__web_connection *connection) {
    if (connection->streams)
        connection->web->stream_count--;
    connection->streams = 0;
}

void repli__web_wake_all(repli__web *web) {
    atomic_fetch_add(&web->mailbox->news, 1);
    repli__web_mailbox_wake(web->mailbox);
}

static int was_woken(repli__web_exchange *exchange) {
    return atomic_load(&exchange->woken) || atomic_load(&exchange->mailbox->news) != exchange->news;
}

/* Sending. */

static void enter_sending(repli__web_connection *connection) {
    const repli__web *web = connection->web;
    repli__web_connection_enter(connection, REPLI__WEB_SENDING,
                                web->now_ns + web->settings.request_ns);
}

/* Have the worker make the next page, while the connection is suspended. */
static void read_on(repli__web_connection *connection) {
    repli__web_exchange *exchange = connection->exchange;
    atomic_store(&exchange->woken, 0);
    exchange->news = atomic_load(&exchange->mailbox->news);
    repli__web_connection_enter(connection, REPLI__WEB_WAITING, UINT64_MAX);
    repli__web_exchange_ref(exchange);
    repli__web_worker_add(&connection->web->worker, exchange);
}

static void be_quiet(repli__web_connection *connection) {
    const repli__web_stream *stream = &connection->exchange->stream;
    const uint64_t beat_ns = stream->beat_ms * (uint64_t)REPLI__NS_PER_MS;
    repli__web_connection_enter(connection, REPLI__WEB_QUIET,
                                stream->beat != NULL ? connection->web->now_ns + beat_ns
                                                     : UINT64_MAX);
}

/* The next part of the page that is there. */
static ssize_t send_some(repli__web_connection *connection, char *to, size_t room) {
    const repli_buf *page = &connection->exchange->page;
    const size_t left = page->size - connection->sent;
    const size_t size = left < room ? left : room;
    memcpy(to, page->data + connection->sent, size);
    connection->sent += size;
    repli__web_loop_count(connection->web, REPLI__WEB_COUNT_OUT, (int64_t)size);
    enter_sending(connection);
    return (ssize_t)size;
}

static ssize_t send_beat(repli__web_connection *connection, char *to, size_t room) {
    const char *beat = connection->exchange->stream.beat;
    const size_t size = strnlen(beat, room);
    connection->beats = 0;
    memcpy(to, beat, size);
    enter_sending(connection);
    return (ssize_t)size;
}

/* There is nothing to send: have more made, or wait until there may be. */
static ssize_t pause_sending(repli__web_connection *connection) {
    repli__web_exchange *exchange = connection->exchange;
    const int waits = exchange->verdict == REPLI__WEB_NOT_YET && !was_woken(exchange);
    connection->sent = 0;
    connection->ready = 0;
    exchange->page.size = 0;
    if (waits)
        be_quiet(connection);
    else
        read_on(connection);
    MHD_suspend_connection(connection->mhd);
    return 0;
}

ssize_t repli__web_stream_give(void *cls, uint64_t position, char *to, size_t room) {
    (void)position;
    repli__web_exchange *exchange = cls;
    repli__web_connection *connection = exchange->connection;
    if (connection == NULL || connection->phase == REPLI__WEB_CUT ||
        exchange->verdict == REPLI__WEB_BREAK)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (connection->sent < exchange->page.size)
        return send_some(connection, to, room);
    if (exchange->verdict == REPLI__WEB_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (exchange->stream.endless && (connection->web->stopping || connection->daemon->replaced))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (connection->beats)
        return send_beat(connection, to, room);
    return pause_sending(connection);
}

/* Waking. */

static void wake(repli__web_connection *connection) {
    enter_sending(connection);
    connection->daemon->ready = 1;
    MHD_resume_connection(connection->mhd);
}

void repli__web_stream_beat(repli__web_connection *connection) {
    connection->beats = 1;
    wake(connection);
}

void repli__web_streams_wake(repli__web *web) {
    for (repli__web_connection *at = web->stream_count > 0 ? web->connections : NULL; at != NULL;
         at = at->next)
        if (at->phase == REPLI__WEB_QUIET && was_woken(at->exchange))
            read_on(at);
}

void repli__web_streams_stop(repli__web *web) {
    for (repli__web_connection *at = web->connections; at != NULL; at = at->next)
        if (at->phase == REPLI__WEB_QUIET && at->exchange->stream.endless)
            wake(at);
}
