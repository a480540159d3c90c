#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "http/call.h"
#include "http/serve.h"

enum {
    DEFAULT_CONNECTIONS = 256,
    DEFAULT_REQUEST_MS = 5000,
    DEFAULT_BODY = 1024 * 1024,
    DEFAULT_UNIX_MODE = 0600
};

struct repli_http_server {
    repli__http_desk *desk;
    repli__web *web;
    repli_source *source; /* in the agent's loop; NULL: none */
    int fd;               /* of that */
    uint16_t port;
    uint16_t health_port;
    /* The addresses as they were given, to notice another. */
    char *bind;
    char *unix_path;
    char *health_bind;
};

static repli__web_tls tls_of(const repli_http_options *options) {
    return (repli__web_tls){.certificate = options->tls_cert_pem,
                            .key = options->tls_key_pem,
                            .client_ca = options->tls_client_ca_pem};
}

static int32_t take(repli_http_options *to, const repli_http_options *options, repli_error *err) {
    if (options == NULL || options->struct_size < REPLI__SIZE_TO(repli_http_options, max_body))
        return repli__error(err, REPLI_EINVALID, "http",
                            "the server's options must begin with REPLI_HTTP_OPTIONS_INIT");
    repli__sized_copy(to, sizeof(*to), options);
    if (to->writes < REPLI_HTTP_WRITES_AUTO || to->writes > REPLI_HTTP_WRITES_NEVER)
        return repli__error(err, REPLI_EINVALID, "http", "writes is none of REPLI_HTTP_WRITES_*");
    int32_t code = REPLI_OK;
    if (to->bind != NULL)
        code = repli__web_check_tcp(to->bind, err);
    if (code == REPLI_OK && to->health_bind != NULL)
        code = repli__web_check_tcp(to->health_bind, err);
    if (code == REPLI_OK && to->unix_path != NULL)
        code = repli__web_check_unix(to->unix_path, err);
    const repli__web_tls tls = tls_of(to);
    return code == REPLI_OK ? repli__web_check_tls(&tls, err) : code;
}

int32_t repli_http_options_check(const repli_http_options *options, repli_error *err) {
    repli_http_options known;
    return take(&known, options, err);
}

static repli__web_settings settings_of(const repli_http_options *options) {
    const uint64_t request_ms =
        options->request_timeout_ms > 0 ? options->request_timeout_ms : DEFAULT_REQUEST_MS;
    const uint64_t keep_alive_ms = options->keep_alive_ms > 0 ? options->keep_alive_ms : request_ms;
    return (repli__web_settings){
        .max_connections =
            options->max_connections > 0 ? options->max_connections : DEFAULT_CONNECTIONS,
        .request_ns = request_ms * (uint64_t)REPLI__NS_PER_MS,
        .keep_alive_ns = keep_alive_ms * (uint64_t)REPLI__NS_PER_MS,
        .max_body = options->max_body > 0 ? options->max_body : DEFAULT_BODY,
    };
}

static int32_t keep_addresses(repli_http_server *server, const repli_http_options *options,
                              repli_error *err) {
    const struct {
        const char *text;
        char **copy;
    } all[] = {{options->bind, &server->bind},
               {options->unix_path, &server->unix_path},
               {options->health_bind, &server->health_bind}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        *all[i].copy = repli__strdup(&repli__mem_default, all[i].text);
        if (*all[i].copy == NULL && all[i].text != NULL)
            return repli__error_nomem(err, "http", "starting the HTTP server");
    }
    return REPLI_OK;
}

static int32_t listen_all(repli_http_server *server, const repli_http_options *options,
                          repli_error *err) {
    if (options->bind == NULL && options->unix_path == NULL && options->health_bind == NULL)
        return repli__error(err, REPLI_EINVALID, "http",
                            "the server has no address to listen on: set bind or unix_path");
    const repli__web_address api = {.kind = REPLI__HTTP_API, .tcp = options->bind, .tls = 1};
    /* A crowd at the API must not make the agent look dead, nor lock its operator out. */
    const repli__web_address health = {
        .kind = REPLI__HTTP_HEALTH, .tcp = options->health_bind, .privileged = 1};
    const repli__web_address local = {.kind = REPLI__HTTP_UNIX,
                                      .unix_path = options->unix_path,
                                      .mode = options->unix_mode > 0 ? (mode_t)options->unix_mode
                                                                     : DEFAULT_UNIX_MODE,
                                      .privileged = 1};
    int32_t code = REPLI_OK;
    if (api.tcp != NULL)
        code = repli__web_listen(server->web, &api, &server->port, err);
    if (code == REPLI_OK && health.tcp != NULL)
        code = repli__web_listen(server->web, &health, &server->health_port, err);
    if (code == REPLI_OK && local.unix_path != NULL)
        code = repli__web_listen(server->web, &local, NULL, err);
    return code;
}

static uint64_t turn(void *user_data) {
    return repli__web_turn(user_data);
}

/* In threads of its own, or in the agent's loop if the host drives that. */
static int32_t serve(repli_http_server *server, repli_error *err) {
    repli_agent *agent = server->desk->agent;
    if (repli_agent_fd(agent) < 0)
        return repli__web_start(server->web, err);
    const int32_t code = repli__web_drive(server->web, &server->fd, err);
    return code == REPLI_OK
               ? repli_agent_add_source(agent, server->fd, turn, server->web, &server->source, err)
               : code;
}

static int32_t start(repli_http_server *server, const repli_http_options *options,
                     repli_error *err) {
    const repli__web_options web = {.handler = repli__http_desk_handler(server->desk),
                                    .settings = settings_of(options),
                                    .tls = {tls_of(options)},
                                    .loop_name = "repli-http",
                                    .worker_name = "repli-http-db"};
    atomic_store(&server->desk->writes, options->writes);
    int32_t code = keep_addresses(server, options, err);
    if (code == REPLI_OK)
        code = repli__web_new(&web, &server->web, err);
    server->desk->web = server->web;
    if (code == REPLI_OK)
        code = listen_all(server, options, err);
    return code != REPLI_OK ? code : serve(server, err);
}

int32_t repli_http_server_new(repli_agent *agent, const repli_http_options *options,
                              repli_http_server **ret_server, repli_error *err) {
    if (agent == NULL)
        return repli__error(err, REPLI_EINVALID, "http", "a server needs an agent");
    repli_http_options known;
    int32_t code = take(&known, options, err);
    if (code == REPLI_OK)
        code = repli__http_check_agent(agent, err);
    if (code != REPLI_OK)
        return code;
    repli_http_server *server = repli__calloc(&repli__mem_default, 1, sizeof(*server));
    if (server == NULL)
        return repli__error_nomem(err, "http", "starting the HTTP server");
    code = repli__http_desk_new(agent, &server->desk, err);
    if (code == REPLI_OK)
        code = start(server, &known, err);
    if (code != REPLI_OK) {
        repli_http_server_free(server, 0);
        return code;
    }
    *ret_server = server;
    return REPLI_OK;
}

int32_t repli_http_server_port(const repli_http_server *server) {
    return server->port;
}

int32_t repli_http_server_health_port(const repli_http_server *server) {
    return server->health_port;
}

static int32_t check_same(const char *name, const char *now, const char *then, repli_error *err) {
    if (now == NULL || (then != NULL && strcmp(now, then) == 0))
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, "http",
                        "%s cannot change from %s to %s while the server runs: restart the agent",
                        name, then != NULL ? then : "none", now);
}

int32_t repli_http_server_reload(repli_http_server *server, const repli_http_options *options,
                                 repli_error *err) {
    repli_http_options known;
    int32_t code = take(&known, options, err);
    if (code == REPLI_OK)
        code = check_same("bind", known.bind, server->bind, err);
    if (code == REPLI_OK)
        code = check_same("unix_path", known.unix_path, server->unix_path, err);
    if (code == REPLI_OK)
        code = check_same("health_bind", known.health_bind, server->health_bind, err);
    if (code != REPLI_OK)
        return code;
    const repli__web_settings settings = settings_of(&known);
    const repli__web_tls tls[REPLI__WEB_TLS_SETS] = {tls_of(&known)};
    code = repli__web_reload(server->web, &settings, tls, err);
    if (code == REPLI_OK)
        atomic_store(&server->desk->writes, known.writes);
    return code;
}

/* Without a thread: turn the server here, and the agent's loop, from which answers are to come.
 * Sleep until there is something to do, here or, if that is not somebody else's business, there. */
static void finish_here(repli_http_server *server) {
    repli_agent *agent = server->desk->agent;
    struct pollfd fds[] = {{.fd = server->fd, .events = POLLIN},
                           {.fd = repli_agent_fd(agent), .events = POLLIN}};
    uint64_t due_ns = repli__web_turn(server->web);
    while (!repli__web_stopped(server->web)) {
        const int dispatched = repli_agent_dispatch(agent, NULL) == REPLI_OK;
        poll(fds, dispatched ? 2 : 1, repli__ms_until(due_ns));
        due_ns = repli__web_turn(server->web);
    }
}

static void stop(repli_http_server *server, uint64_t deadline_ns) {
    repli_agent_remove_source(server->desk->agent, server->source);
    repli__web_stop(server->web, deadline_ns);
    if (server->source != NULL)
        finish_here(server);
}

void repli_http_server_free(repli_http_server *server, int64_t timeout_ms) {
    if (server == NULL)
        return;
    const int ours = server->web == NULL || repli__web_is_ours(server->web);
    if (ours && server->web != NULL)
        stop(server, repli__deadline_ns(timeout_ms));
    repli__web_free(server->web);
    if (ours)
        repli__http_desk_unref(server->desk);
    else
        repli__http_desk_abandon(server->desk);
    repli__free(&repli__mem_default, server->bind);
    repli__free(&repli__mem_default, server->unix_path);
    repli__free(&repli__mem_default, server->health_bind);
    repli__free(&repli__mem_default, server);
}
