#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "http/call.h"
#include "http/loop.h"
#include "http/tls.h"

enum {
    DEFAULT_CONNECTIONS = 256,
    DEFAULT_REQUEST_MS = 5000,
    DEFAULT_BODY = 1024 * 1024,
    DEFAULT_UNIX_MODE = 0600
};

struct repli_http_server {
    repli__http_loop loop;
    pid_t owner; /* the process whose connections these are */
    uint16_t port;
    uint16_t health_port;
    /* The addresses as they were given, to notice another. */
    char *bind;
    char *unix_path;
    char *health_bind;
};

static int32_t take(repli_http_options *to, const repli_http_options *options, repli_error *err) {
    if (options == NULL || options->struct_size < REPLI__SIZE_TO(repli_http_options, max_body))
        return repli__error(err, REPLI_EINVALID, "http",
                            "the server's options must begin with REPLI_HTTP_OPTIONS_INIT");
    repli__sized_copy(to, sizeof(*to), options);
    if (to->writes < REPLI_HTTP_WRITES_AUTO || to->writes > REPLI_HTTP_WRITES_NEVER)
        return repli__error(err, REPLI_EINVALID, "http", "writes is none of REPLI_HTTP_WRITES_*");
    int32_t code = REPLI_OK;
    if (to->bind != NULL)
        code = repli__http_listen_check_tcp(to->bind, err);
    if (code == REPLI_OK && to->health_bind != NULL)
        code = repli__http_listen_check_tcp(to->health_bind, err);
    if (code == REPLI_OK && to->unix_path != NULL)
        code = repli__http_listen_check_unix(to->unix_path, err);
    return code == REPLI_OK ? repli__http_tls_check(to, err) : code;
}

int32_t repli_http_options_check(const repli_http_options *options, repli_error *err) {
    repli_http_options known;
    return take(&known, options, err);
}

static repli__http_settings settings_of(const repli_http_options *options) {
    const uint64_t request_ms =
        options->request_timeout_ms > 0 ? options->request_timeout_ms : DEFAULT_REQUEST_MS;
    const uint64_t keep_alive_ms = options->keep_alive_ms > 0 ? options->keep_alive_ms : request_ms;
    return (repli__http_settings){
        .writes = options->writes,
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
    repli__http_listeners *listeners = &server->loop.listeners;
    if (options->bind == NULL && options->unix_path == NULL && options->health_bind == NULL)
        return repli__error(err, REPLI_EINVALID, "http",
                            "the server has no address to listen on: set bind or unix_path");
    int32_t code = REPLI_OK;
    if (options->bind != NULL)
        code =
            repli__http_listen_tcp(listeners, REPLI__HTTP_API, options->bind, &server->port, err);
    if (code == REPLI_OK && options->health_bind != NULL)
        code = repli__http_listen_tcp(listeners, REPLI__HTTP_HEALTH, options->health_bind,
                                      &server->health_port, err);
    if (code == REPLI_OK && options->unix_path != NULL)
        code = repli__http_listen_unix(
            listeners, options->unix_path,
            options->unix_mode > 0 ? (mode_t)options->unix_mode : DEFAULT_UNIX_MODE, err);
    return code;
}

static int32_t make_tls(repli__http_loop *loop, const repli_http_options *options,
                        repli__http_daemon **ret_tls, repli_error *err) {
    *ret_tls = NULL;
    return options->tls_cert_pem != NULL ? repli__http_daemon_new(loop, options, ret_tls, err)
                                         : REPLI_OK;
}

static int32_t start(repli_http_server *server, const repli_http_options *options,
                     repli_error *err) {
    repli__http_loop *loop = &server->loop;
    loop->settings = settings_of(options);
    int32_t code = keep_addresses(server, options, err);
    repli__http_daemon *tls = NULL;
    if (code == REPLI_OK)
        code = make_tls(loop, options, &tls, err);
    repli__http_loop_set_tls(loop, tls);
    if (code == REPLI_OK)
        code = listen_all(server, options, err);
    return code != REPLI_OK ? code : repli__http_loop_start(loop, err);
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
    server->owner = getpid();
    code = repli__http_loop_init(&server->loop, agent, err);
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
    if (server->owner != getpid())
        return repli__error(err, REPLI_EFORK, "http", "the server belongs to the parent process");
    repli_http_options known;
    int32_t code = take(&known, options, err);
    if (code == REPLI_OK)
        code = check_same("bind", known.bind, server->bind, err);
    if (code == REPLI_OK)
        code = check_same("unix_path", known.unix_path, server->unix_path, err);
    if (code == REPLI_OK)
        code = check_same("health_bind", known.health_bind, server->health_bind, err);
    repli__http_daemon *tls = NULL;
    if (code == REPLI_OK)
        code = make_tls(&server->loop, &known, &tls, err);
    if (code == REPLI_OK && tls != NULL)
        code = repli__http_loop_add(&server->loop, tls, err);
    if (code != REPLI_OK) {
        repli__http_daemon_free(tls);
        return code;
    }
    const repli__http_settings settings = settings_of(&known);
    const repli__http_order order = {.settings = &settings, .tls = tls};
    repli__http_loop_order(&server->loop, &order);
    return REPLI_OK;
}

void repli_http_server_free(repli_http_server *server, int64_t timeout_ms) {
    if (server == NULL)
        return;
    /* In a forked child there is no thread to stop, and closing what libmicrohttpd has would shut
     * down the parent's connections. */
    if (server->owner == getpid())
        repli__http_loop_dispose(&server->loop, repli__deadline_ns(timeout_ms));
    else
        repli__http_listeners_abandon(&server->loop.listeners);
    repli__free(&repli__mem_default, server->bind);
    repli__free(&repli__mem_default, server->unix_path);
    repli__free(&repli__mem_default, server->health_bind);
    repli__free(&repli__mem_default, server);
}
