#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <alldata/http.h>

#include "operation.h"
#include "trap.h"

/* A peer that takes whatever comes, one connection after the other. It lives as long as the
 * process, in which nothing of it ever fails. */

static void answer(int fd) {
    static const char created[] = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
    char request[4096];
    ssize_t size;
    while ((size = recv(fd, request, sizeof(request), 0)) > 0)
        if (send(fd, created, sizeof(created) - 1, MSG_NOSIGNAL) < 0)
            break;
}

static void *serve(void *argument) {
    const int listener = *(int *)argument;
    trap_exempt();
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        answer(fd);
        close(fd);
    }
}

static int peer_port(void) {
    static int listener = -1;
    static int port;
    static pthread_t thread;
    if (listener >= 0)
        return port;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 16), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, &listener), 0);
    port = ntohs(address.sin_port);
    return port;
}

static void prepare_peer(world *w) {
    (void)w;
    peer_port();
}

/* A transport. */

static int32_t open_transport(world *w, int32_t run_mode, alldata_transport **ret,
                              repli_error *err) {
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    security.secret = "sesame";
    options.run_mode = run_mode;
    options.security = &security;
    return alldata_http_transport_new(&options, &w->memory, ret, err);
}

static int32_t make_transport(world *w, repli_error *err) {
    alldata_transport *transport;
    const int32_t code = open_transport(w, ALLDATA_RUN_THREADS, &transport, err);
    if (code == REPLI_OK)
        w->made = transport;
    return code;
}

static void drop_transport(void *made) {
    alldata_http_transport_free(made);
}

typedef struct outcome {
    int32_t status;
    int answered;
    repli_error error;
} outcome;

static void take(void *user_data, const alldata_reply *reply) {
    outcome *taken = user_data;
    taken->answered++;
    taken->status = reply->status;
    if (reply->error != NULL)
        taken->error = *reply->error;
}

static int32_t await(const alldata_transport *transport, const outcome *taken, repli_error *err) {
    while (!taken->answered) {
        struct pollfd fd = {.fd = transport->fd(transport->self), .events = POLLIN};
        poll(&fd, 1, 100);
        const int32_t code = transport->dispatch(transport->self, err);
        if (code != REPLI_OK)
            return code;
    }
    if (taken->error.code != REPLI_OK && err != NULL)
        *err = taken->error;
    return taken->error.code;
}

/* Twice, on the same connection if it can be. */
static int32_t call_peer(world *w, repli_error *err) {
    alldata_transport *transport = NULL;
    int32_t code = open_transport(w, ALLDATA_RUN_DISPATCH, &transport, err);
    for (int i = 0; i < 2 && code == REPLI_OK; i++) {
        outcome taken = {.error = REPLI_ERROR_INIT};
        alldata_call call = ALLDATA_CALL_INIT;
        call.host = "127.0.0.1";
        call.port = peer_port();
        call.method = "POST";
        call.path = "/";
        call.body = "{}";
        call.body_size = 2;
        call.timeout_ms = 2000;
        call.reply = take;
        call.user_data = &taken;
        code = transport->begin(transport->self, &call, err);
        if (code == REPLI_OK)
            code = await(transport, &taken, err);
        EXPECT(w, code != REPLI_OK || taken.status == 201);
        EXPECT(w, taken.answered <= 1);
    }
    alldata_http_transport_free(transport);
    return code;
}

const operation alldata_http_operations[] = {
    {.name = "make a transport",
     .functions = "alldata_http_transport_new alldata_http_transport_free",
     .act = make_transport,
     .drop = drop_transport},
    {.name = "call a peer",
     .functions = "alldata_http_transport_new alldata_http_transport_free",
     .flags = OPERATION_UNCODED,
     .prepare = prepare_peer,
     .act = call_peer},
    {.name = NULL},
};
