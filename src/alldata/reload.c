#include "service.h"

static int is_fixed(const struct setting *setting) {
    return config_needs_restart(setting->name);
}

static struct config *load(struct service *service, struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    struct config *fresh = config_load(service->config->all.path, problems);
    if (fresh == NULL)
        return NULL;
    settings_check_fixed(&service->config->all, &fresh->all, is_fixed, problems);
    const alldata_http_server_options listeners = service_listeners(fresh);
    if (problems->errors == 0 &&
        alldata_http_server_reload(service->server, &listeners, &err) != REPLI_OK)
        problems_error(problems, (struct mark){0, 0}, "the listeners cannot use it: %s",
                       err.message);
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
