#include "calls.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int32_t modes[CALLS_MODES] = {ALLDATA_RUN_THREADS, ALLDATA_RUN_DISPATCH};

alldata_transport *calls_make(int mode, uint32_t max_connections,
                              const alldata_http_security *security) {
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    alldata_transport *transport = NULL;
    options.run_mode = modes[mode];
    options.max_connections = max_connections;
    options.security = security;
    ck_assert_msg(alldata_http_transport_new(&options, NULL, &transport, &err) == REPLI_OK, "%s",
                  err.message);
    return transport;
}

/* Calls. */

void calls_take(void *user_data, const alldata_reply *reply) {
    calls_outcome *to = user_data;
    to->status = reply->status;
    ck_assert_uint_eq(strlen(reply->body), reply->body_size);
    ck_assert((reply->error == NULL) == (reply->status != 0));
    snprintf(to->body, sizeof(to->body), "%s", reply->body);
    to->body_size = reply->body_size;
    if (reply->error != NULL)
        to->error = *reply->error;
    atomic_fetch_add(&to->times, 1);
    sem_post(&to->came);
}

void calls_reset(calls_outcome *to) {
    memset(to, 0, sizeof(*to));
    to->error = (repli_error)REPLI_ERROR_INIT;
    sem_init(&to->came, 0, 0);
}

alldata_call calls_call(int port, const char *path, calls_outcome *to) {
    alldata_call call = ALLDATA_CALL_INIT;
    call.host = "127.0.0.1";
    call.port = port;
    call.method = "GET";
    call.path = path;
    call.timeout_ms = CALLS_PATIENCE_S * 1000;
    call.reply = calls_take;
    call.user_data = to;
    return call;
}

void calls_begin(const alldata_transport *t, const alldata_call *call) {
    repli_error err = REPLI_ERROR_INIT;
    calls_reset(call->user_data);
    ck_assert_msg(t->begin(t->self, call, &err) == REPLI_OK, "%s", err.message);
}

static void drive(const alldata_transport *t) {
    struct pollfd fd = {.fd = t->fd(t->self), .events = POLLIN};
    poll(&fd, 1, CALLS_PATIENCE_S * 1000);
    ck_assert_int_eq(t->dispatch(t->self, NULL), REPLI_OK);
}

void calls_await(const alldata_transport *t, calls_outcome *to) {
    const time_t end = time(NULL) + CALLS_PATIENCE_S;
    while (t->dispatch != NULL && atomic_load(&to->times) == 0 && time(NULL) < end)
        drive(t);
    const struct timespec until = {.tv_sec = end + 1};
    ck_assert_int_eq(sem_timedwait(&to->came, &until), 0);
    ck_assert_int_eq(atomic_load(&to->times), 1);
}

void calls_ask(const alldata_transport *t, const alldata_call *call) {
    calls_begin(t, call);
    calls_await(t, call->user_data);
}

void calls_await_requests(const alldata_transport *t, peer *p, int count) {
    for (int i = 0; i < CALLS_PATIENCE_S * 1000 && peer_requests(p) < count; i++) {
        if (t->dispatch != NULL)
            ck_assert_int_eq(t->dispatch(t->self, NULL), REPLI_OK);
        usleep(1000);
    }
    ck_assert_int_ge(peer_requests(p), count);
}
