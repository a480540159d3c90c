#include "alldata-http/transport.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#define ORIGIN "alldata.http"

enum { KEPT_BODY = 64 * 1024 };

static size_t take_body(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    alldata__exchange *exchange = user_data;
    exchange->too_large = size > exchange->max_body - exchange->body.size;
    if (exchange->too_large || repli__buf_append(&exchange->body, data, size) != REPLI_OK)
        return 0;
    return size;
}

alldata__exchange *alldata__exchange_new(alldata__pool *pool) {
    const alldata__transport *t = pool->transport;
    const repli__libcurl *curl = &t->caller.curl;
    alldata__exchange *exchange = repli__calloc(&t->mem, 1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    exchange->pool = pool;
    exchange->body.allocator = &t->mem;
    exchange->handle = alldata__caller_handle(&t->caller, &pool->identity, exchange->why);
    if (exchange->handle == NULL) {
        alldata__exchange_free(exchange);
        return NULL;
    }
    curl->easy_setopt(exchange->handle, CURLOPT_PRIVATE, exchange);
    curl->easy_setopt(exchange->handle, CURLOPT_WRITEFUNCTION, take_body);
    curl->easy_setopt(exchange->handle, CURLOPT_WRITEDATA, exchange);
    curl->easy_setopt(exchange->handle, CURLOPT_CONNECTTIMEOUT_MS, (long)t->connect_timeout_ms);
    alldata__sockets_configure(pool, exchange->handle);
    return exchange;
}

void alldata__exchange_free(alldata__exchange *exchange) {
    const alldata__transport *t = exchange->pool->transport;
    const repli__libcurl *curl = &t->caller.curl;
    if (exchange->handle != NULL && getpid() == t->pid)
        curl->easy_cleanup(exchange->handle);
    alldata__caller_free_headers(&t->caller, exchange->headers);
    repli_buf_dispose(&exchange->body);
    repli__free(&t->mem, exchange->type);
    repli__free(&t->mem, exchange);
}

/* Headers that are the same as before stay. */
static int set_headers(alldata__exchange *exchange, const char *type) {
    const alldata__transport *t = exchange->pool->transport;
    const repli__libcurl *curl = &t->caller.curl;
    if (exchange->headers != NULL && (type == NULL) == (exchange->type == NULL) &&
        (type == NULL || strcmp(type, exchange->type) == 0))
        return 1;
    char *own_type = repli__strdup(&t->mem, type);
    struct curl_slist *headers =
        alldata__caller_headers(&t->caller, &exchange->pool->identity, type);
    if (headers == NULL || (type != NULL && own_type == NULL)) {
        alldata__caller_free_headers(&t->caller, headers);
        repli__free(&t->mem, own_type);
        return 0;
    }
    alldata__caller_free_headers(&t->caller, exchange->headers);
    repli__free(&t->mem, exchange->type);
    exchange->headers = headers;
    exchange->type = own_type;
    return curl->easy_setopt(exchange->handle, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
}

static int set_url(alldata__exchange *exchange, const alldata_call *call) {
    const alldata__transport *t = exchange->pool->transport;
    repli_buf url = {NULL, 0, 0, &t->mem};
    const int six = strchr(call->host, ':') != NULL;
    int done =
        repli__buf_printf(&url, "%s://%s%s%s:%d%s",
                          alldata__identity_has_tls(&exchange->pool->identity) ? "https" : "http",
                          six ? "[" : "", call->host, six ? "]" : "", (int)call->port,
                          call->path) == REPLI_OK;
    done = done && t->caller.curl.easy_setopt(exchange->handle, CURLOPT_URL, url.data) == CURLE_OK;
    repli_buf_dispose(&url);
    return done;
}

static void set_body(alldata__exchange *exchange, const alldata_call *call) {
    const repli__libcurl *curl = &exchange->pool->transport->caller.curl;
    if (strcmp(call->method, "GET") == 0) {
        curl->easy_setopt(exchange->handle, CURLOPT_HTTPGET, 1L);
        return;
    }
    curl->easy_setopt(exchange->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
    curl->easy_setopt(exchange->handle, CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
}

static int32_t no_memory(repli_error *err) {
    return repli__error_nomem(err, ORIGIN, "beginning a call");
}

int32_t alldata__exchange_start(alldata__exchange *exchange, repli_error *err) {
    alldata__transport *t = exchange->pool->transport;
    const repli__libcurl *curl = &t->caller.curl;
    const alldata_call *call = &exchange->item->call;
    const uint64_t now_ns = repli__mono_ns();
    if (exchange->item->deadline_ns <= now_ns)
        return repli__error(err, REPLI_ETIMEOUT, ORIGIN,
                            "cannot reach the peer at %s:%d: the time for it has passed",
                            call->host, (int)call->port);
    const uint64_t left_ms = (exchange->item->deadline_ns - now_ns) / REPLI__NS_PER_MS + 1;
    exchange->max_body = call->max_reply;
    exchange->too_large = 0;
    exchange->body.size = 0;
    exchange->why[0] = '\0';
    if (!set_headers(exchange, call->type) || !set_url(exchange, call))
        return no_memory(err);
    set_body(exchange, call);
    curl->easy_setopt(exchange->handle, CURLOPT_TIMEOUT_MS, (long)left_ms);
    if (curl->multi_add_handle(exchange->pool->multi, exchange->handle) != CURLM_OK)
        return no_memory(err);
    return REPLI_OK;
}

/* Be idle, and return what was carried. */
static alldata__item *let_go(alldata__exchange *exchange) {
    alldata__item *item = exchange->item;
    exchange->item = NULL;
    exchange->line->busy--;
    exchange->line = NULL;
    alldata__pool_give(exchange);
    return item;
}

static void explain(const alldata__exchange *exchange, CURLcode code, repli_error *ret_why) {
    const alldata__transport *t = exchange->pool->transport;
    const alldata_call *call = &exchange->item->call;
    char where[128];
    snprintf(where, sizeof(where), "%s:%d", call->host, (int)call->port);
    if (exchange->too_large)
        repli__error(ret_why, REPLI_EPROTOCOL, ORIGIN,
                     "the answer of the peer at %s has more than the %zu bytes that are expected",
                     where, exchange->max_body);
    else if (code == CURLE_WRITE_ERROR)
        repli__error_nomem(ret_why, ORIGIN, "taking an answer");
    else
        alldata__caller_error(&t->caller, ret_why, code, "the peer", where, exchange->why);
}

void alldata__exchange_end(alldata__exchange *exchange, CURLcode code) {
    alldata__transport *t = exchange->pool->transport;
    const repli__libcurl *curl = &t->caller.curl;
    alldata_reply reply = ALLDATA_REPLY_INIT;
    repli_error why = REPLI_ERROR_INIT;
    long status = 0;
    if (code == CURLE_OK) {
        curl->easy_getinfo(exchange->handle, CURLINFO_RESPONSE_CODE, &status);
        reply.status = (int32_t)status;
        reply.body = exchange->body.size > 0 ? exchange->body.data : "";
        reply.body_size = exchange->body.size;
    } else {
        explain(exchange, code, &why);
        reply.error = &why;
    }
    curl->multi_remove_handle(exchange->pool->multi, exchange->handle);
    alldata__transport_reply(t, let_go(exchange), &reply);
    if (exchange->body.capacity > KEPT_BODY)
        repli_buf_dispose(&exchange->body);
}

void alldata__exchange_break(alldata__exchange *exchange, const repli_error *why) {
    const alldata__transport *t = exchange->pool->transport;
    t->caller.curl.multi_remove_handle(exchange->pool->multi, exchange->handle);
    alldata__transport_fail(exchange->pool->transport, let_go(exchange), why);
}
