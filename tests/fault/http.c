#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <replicante/http.h>

#include "operation.h"
#include "trap.h"

/* The API over HTTP: as a function, and as a server. */

enum { PATIENCE_MS = 20000, BODY_SIZE = 16384 };

/* Requests without a server. */

typedef struct route {
    const char *method;
    const char *target; /* "%s" is the id of an action that is finished, */
    int waiting;        /* or of one that waits */
    const char *body;
    int32_t status; /* if all goes well */
} route;

static struct {
    atomic_int count;
    int32_t status;
    size_t size;
    char body[BODY_SIZE];
} answer;

static void take_answer(void *user_data, const repli_http_response *response) {
    (void)user_data;
    answer.status = response->status;
    answer.size = response->body_size < BODY_SIZE ? response->body_size : BODY_SIZE;
    if (answer.size > 0)
        memcpy(answer.body, response->body, answer.size);
    atomic_fetch_add(&answer.count, 1);
}

/* A failure is an error as JSON, and never anything else that looks like an answer. */
static int32_t failure(world *w, repli_error *err) {
    repli_error told = REPLI_ERROR_INIT;
    EXPECT(w, answer.status == 500 || answer.status == 503 || answer.status == 507);
    EXPECT(w, repli_error_from_json(answer.body, answer.size, &told, NULL) == REPLI_OK);
    snprintf(told.origin, sizeof(told.origin), "http");
    *err = told;
    return told.code;
}

static int32_t ask(world *w, repli_error *err) {
    const route *to = w->argument;
    char target[128];
    snprintf(target, sizeof(target), to->target, w->known[to->waiting ? 3 : 1]);
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.flags = REPLI_HTTP_MAY_WRITE;
    request.method = to->method;
    request.target = target;
    request.body = to->body;
    request.body_size = to->body != NULL ? strlen(to->body) : 0;
    request.peer = "CN=somebody";
    atomic_store(&answer.count, 0);
    const int32_t code = repli_http_handle(w->agent, &request, take_answer, NULL, err);
    const int64_t end = now_ms() + PATIENCE_MS;
    while (code == REPLI_OK && atomic_load(&answer.count) == 0 && now_ms() < end)
        pause_ms(1);
    EXPECT(w, atomic_load(&answer.count) == (code == REPLI_OK));
    /* Whether it is cancelled already or was asked to end is found out after it was done. */
    const int vague = answer.status == 202 && strcmp(to->method, "DELETE") == 0;
    if (code != REPLI_OK || answer.status == to->status || vague)
        return code;
    return failure(w, err);
}

static void verify_scheduled(world *w) {
    char id[REPLI_UUID_SIZE];
    answer.body[BODY_SIZE - 1] = '\0';
    ck_assert_int_eq(sscanf(answer.body, "{\"id\":\"%36[0-9a-f-]\"}", id), 1);
    world_acknowledge(w, id);
}

/* One more action, for which the agent has no time any more. */
static void prepare_waiting(world *w) {
    world_running(w);
    ck_assert_int_eq(repli_config_set_int(w->config, "actions.queue_limit", 100, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_stop(w->agent, PATIENCE_MS, NULL), REPLI_OK);
    repli_agent_free(w->agent);
    ck_assert_int_eq(repli_agent_new(w->config, &w->agent, NULL), REPLI_OK);
    world_schedule(w, "agent.replicante.io/test.success", NULL);
}

/* Servers. */

static void drop_server(void *made) {
    repli_http_server_free(made, 1000);
}

/* A certificate of an authority, for all that one is good for here. */
static struct {
    char certificate[2048];
    char key[2048];
} tls;

static void make_tls(void) {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    size_t key_size = sizeof(tls.key);
    size_t size = sizeof(tls.certificate);
    const time_t now = time(NULL);
    if (tls.key[0] != '\0')
        return;
    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&certificate);
    gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_set_version(certificate, 3);
    gnutls_x509_crt_set_serial(certificate, "1", 1);
    gnutls_x509_crt_set_activation_time(certificate, now - 1000);
    gnutls_x509_crt_set_expiration_time(certificate, now + 100000);
    gnutls_x509_crt_set_dn(certificate, "CN=agent", NULL);
    gnutls_x509_crt_set_ca_status(certificate, 1);
    gnutls_x509_crt_set_key(certificate, key);
    ck_assert_int_eq(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_eq(
        gnutls_x509_crt_export(certificate, GNUTLS_X509_FMT_PEM, tls.certificate, &size), 0);
    ck_assert_int_eq(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, tls.key, &key_size), 0);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
}

static void prepare_options(world *w) {
    make_tls();
    world_config(w);
}

static void prepare_agent(world *w) {
    make_tls();
    world_running(w);
}

static repli_http_options options_for(const world *w) {
    static char path[128];
    snprintf(path, sizeof(path), "%s/agent.sock", w->directory);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.health_bind = "127.0.0.1:0";
    options.unix_path = path;
    options.request_timeout_ms = 500;
    if (w->argument == &tls) {
        options.tls_cert_pem = tls.certificate;
        options.tls_key_pem = tls.key;
        options.tls_client_ca_pem = tls.certificate;
    }
    return options;
}

static int32_t check_options(world *w, repli_error *err) {
    const repli_http_options options = options_for(w);
    return repli_http_options_check(&options, err);
}

static int32_t serve(world *w, repli_error *err) {
    const repli_http_options options = options_for(w);
    repli_http_server *server = w->made;
    const int32_t code = repli_http_server_new(w->agent, &options, &server, err);
    w->made = server;
    return code;
}

/* The beginning of what a server answers over its UNIX socket; nothing if it does not. */
static size_t exchange(const world *w, const char *request, char *text, size_t size) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/agent.sock", w->directory);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t used = 0;
    ssize_t got = 0;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
        send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
        while (used + 1 < size && poll(&readable, 1, PATIENCE_MS) == 1 &&
               (got = recv(fd, text + used, size - used - 1, 0)) > 0)
            used += (size_t)got;
    close(fd);
    text[used] = '\0';
    return used;
}

static const char get_node[] = "GET /api/unstable/info/node HTTP/1.1\r\n"
                               "Host: agent\r\nConnection: close\r\n\r\n";
static const char get_finished[] = "GET /api/unstable/actions/finished HTTP/1.1\r\n"
                                   "Host: agent\r\nConnection: close\r\n\r\n";
static void expect_answer(const world *w, const char *request) {
    char text[BODY_SIZE];
    exchange(w, request, text, sizeof(text));
    ck_assert_msg(strncmp(text, "HTTP/1.1 200 ", 13) == 0, "%s", text);
}

static void verify_server(world *w) {
    ck_assert_int_gt(repli_http_server_port(w->made), 0);
    ck_assert_int_gt(repli_http_server_health_port(w->made), 0);
    if (w->argument == NULL)
        expect_answer(w, get_node);
}

static void prepare_server(world *w) {
    prepare_agent(w);
    const repli_http_options options = options_for(w);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_http_server_new(w->agent, &options, &w->server, &error) == REPLI_OK, "%s",
                  error.message);
}

static int32_t reload(world *w, repli_error *err) {
    repli_http_options options = options_for(w);
    options.max_connections = 10;
    options.bind = NULL; /* as it was */
    options.health_bind = NULL;
    return repli_http_server_reload(w->server, &options, err);
}

static int32_t end_server(world *w, repli_error *err) {
    (void)err;
    repli_http_server_free(w->server, 1000);
    w->server = NULL;
    return REPLI_OK;
}

/* While calls fail in the server's threads a client gets an answer, or none; afterwards it does. */
static int32_t be_asked(world *w, repli_error *err) {
    char text[BODY_SIZE];
    (void)err;
    const size_t size = exchange(w, w->argument, text, sizeof(text));
    EXPECT(w, size == 0 || strncmp(text, "HTTP/1.1 ", 9) == 0);
    return REPLI_OK;
}

static void verify_asked(world *w) {
    expect_answer(w, get_node);
    expect_answer(w, get_finished);
}

/* A route and what it answers. */
#define ASK(what, prepared, ...)                                                                   \
    {                                                                                              \
        .name = what, .functions = "repli_http_handle", .flags = OPERATION_UNCODED,                \
        .argument = &(const route){__VA_ARGS__}, .prepare = prepared, .act = ask                   \
    }

#define API "/api/unstable"

const operation http_operations[] = {
    ASK("ask for the node", world_running, "GET", API "/info/node", 0, NULL, 200),
    ASK("ask for the store", world_running, "GET", API "/info/store", 0, NULL, 200),
    ASK("ask for the shards", world_running, "GET", API "/info/shards", 0, NULL, 200),
    ASK("ask for a young node", world_running, "GET", API "/info/node?max_age=3600000", 0, NULL,
        200),
    ASK("ask for an action", world_running, "GET", API "/action/%s", 0, NULL, 200),
    ASK("cancel an action", prepare_waiting, "DELETE", API "/action/%s", 1, NULL, 200),
    ASK("ask for the queue", prepare_waiting, "GET", API "/actions/queue", 0, NULL, 200),
    ASK("ask for what is finished", world_running, "GET", API "/actions/finished", 0, NULL, 200),
    ASK("ask for metrics", world_running, "GET", "/metrics", 0, NULL, 200),
    ASK("ask whether it lives", world_running, "GET", "/health/live", 0, NULL, 200),
    ASK("ask whether it is ready", world_running, "GET", "/health/ready", 0, NULL, 200),
    ASK("ask for a primary", world_running, "GET", "/role/primary", 0, NULL, 200),
    ASK("ask for a secondary", world_running, "GET", "/role/secondary", 0, NULL, 503),
    ASK("ask for options", world_running, "OPTIONS", API "/info/node", 0, NULL, 204),
    ASK("ask for nothing", world_running, "GET", "/nothing", 0, NULL, 404),
    ASK("ask badly", world_running, "PUT", "/metrics", 0, NULL, 405),
    {.name = "schedule by a request",
     .functions = "repli_http_handle",
     .flags = OPERATION_UNCODED,
     .argument = &(const route){"POST", API "/action", 0,
                                "{\"kind\": \"agent.replicante.io/test.success\"}", 200},
     .prepare = world_running,
     .act = ask,
     .verify = verify_scheduled},
    {.name = "check options",
     .functions = "repli_http_options_check",
     .argument = &tls,
     .prepare = prepare_options,
     .act = check_options},
    {.name = "serve",
     .functions = "repli_http_server_new repli_http_server_port repli_http_server_health_port",
     .also = REPLI_EPERMISSION,
     .prepare = prepare_agent,
     .act = serve,
     .verify = verify_server,
     .drop = drop_server},
    {.name = "serve with TLS",
     .functions = "repli_http_server_new",
     .also = REPLI_EPERMISSION,
     .argument = &tls,
     .prepare = prepare_agent,
     .act = serve,
     .verify = verify_server,
     .drop = drop_server},
    {.name = "reload a server",
     .functions = "repli_http_server_reload",
     .argument = &tls,
     .prepare = prepare_server,
     .act = reload},
    {.name = "free a server",
     .functions = "repli_http_server_free",
     .prepare = prepare_server,
     .act = end_server},
    {.name = "be asked for the node, elsewhere",
     .functions = "repli_http_server_new",
     .flags = OPERATION_ELSEWHERE,
     .argument = get_node,
     .prepare = prepare_server,
     .act = be_asked,
     .verify = verify_asked},
    {.name = "be asked for what is finished, elsewhere",
     .functions = "repli_http_server_new",
     .flags = OPERATION_ELSEWHERE,
     .argument = get_finished,
     .prepare = prepare_server,
     .act = be_asked,
     .verify = verify_asked},
    {.name = NULL},
};
