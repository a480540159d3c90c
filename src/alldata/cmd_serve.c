#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <alldata/alldata.h>

#include "clock.h"
#include "commands.h"
#include "exits.h"
#include "process.h"
#include "service.h"

/* Requests that have begun are answered within this, however long stopping may take. */
enum { ANSWER_MS = 5000, PROGRESS_MS = 5000 };

static void log_error(struct service *service, const char *what, const repli_error *err) {
    logsink_printf(&service->log, REPLI_LOG_ERROR, "%s: %s%s%s", what, err->message,
                   err->cause[0] != '\0' ? ": " : "", err->cause);
}

/* What the service manager and the log are to tell. */

/* The level may change, so that the log is told everything and leaves out what is not wanted. */
static void write_log(int32_t level, const char *origin, const char *message, void *user_data) {
    struct service *service = user_data;
    if (logsink_wants(&service->log, level))
        logsink_write(level, origin, message, &service->log);
}

/* "host" of "host:port". */
static int host_size(const char *bind) {
    const char *colon = strrchr(bind, ':');
    return (int)(colon != NULL ? (size_t)(colon - bind) : strlen(bind));
}

static void log_listener(struct service *service, const char *bind, int32_t port, int tls,
                         const char *whom) {
    if (bind != NULL)
        logsink_printf(&service->log, REPLI_LOG_INFO, "listening on %s://%.*s:%d for %s",
                       tls ? "https" : "http", host_size(bind), bind, (int)port, whom);
}

static void log_gossip(struct service *service) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    if (alldata_node_status_get(service->node, &status, NULL) == REPLI_OK && status.gossip != NULL)
        logsink_printf(&service->log, REPLI_LOG_INFO, "gossiping as %s", status.gossip);
}

static void log_listeners(struct service *service) {
    const alldata_http_server_options options = service_listeners(service->config);
    log_listener(service, options.clients, alldata_http_server_port(service->server),
                 options.client_security->cert_pem != NULL, "clients");
    if (options.unix_path != NULL)
        logsink_printf(&service->log, REPLI_LOG_INFO, "listening on unix:%s for clients",
                       options.unix_path);
    log_listener(service, options.peers, alldata_http_server_peer_port(service->server),
                 options.peer_security->cert_pem != NULL, "other nodes");
    log_gossip(service);
}

/* One line for "systemctl status". */
static void describe(struct service *service, char *text, size_t size) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    if (alldata_node_status_get(service->node, &status, &err) != REPLI_OK)
        snprintf(text, size, "%.150s", err.message);
    else if (!status.writable)
        snprintf(text, size, "%.40s cannot store: %.100s", status.id, status.storage_error);
    else
        snprintf(text, size, "%.40s of %.40s serves, %llu of its peers live, %llu are dead",
                 status.id, status.cluster, (unsigned long long)status.peers_live,
                 (unsigned long long)status.peers_dead);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
}

/* A node whose locks nobody gives back does not come back from being asked. */
static void look(void *user_data) {
    struct service *service = user_data;
    char status[sizeof(service->status)];
    describe(service, status, sizeof(status));
    if (service->notify.watchdog_ms > 0)
        notify_send(&service->notify, "WATCHDOG=1");
    if (strcmp(status, service->status) != 0) {
        memcpy(service->status, status, sizeof(status));
        notify_send(&service->notify, "STATUS=%s", status);
    }
}

static void reload(void *user_data) {
    service_reload(user_data);
}

/* Beginning. */

alldata_http_server_options service_listeners(const struct config *config) {
    const struct settings *all = &config->all;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    options.clients = settings_some(all, "clients.bind");
    options.peers = config->has_peers ? settings_some(all, "peers.bind") : NULL;
    options.unix_path = settings_some(all, "clients.unix_socket");
    options.unix_mode = config->unix_mode;
    options.max_connections = (uint32_t)settings_number(all, "limits.connections");
    options.max_body = (uint64_t)settings_number(all, "limits.body");
    options.max_bulk_body = (uint64_t)settings_number(all, "limits.bulk_body");
    options.client_security = &config->client_security;
    options.peer_security = &config->peer_security;
    return options;
}

static int make_transport(struct service *service, repli_error *err) {
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    options.security = &service->config->peer_security;
    return alldata_http_transport_new(&options, NULL, &service->transport, err) == REPLI_OK;
}

static int make_node(struct service *service, repli_error *err) {
    alldata_node_options options = service->config->node;
    if (service->config->has_peers && !make_transport(service, err))
        return 0;
    options.transport = service->transport;
    options.log = write_log;
    options.log_data = service;
    options.log_level = REPLI_LOG_DEBUG;
    return alldata_node_new(&options, NULL, &service->node, err) == REPLI_OK;
}

static int listen_for_all(struct service *service, repli_error *err) {
    const alldata_http_server_options options = service_listeners(service->config);
    return alldata_http_server_new(service->node, &options, NULL, &service->server, err) ==
               REPLI_OK &&
           (!service->config->has_peers ||
            alldata_node_set_http_port(
                service->node, alldata_http_server_peer_port(service->server), err) == REPLI_OK);
}

static int start(struct service *service, struct problems *warnings) {
    repli_error err = REPLI_ERROR_INIT;
    logsink_set(&service->log, service->config->log_level, service->config->log_mode);
    logsink_printf(&service->log, REPLI_LOG_INFO, "alldata %s starts with %s", alldata_version(),
                   service->config->all.path);
    problems_each(warnings, logsink_problem, &service->log);
    if (!make_node(service, &err)) {
        log_error(service, "the node cannot start", &err);
        return -1;
    }
    if (!listen_for_all(service, &err)) {
        log_error(service, "the node cannot listen", &err);
        return -1;
    }
    if (alldata_node_start(service->node, &err) != REPLI_OK) {
        log_error(service, "the node cannot start", &err);
        return -1;
    }
    log_listeners(service);
    return 0;
}

/* Ending. */

static void end(struct service *service, int64_t timeout_ms) {
    alldata_http_server_free(service->server, timeout_ms);
    alldata_node_free(service->node);
    alldata_http_transport_free(service->transport);
}

static int stop(struct service *service, int signal_number) {
    const int64_t timeout = service->config->stop_timeout_ms;
    notify_send(&service->notify, "STOPPING=1\nSTATUS=stopping");
    logsink_printf(&service->log, REPLI_LOG_INFO, "stopping because of %s",
                   signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    process_allow_ends(timeout);
    end(service, timeout / 2 < ANSWER_MS ? timeout / 2 : ANSWER_MS);
    logsink_printf(&service->log, REPLI_LOG_INFO, "stopped");
    return EXITS_OK;
}

/* Running. */

static int run(struct service *service, struct problems *warnings) {
    const int signals = process_prepare_signals();
    if (signals < 0)
        return process_cannot_prepare();
    /* Events and the socket are nobody else's business. */
    umask(0077);
    int status = EXITS_NEGATIVE;
    if (start(service, warnings) == 0) {
        const struct process_watch watch = {
            .interval_ms = notify_interval_ms(&service->notify, PROGRESS_MS),
            .look = look,
            .reload = reload,
            .user_data = service,
        };
        notify_send(&service->notify, "READY=1");
        status = stop(service, process_wait(signals, &watch));
    } else {
        notify_send(&service->notify, "STATUS=could not start, see the log");
        end(service, 0);
    }
    close(signals);
    return status;
}

static int check(const struct options *options, const struct config *config) {
    if (options->print_config)
        settings_print(&config->all, stdout);
    else
        printf("%s: the configuration is good\n", config->all.path);
    return EXITS_OK;
}

/* With a configuration that is good but for warnings. */
static int use(const struct options *options, struct service *service, struct problems *warnings) {
    if (options->check_config || options->print_config) {
        problems_print(warnings, stderr);
        return check(options, service->config);
    }
    logsink_init(&service->log, STDERR_FILENO);
    const int status = run(service, warnings);
    logsink_dispose(&service->log);
    return status;
}

int cmd_serve(const struct options *options) {
    if (options->config == NULL)
        return cli_misused("serve needs -c FILE");
    if (process_prepare_descriptors() != 0)
        return process_cannot_prepare();
    struct service service = {.config = NULL};
    notify_open(&service.notify);
    struct problems problems;
    problems_init(&problems, options->config);
    service.config = config_load(options->config, &problems);
    int status = EXITS_CONFIG;
    if (service.config != NULL)
        status = use(options, &service, &problems);
    else
        problems_print(&problems, stderr);
    problems_dispose(&problems);
    config_free(service.config);
    notify_close(&service.notify);
    return status;
}
