#include "alldata-http/server.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

enum {
    DEFAULT_CONNECTIONS = 1024,
    DEFAULT_MS = 5000,
    DEFAULT_UNIX_MODE = 0600,
    MIB = 1024 * 1024,
    DEFAULT_BODY = MIB,
    DEFAULT_BULK_BODY = 32 * MIB,
    DEFAULT_RECEIVING = 256 * MIB
};

/* Options. */

static const char *address_of(const alldata_http_server_options *options, int kind) {
    switch (kind) {
    case ALLDATA__HTTP_TO_CLIENTS: return options->clients;
    case ALLDATA__HTTP_TO_PEERS: return options->peers;
    default: return options->unix_path;
    }
}

static const alldata_http_security *security_of(const alldata_http_server_options *options,
                                                int kind) {
    switch (kind) {
    case ALLDATA__HTTP_TO_CLIENTS: return options->client_security;
    case ALLDATA__HTTP_TO_PEERS: return options->peer_security;
    default: return NULL;
    }
}

static repli__web_tls tls_of(const alldata_http_security *security) {
    if (security == NULL)
        return (repli__web_tls){0};
    return (repli__web_tls){
        .certificate = security->cert_pem, .key = security->key_pem, .client_ca = security->ca_pem};
}

static int32_t check_security(const alldata_http_security *security, repli_error *err) {
    if (security == NULL)
        return REPLI_OK;
    if (security->struct_size < REPLI__SIZE_TO(alldata_http_security, secret))
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "the security of a server must begin with ALLDATA_HTTP_SECURITY_INIT");
    alldata_http_security own;
    repli__sized_copy(&own, sizeof(own), security);
    if (own.secret == NULL && own.other_secret != NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "other_secret is taken instead of a secret, and there is none");
    if ((own.secret != NULL && own.secret[0] == '\0') ||
        (own.other_secret != NULL && own.other_secret[0] == '\0'))
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN, "the secret is empty");
    const repli__web_tls tls = tls_of(security);
    return repli__web_check_tls(&tls, err);
}

static int32_t take(alldata_http_server_options *to, const alldata_http_server_options *options,
                    repli_error *err) {
    if (options == NULL ||
        options->struct_size < REPLI__SIZE_TO(alldata_http_server_options, peer_security))
        return repli__error(
            err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
            "the server's options must begin with ALLDATA_HTTP_SERVER_OPTIONS_INIT");
    repli__sized_copy(to, sizeof(*to), options);
    if (to->run_mode != ALLDATA_RUN_THREADS && to->run_mode != ALLDATA_RUN_DISPATCH)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "run_mode is none of ALLDATA_RUN_*");
    int32_t code = REPLI_OK;
    if (to->clients != NULL)
        code = repli__web_check_tcp(to->clients, err);
    if (code == REPLI_OK && to->peers != NULL)
        code = repli__web_check_tcp(to->peers, err);
    if (code == REPLI_OK && to->unix_path != NULL)
        code = repli__web_check_unix(to->unix_path, err);
    for (int kind = 0; kind < ALLDATA__HTTP_KINDS && code == REPLI_OK; kind++)
        code = check_security(security_of(to, kind), err);
    return code;
}

int32_t alldata_http_server_check(const alldata_http_server_options *options, repli_error *err) {
    alldata_http_server_options known;
    return take(&known, options, err);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise) {
    return value > 0 ? value : otherwise;
}

static repli__web_settings settings_of(const alldata_http_server_options *options) {
    return (repli__web_settings){
        .max_connections = (uint32_t)or_default(options->max_connections, DEFAULT_CONNECTIONS),
        .request_ns =
            or_default(options->request_timeout_ms, DEFAULT_MS) * (uint64_t)REPLI__NS_PER_MS,
        .keep_alive_ns =
            or_default(options->keep_alive_ms, DEFAULT_MS) * (uint64_t)REPLI__NS_PER_MS,
        .max_body = or_default(options->max_bulk_body, DEFAULT_BULK_BODY),
        .max_bodies = or_default(options->max_receiving, DEFAULT_RECEIVING),
    };
}

static void set_limits(alldata_http_server *server, const alldata_http_server_options *options) {
    atomic_store(&server->max_body, or_default(options->max_body, DEFAULT_BODY));
    atomic_store(&server->max_bulk_body, or_default(options->max_bulk_body, DEFAULT_BULK_BODY));
}

/* Secrets. */

static void free_secret(alldata_http_server *server, char *secret) {
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    repli__free(&server->mem, secret);
}

static void drop_secrets(alldata_http_server *server, char *secrets[ALLDATA__HTTP_SECRETS]) {
    for (int i = 0; i < ALLDATA__HTTP_SECRETS; i++)
        free_secret(server, secrets[i]);
}

static int32_t copy_secrets(alldata_http_server *server, const alldata_http_server_options *options,
                            char *ret_secrets[ALLDATA__HTTP_SECRETS], repli_error *err) {
    int whole = 1;
    for (int kind = 0; kind < ALLDATA__HTTP_KINDS; kind++) {
        alldata_http_security own = ALLDATA_HTTP_SECURITY_INIT;
        if (security_of(options, kind) != NULL)
            repli__sized_copy(&own, sizeof(own), security_of(options, kind));
        char **secret = &ret_secrets[kind];
        char **other = &ret_secrets[ALLDATA__HTTP_KINDS + kind];
        *secret = repli__strdup(&server->mem, own.secret);
        *other = repli__strdup(&server->mem, own.other_secret);
        whole &= (own.secret == NULL) == (*secret == NULL) &&
                 (own.other_secret == NULL) == (*other == NULL);
    }
    if (whole)
        return REPLI_OK;
    drop_secrets(server, ret_secrets);
    return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "setting the server's secrets");
}

/* Leaves the old ones in secrets. */
static void swap_secrets(alldata_http_server *server, char *secrets[ALLDATA__HTTP_SECRETS]) {
    int count = 0;
    pthread_mutex_lock(&server->mutex);
    for (int i = 0; i < ALLDATA__HTTP_SECRETS; i++) {
        char *old = server->secrets[i];
        server->secrets[i] = secrets[i];
        count += secrets[i] != NULL;
        secrets[i] = old;
    }
    atomic_store(&server->secret_count, count);
    pthread_mutex_unlock(&server->mutex);
}

/* Beginning. */

static int32_t listen_to(alldata_http_server *server, const alldata_http_server_options *options,
                         int kind, repli_error *err) {
    const char *address = address_of(options, kind);
    const int is_unix = kind == ALLDATA__HTTP_TO_UNIX;
    if (address == NULL)
        return REPLI_OK;
    server->addresses[kind] = repli__strdup(&server->mem, address);
    if (server->addresses[kind] == NULL)
        return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "starting a server");
    const repli__web_address it = {
        .kind = kind,
        .tcp = is_unix ? NULL : address,
        .unix_path = is_unix ? address : NULL,
        .mode = (mode_t)or_default(options->unix_mode, DEFAULT_UNIX_MODE),
        /* There may be none now, and one after a reload. */
        .tls = is_unix ? 0 : kind + 1,
        .privileged = kind != ALLDATA__HTTP_TO_CLIENTS,
    };
    return repli__web_listen(server->web, &it, &server->ports[kind], err);
}

static int32_t listen_all(alldata_http_server *server, const alldata_http_server_options *options,
                          repli_error *err) {
    int32_t code = REPLI_OK;
    if (options->clients == NULL && options->peers == NULL && options->unix_path == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "the server has nothing to listen on: set clients, peers or unix_path");
    for (int kind = 0; kind < ALLDATA__HTTP_KINDS && code == REPLI_OK; kind++)
        code = listen_to(server, options, kind, err);
    return code;
}

static int32_t open_web(alldata_http_server *server, const alldata_http_server_options *options,
                        repli_error *err) {
    const repli__web_options it = {
        .mem = &server->mem,
        .handler = alldata__http_door(server),
        .settings = settings_of(options),
        .tls = {tls_of(options->client_security), tls_of(options->peer_security)},
        .loop_name = "alldata-http",
        .worker_name = "alldata-read",
        .relief_name = "alldata-relief",
    };
    return repli__web_new(&it, &server->web, err);
}

static int32_t start(alldata_http_server *server, const alldata_http_server_options *options,
                     repli_error *err) {
    char *secrets[ALLDATA__HTTP_SECRETS] = {NULL};
    int32_t code = copy_secrets(server, options, secrets, err);
    if (code != REPLI_OK)
        return code;
    swap_secrets(server, secrets);
    set_limits(server, options);
    server->driven = options->run_mode == ALLDATA_RUN_DISPATCH;
    code = alldata__http_exporter_init(&server->exporter, server->node, err);
    if (code == REPLI_OK && !server->driven)
        code = alldata__http_scanner_init(&server->scanner, err);
    if (code == REPLI_OK)
        code = open_web(server, options, err);
    if (code == REPLI_OK) {
        server->office.web = server->web;
        server->office.exporter = &server->exporter;
        code = listen_all(server, options, err);
    }
    if (code != REPLI_OK)
        return code;
    return server->driven ? alldata__http_drive(server, err) : repli__web_start(server->web, err);
}

int32_t alldata_http_server_new(alldata_node *node, const alldata_http_server_options *options,
                                const repli_allocator *allocator, alldata_http_server **ret_server,
                                repli_error *err) {
    alldata_http_server_options known;
    if (node == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN, "a server needs a node");
    int32_t code = take(&known, options, err);
    if (code == REPLI_OK)
        code = alldata__http_check_node(node, err);
    if (code != REPLI_OK)
        return code;
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    alldata_http_server *server = repli__calloc(&mem, 1, sizeof(*server));
    if (server == NULL)
        return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "starting a server");
    server->mem = mem;
    server->owner = getpid();
    server->node = node;
    server->epoll_fd = -1;
    server->timer_fd = -1;
    pthread_mutex_init(&server->mutex, NULL);
    code = start(server, &known, err);
    if (code != REPLI_OK)
        alldata_http_server_free(server, 0);
    else
        *ret_server = server;
    return code;
}

int32_t alldata_http_server_port(const alldata_http_server *server) {
    return server->ports[ALLDATA__HTTP_TO_CLIENTS];
}

int32_t alldata_http_server_peer_port(const alldata_http_server *server) {
    return server->ports[ALLDATA__HTTP_TO_PEERS];
}

int32_t alldata_http_server_handle(alldata_http_server *server, const alldata_http_request *request,
                                   alldata_http_respond_fn respond, void *user_data,
                                   repli_error *err) {
    if (server == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN, "a server is needed");
    return alldata__http_handle(server->node, &server->office, request, respond, user_data, err);
}

/* Changing. */

static int32_t check_same(const alldata_http_server *server,
                          const alldata_http_server_options *options, repli_error *err) {
    static const char *const names[] = {"clients", "peers", "unix_path"};
    for (int kind = 0; kind < ALLDATA__HTTP_KINDS; kind++) {
        const char *now = address_of(options, kind);
        const char *then = server->addresses[kind];
        if (now != NULL && (then == NULL || strcmp(now, then) != 0))
            return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                                "%s cannot change from %s to %s while the server runs: restart it",
                                names[kind], then != NULL ? then : "none", now);
    }
    return REPLI_OK;
}

int32_t alldata_http_server_reload(alldata_http_server *server,
                                   const alldata_http_server_options *options, repli_error *err) {
    alldata_http_server_options known;
    char *secrets[ALLDATA__HTTP_SECRETS] = {NULL};
    int32_t code = take(&known, options, err);
    if (code == REPLI_OK)
        code = check_same(server, &known, err);
    if (code == REPLI_OK)
        code = copy_secrets(server, &known, secrets, err);
    if (code != REPLI_OK)
        return code;
    const repli__web_settings settings = settings_of(&known);
    const repli__web_tls tls[] = {tls_of(known.client_security), tls_of(known.peer_security)};
    code = repli__web_reload(server->web, &settings, tls, err);
    if (code == REPLI_OK) {
        set_limits(server, &known);
        swap_secrets(server, secrets);
    }
    drop_secrets(server, secrets);
    return code;
}

/* Ending. */

static void stop(alldata_http_server *server, int64_t timeout_ms) {
    const uint64_t deadline_ns = repli__deadline_ns(timeout_ms);
    repli__web_stop(server->web, deadline_ns);
    if (server->driven) {
        alldata__http_drive_end(server, deadline_ns);
        /* A peer that answers wakes the server. */
        alldata__http_exporter_dispose(&server->exporter);
    }
    repli__web_free(server->web);
    alldata__http_scanner_dispose(&server->scanner);
    alldata__http_exporter_dispose(&server->exporter);
}

void alldata_http_server_free(alldata_http_server *server, int64_t timeout_ms) {
    if (server == NULL)
        return;
    /* In a forked child there are no threads to wait for. */
    if (server->owner == getpid() && server->web != NULL)
        stop(server, timeout_ms);
    else
        repli__web_free(server->web);
    alldata__http_drive_close(server);
    drop_secrets(server, server->secrets);
    for (int kind = 0; kind < ALLDATA__HTTP_KINDS; kind++)
        repli__free(&server->mem, server->addresses[kind]);
    pthread_mutex_destroy(&server->mutex);
    const repli__mem mem = server->mem;
    repli__free(&mem, server);
}

int32_t alldata_http_server_count(const alldata_http_server *server,
                                  alldata_http_counters *counters, repli_error *err) {
    if (counters == NULL ||
        counters->struct_size < REPLI__SIZE_TO(alldata_http_counters, bytes_out))
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "counters must begin with ALLDATA_HTTP_COUNTERS_INIT");
    repli__web_counts now;
    repli__web_count(server->web, &now);
    const alldata_http_counters all = {
        .struct_size = sizeof(all),
        .open = now.open,
        .open_clients = now.open_of[ALLDATA__HTTP_TO_CLIENTS],
        .open_peers = now.open_of[ALLDATA__HTTP_TO_PEERS],
        .open_unix = now.open_of[ALLDATA__HTTP_TO_UNIX],
        .connections = now.connections,
        .cut = now.cut,
        .requests = now.requests,
        .refused = now.refused,
        .bytes_in = now.bytes_in,
        .bytes_out = now.bytes_out,
    };
    repli__sized_fill(counters, &all, sizeof(all));
    return REPLI_OK;
}
