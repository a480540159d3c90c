#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
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

static atomic_int connections; /* that are open */

static void *serve(void *argument) {
    const int listener = *(int *)argument;
    trap_exempt();
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        atomic_fetch_add(&connections, 1);
        answer(fd);
        close(fd);
        atomic_fetch_sub(&connections, 1);
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

/* The peer's ends of connections count among what a run leaves behind. */
static void await_silence(void) {
    const int64_t end_ms = now_ms() + 20000;
    while (atomic_load(&connections) > 0 && now_ms() < end_ms)
        sched_yield();
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

static int32_t change_secret(alldata_transport *transport, repli_error *err) {
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.secret = "rosebud";
    return alldata_http_transport_reload(transport, &security, err);
}

static int32_t reload_transport(world *w, repli_error *err) {
    alldata_transport *transport = NULL;
    int32_t code = open_transport(w, ALLDATA_RUN_DISPATCH, &transport, err);
    for (int i = 0; i < 2 && code == REPLI_OK; i++)
        code = change_secret(transport, err);
    if (code == REPLI_OK)
        code = transport->dispatch(transport->self, err);
    alldata_http_transport_free(transport);
    return code;
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
    const int64_t end_ms = now_ms() + 20000;
    while (!taken->answered) {
        if (now_ms() > end_ms)
            return REPLI_EINTERNAL;
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

/* Twice, on the same connection if it can be; then with another secret. */
static int32_t call_peer(world *w, repli_error *err) {
    alldata_transport *transport = NULL;
    int32_t code = open_transport(w, ALLDATA_RUN_DISPATCH, &transport, err);
    for (int i = 0; i < 3 && code == REPLI_OK; i++) {
        if (i == 2 && (code = change_secret(transport, err)) != REPLI_OK)
            break;
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
    await_silence();
    return code;
}

/* A client. */

static int32_t open_client(world *w, alldata_client **ret, repli_error *err) {
    char url[64];
    const char *const urls[] = {url};
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_port());
    options.urls = urls;
    options.url_count = 1;
    options.timeout_ms = 5000;
    return alldata_client_new(&options, &w->memory, ret, err);
}

static int32_t make_client(world *w, repli_error *err) {
    alldata_client *client;
    const int32_t code = open_client(w, &client, err);
    if (code == REPLI_OK)
        w->made = client;
    return code;
}

static void drop_client(void *made) {
    alldata_client_free(made);
}

static alldata_put event(void) {
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = "{}";
    put.event_size = 2;
    return put;
}

static int32_t put_event(world *w, repli_error *err) {
    const alldata_put put = event();
    alldata_put_result result = {.struct_size = sizeof(result)};
    alldata_client *client = NULL;
    int32_t code = open_client(w, &client, err);
    if (code == REPLI_OK) {
        code = alldata_client_put(client, &put, &result, err);
        EXPECT(w, result.code == code);
    }
    alldata_client_free(client);
    await_silence();
    return code;
}

static void count_result(void *user_data, const alldata_put_result *results, size_t count) {
    (void)results;
    *(size_t *)user_data += count;
}

/* The peer's answer is not one to many puts, which is the error that comes of it. */
static int32_t put_events(world *w, repli_error *err) {
    const alldata_put puts[2] = {event(), event()};
    size_t count = 0;
    repli_error why = REPLI_ERROR_INIT;
    alldata_client *client = NULL;
    int32_t code = open_client(w, &client, err);
    if (code == REPLI_OK) {
        code = alldata_client_put_many(client, puts, 2, count_result, &count, &why);
        EXPECT(w, count == 2 || code == REPLI_ENOMEM);
        code = code == REPLI_EPROTOCOL ? REPLI_OK : code;
        if (code != REPLI_OK)
            *err = why;
    }
    alldata_client_free(client);
    await_silence();
    return code;
}

static int32_t ask_node(world *w, repli_error *err) {
    int32_t status = 0;
    repli_buf body = {NULL, 0, 0, &w->memory};
    alldata_client *client = NULL;
    int32_t code = open_client(w, &client, err);
    if (code == REPLI_OK)
        code = alldata_client_get(client, "/", 0, &status, &body, err);
    if (code == REPLI_OK)
        code = alldata_client_post(client, "/", NULL, NULL, 0, 0, &status, &body, err);
    EXPECT(w, code != REPLI_OK || (status == 201 && strcmp(body.data, "okok") == 0));
    repli_buf_dispose(&body);
    alldata_client_free(client);
    await_silence();
    return code;
}

/* Nor is it one to a scan. */
static int32_t read_events(world *w, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error why = REPLI_ERROR_INIT;
    alldata_client *client = NULL;
    alldata_client_scan *scan = NULL;
    int32_t code = open_client(w, &client, err);
    if (code == REPLI_OK)
        code = alldata_client_scan_new(client, NULL, &scan, err);
    if (code == REPLI_OK) {
        code = alldata_client_scan_next(scan, &record, &why);
        code = code == REPLI_EPROTOCOL ? REPLI_OK : code;
        if (code != REPLI_OK)
            *err = why;
    }
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    await_silence();
    return code;
}

/* Requests and servers. */

static int32_t open_node(const world *w, alldata_node **ret_node, repli_error *err) {
    char path[96];
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    snprintf(path, sizeof(path), "%s/node", w->directory);
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.location = path;
    return alldata_node_new(&options, NULL, ret_node, err);
}

typedef struct response {
    int status;
    int count;
} response;

static void keep_status(void *user_data, const alldata_http_response *answer) {
    response *kept = user_data;
    kept->status = answer->status;
    kept->count++;
}

static int32_t ask(world *w, alldata_node *node, const char *method, const char *target,
                   const char *body, repli_error *err) {
    response kept = {0};
    alldata_http_request request = ALLDATA_HTTP_REQUEST_INIT;
    request.method = method;
    request.target = target;
    request.body = body;
    request.body_size = body != NULL ? strlen(body) : 0;
    request.type = "application/x-ndjson";
    const int32_t code = alldata_http_handle(node, &request, keep_status, &kept, err);
    for (int i = 0; code == REPLI_OK && kept.count == 0 && i < 100; i++)
        alldata_node_dispatch(node, NULL);
    EXPECT(w, kept.count == (code == REPLI_OK));
    EXPECT(w, code != REPLI_OK || kept.status >= 200);
    return code;
}

/* Whatever fails is told in the answer, so there are only two codes. */
static int32_t ask_all(world *w, repli_error *err) {
    alldata_node *node;
    int32_t code = open_node(w, &node, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_node_start(node, err);
    if (code == REPLI_OK)
        code = ask(w, node, "POST", "/", "[1]", err);
    if (code == REPLI_OK)
        code = ask(w, node, "POST", "/_alldata/events", "1\n2\n", err);
    if (code == REPLI_OK)
        code = ask(w, node, "GET", "/_alldata/events", NULL, err);
    if (code == REPLI_OK)
        code = ask(w, node, "GET", "/_alldata/status", NULL, err);
    if (code == REPLI_OK)
        code = ask(w, node, "GET", "/_alldata/intervals", NULL, err);
    if (code == REPLI_OK)
        code = ask(w, node, "GET", "/metrics", NULL, err);
    alldata_node_free(node);
    return code;
}

static int32_t ask_server(world *w, alldata_http_server *server, repli_error *err) {
    response kept = {0};
    alldata_http_request request = ALLDATA_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.target = "/metrics";
    const int32_t code = alldata_http_server_handle(server, &request, keep_status, &kept, err);
    EXPECT(w, kept.count == (code == REPLI_OK));
    return code;
}

static int32_t serve_driven(world *w, repli_error *err) {
    alldata_node *node;
    alldata_http_server *server = NULL;
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    alldata_http_counters counters = ALLDATA_HTTP_COUNTERS_INIT;
    int32_t code = open_node(w, &node, err);
    if (code != REPLI_OK)
        return code;
    security.secret = "sesame";
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.clients = "127.0.0.1:0";
    options.peers = "127.0.0.1:0";
    options.peer_security = &security;
    code = alldata_http_server_check(&options, err);
    if (code == REPLI_OK)
        code = alldata_http_server_new(node, &options, &w->memory, &server, err);
    if (code == REPLI_OK) {
        EXPECT(w, alldata_http_server_port(server) > 0);
        EXPECT(w, alldata_http_server_peer_port(server) > 0);
        EXPECT(w, alldata_http_server_fd(server) >= 0);
        EXPECT(w, alldata_http_server_deadline(server) != UINT64_MAX);
        EXPECT(w, alldata_http_server_count(server, &counters, NULL) == REPLI_OK);
        options.clients = NULL;
        options.peers = NULL;
        code = alldata_http_server_reload(server, &options, err);
    }
    if (code == REPLI_OK)
        code = ask_server(w, server, err);
    if (code == REPLI_OK)
        code = alldata_http_server_dispatch(server, err);
    alldata_http_server_free(server, 0);
    alldata_node_free(node);
    return code;
}

const operation alldata_http_operations[] = {
    {.name = "make a transport",
     .functions = "alldata_http_transport_new alldata_http_transport_free",
     .act = make_transport,
     .drop = drop_transport},
    {.name = "reload a transport",
     .functions = "alldata_http_transport_reload",
     .act = reload_transport},
    {.name = "call a peer",
     .functions = "alldata_http_transport_new alldata_http_transport_reload "
                  "alldata_http_transport_free",
     .flags = OPERATION_UNCODED,
     .spares = TRAP_MEMORY, /* libcurl loses some of its own when there is no more */
     .prepare = prepare_peer,
     .act = call_peer},
    {.name = "make a client",
     .functions = "alldata_client_new alldata_client_free",
     .also = REPLI_EINTERNAL,
     .act = make_client,
     .drop = drop_client},
    {.name = "put an event",
     .functions = "alldata_client_put",
     .flags = OPERATION_UNCODED,
     .spares = TRAP_MEMORY,
     .prepare = prepare_peer,
     .act = put_event},
    {.name = "put events",
     .functions = "alldata_client_put_many",
     .flags = OPERATION_UNCODED,
     .spares = TRAP_MEMORY,
     .prepare = prepare_peer,
     .act = put_events},
    {.name = "ask a node",
     .functions = "alldata_client_get alldata_client_post",
     .flags = OPERATION_UNCODED,
     .spares = TRAP_MEMORY,
     .prepare = prepare_peer,
     .act = ask_node},
    {.name = "read events",
     .functions = "alldata_client_scan_new alldata_client_scan_next alldata_client_scan_free",
     .flags = OPERATION_UNCODED,
     .spares = TRAP_MEMORY,
     .prepare = prepare_peer,
     .act = read_events},
    {.name = "answer requests",
     .functions = "alldata_http_handle",
     .flags = OPERATION_UNCODED,
     .act = ask_all},
    {.name = "serve a node",
     .functions = "alldata_http_server_check alldata_http_server_new alldata_http_server_port "
                  "alldata_http_server_peer_port alldata_http_server_fd "
                  "alldata_http_server_deadline alldata_http_server_count "
                  "alldata_http_server_reload alldata_http_server_handle "
                  "alldata_http_server_dispatch alldata_http_server_free",
     .flags = OPERATION_UNCODED,
     .act = serve_driven},
    {.name = NULL},
};
