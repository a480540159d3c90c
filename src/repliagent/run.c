#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "exits.h"
#include "fault.h"
#include "process.h"
#include "service.h"

/* Requests that have begun are answered within this, however long stopping may take. */
enum { ANSWER_MS = 5000, PROGRESS_MS = 5000 };

static int check(const struct options *options, const struct config *config) {
    if (options->print_config)
        settings_print(&config->all, stdout);
    else
        printf("%s: the configuration is good\n", config->all.path);
    return EXITS_OK;
}

int32_t service_set_log(struct service *service, struct config *config, repli_error *err) {
    return repli_config_set_log(config->agent, config->log_level, logsink_write, &service->log,
                                err);
}

static void log_error(struct service *service, const char *what, const repli_error *err) {
    logsink_printf(&service->log, REPLI_LOG_ERROR, "%s: %s%s%s", what, err->message,
                   err->cause[0] != '\0' ? ": " : "", err->cause);
}

/* "host" of "host:port". */
static int host_size(const char *bind) {
    const char *colon = strrchr(bind, ':');
    return (int)(colon != NULL ? (size_t)(colon - bind) : strlen(bind));
}

static void log_listeners(struct service *service) {
    const repli_http_options *http = &service->config->http;
    if (http->bind != NULL)
        logsink_printf(&service->log, REPLI_LOG_INFO, "listening on %s://%.*s:%d",
                       http->tls_cert_pem != NULL ? "https" : "http", host_size(http->bind),
                       http->bind, (int)repli_http_server_port(service->server));
    if (http->unix_path != NULL)
        logsink_printf(&service->log, REPLI_LOG_INFO, "listening on unix:%s", http->unix_path);
    if (http->health_bind != NULL)
        logsink_printf(&service->log, REPLI_LOG_INFO, "listening on http://%.*s:%d for health",
                       host_size(http->health_bind), http->health_bind,
                       (int)repli_http_server_health_port(service->server));
    if (http->writes == REPLI_HTTP_WRITES_ALWAYS && http->bind != NULL &&
        http->tls_client_ca_pem == NULL)
        logsink_printf(&service->log, REPLI_LOG_WARNING,
                       "http.writes is always: whoever can connect to %s may schedule actions",
                       http->bind);
}

static int start(struct service *service, struct problems *warnings) {
    struct config *config = service->config;
    repli_error err = REPLI_ERROR_INIT;
    logsink_set(&service->log, config->log_level, config->log_mode);
    logsink_printf(&service->log, REPLI_LOG_INFO, "repliagent %s starts with %s", repli_version(),
                   config->all.path);
    problems_each(warnings, logsink_problem, &service->log);
    fault_prepare(repli_config_driver(config->agent)->name, &service->log);
    /* A driver that does not come back from being opened must not keep the agent from ending. */
    process_mask_ends(SIG_UNBLOCK);
    const int made = service_set_log(service, config, &err) == REPLI_OK &&
                     repli_agent_new(config->agent, &service->agent, &err) == REPLI_OK;
    process_mask_ends(SIG_BLOCK);
    fault_started();
    if (!made || repli_agent_start(service->agent, &err) != REPLI_OK) {
        log_error(service, "the agent cannot start", &err);
        return -1;
    }
    if (repli_http_server_new(service->agent, &config->http, &service->server, &err) != REPLI_OK) {
        log_error(service, "the agent cannot listen", &err);
        return -1;
    }
    log_listeners(service);
    return sink_start(config, service->agent, &service->log, &service->sink);
}

/* One line for "systemctl status". */
static void describe(struct service *service, char *text, size_t size) {
    repli_snapshot *snapshot;
    if (repli_agent_snapshot(service->agent, &snapshot, NULL) != REPLI_OK) {
        snprintf(text, size, "no snapshot");
        return;
    }
    const repli_node *node = repli_snapshot_node(snapshot);
    const char *status = repli_status_name(node->status);
    snprintf(text, size, "%.40s is %s%s%.80s", node->node_id, status != NULL ? status : "?",
             node->status_reason != NULL ? ": " : "",
             node->status_reason != NULL ? node->status_reason : "");
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    repli_snapshot_unref(snapshot);
}

void service_progress(struct service *service) {
    repli_error err = REPLI_ERROR_INIT;
    const int live = repli_agent_live(service->agent, &err) == REPLI_OK;
    if (!live && service->live)
        log_error(service, "the agent makes no progress", &err);
    if (live && !service->live)
        logsink_printf(&service->log, REPLI_LOG_INFO, "the agent makes progress again");
    service->live = live;
    /* No sign of life for an agent that is stuck: the service manager then restarts it. */
    if (live && service->notify.watchdog_ms > 0)
        notify_send(&service->notify, "WATCHDOG=1");
    char status[sizeof(service->status)];
    describe(service, status, sizeof(status));
    if (strcmp(status, service->status) != 0) {
        memcpy(service->status, status, sizeof(status));
        notify_send(&service->notify, "STATUS=%s", status);
    }
}

static void look(void *user_data) {
    service_progress(user_data);
}

static void reload(void *user_data) {
    service_reload(user_data);
}

/* Returns the signal that ended it. */
static int serve(struct service *service, int signals) {
    const struct process_watch watch = {
        .interval_ms = notify_interval_ms(&service->notify, PROGRESS_MS),
        .look = look,
        .reload = reload,
        .user_data = service,
    };
    return process_wait(signals, &watch);
}

static int stop(struct service *service, int signal_number) {
    const int64_t timeout = service->config->stop_timeout_ms, deadline = clock_now_ms() + timeout;
    notify_send(&service->notify, "STOPPING=1\nSTATUS=stopping");
    logsink_printf(&service->log, REPLI_LOG_INFO, "stopping because of %s",
                   signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    process_allow_ends(timeout);
    sink_stop(service->sink);
    service->sink = NULL;
    repli_http_server_free(service->server, timeout / 2 < ANSWER_MS ? timeout / 2 : ANSWER_MS);
    service->server = NULL;
    repli_error err = REPLI_ERROR_INIT;
    const int64_t left = deadline - clock_now_ms();
    if (repli_agent_stop(service->agent, left > 0 ? left : 0, &err) != REPLI_OK) {
        log_error(service, "stopped, but not cleanly", &err);
        /* A thread of the driver's still runs: nothing may be taken down under its feet. */
        _exit(EXITS_NEGATIVE);
    }
    logsink_printf(&service->log, REPLI_LOG_INFO, "stopped");
    return EXITS_OK;
}

static int run(struct service *service, struct problems *warnings) {
    const int signals = process_prepare_signals();
    if (signals < 0)
        return process_cannot_prepare();
    /* The database and the socket are nobody else's business. */
    umask(0077);
    int status = EXITS_NEGATIVE;
    if (start(service, warnings) == 0) {
        notify_send(&service->notify, "READY=1");
        status = stop(service, serve(service, signals));
    } else {
        notify_send(&service->notify, "STATUS=could not start, see the log");
    }
    sink_stop(service->sink);
    repli_http_server_free(service->server, 0);
    repli_agent_free(service->agent);
    close(signals);
    return status;
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

int cmd_run(const struct options *options) {
    if (options->config == NULL)
        return cli_misused("run needs -c FILE");
    if (process_prepare_descriptors() != 0)
        return process_cannot_prepare();
    struct service service = {.live = 1};
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
