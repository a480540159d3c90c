#include <string.h>

#include "service.h"

static int is_fixed(const struct setting *setting) {
    return config_needs_restart(setting->name);
}

static int is_same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* To those who are called: what is taken as well is none of their business. */
static int is_same(const alldata_http_security *a, const alldata_http_security *b) {
    return is_same_text(a->cert_pem, b->cert_pem) && is_same_text(a->key_pem, b->key_pem) &&
           is_same_text(a->ca_pem, b->ca_pem) && is_same_text(a->secret, b->secret);
}

/* Other nodes are called as the fresh configuration has it; returns 0 if they cannot be. */
static int call_anew(struct service *service, const struct config *fresh,
                     struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    if (alldata_http_transport_reload(service->transport, &fresh->peer_security, &err) == REPLI_OK)
        return 1;
    problems_error(problems, (struct mark){0, 0}, "other nodes cannot be called with it: %s",
                   err.message);
    return 0;
}

static void call_as_before(struct service *service) {
    repli_error err = REPLI_ERROR_INIT;
    if (alldata_http_transport_reload(service->transport, &service->config->peer_security, &err) !=
        REPLI_OK)
        logsink_printf(&service->log, REPLI_LOG_ERROR,
                       "other nodes are called with the new certificate and secret all the same, "
                       "until this one is restarted: %s",
                       err.message);
}

/* All of it or nothing. */
static void use(struct service *service, const struct config *fresh, struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    const alldata_http_server_options listeners = service_listeners(fresh);
    const int changes = service->transport != NULL &&
                        !is_same(&service->config->peer_security, &fresh->peer_security);
    if (changes && !call_anew(service, fresh, problems))
        return;
    if (alldata_http_server_reload(service->server, &listeners, &err) != REPLI_OK) {
        problems_error(problems, (struct mark){0, 0}, "the listeners cannot use it: %s",
                       err.message);
        if (changes)
            call_as_before(service);
    } else if (changes) {
        logsink_printf(&service->log, REPLI_LOG_INFO,
                       "other nodes are called with the new certificate and secret");
    }
}

static struct config *load(struct service *service, struct problems *problems) {
    struct config *fresh = config_load(service->config->all.path, problems);
    if (fresh == NULL)
        return NULL;
    settings_check_fixed(&service->config->all, &fresh->all, is_fixed, problems);
    if (problems->errors == 0)
        use(service, fresh, problems);
    if (problems->errors == 0)
        return fresh;
    config_free(fresh);
    return NULL;
}

void service_reload(struct service *service) {
    notify_reloading(&service->notify);
    logsink_printf(&service->log, REPLI_LOG_INFO, "reloading %s", service->config->all.path);
    struct problems problems;
    problems_init(&problems, service->config->all.path);
    struct config *fresh = load(service, &problems);
    problems_each(&problems, logsink_problem, &service->log);
    if (fresh != NULL) {
        logsink_set(&service->log, fresh->log_level, fresh->log_mode);
        logsink_printf(&service->log, REPLI_LOG_INFO, "reloaded");
    } else {
        logsink_printf(&service->log, REPLI_LOG_ERROR,
                       "not reloaded: the old configuration stays in use");
    }
    problems_dispose(&problems); /* it names the old configuration's path */
    if (fresh != NULL) {
        /* The node keeps nothing of it; the path lives on in the new one. */
        config_free(service->config);
        service->config = fresh;
    }
    service->status[0] = '\0';
    notify_send(&service->notify, "READY=1");
}
