#include <string.h>

#include "config_keys.h"
#include "service.h"

/* The library speaks for its own keys; these are the program's. */
static int is_fixed(const struct setting *setting) {
    return setting->owner == CONFIG_PROGRAM && config_keys_needs_restart(setting->name);
}

/* The library's messages about a setting begin with its name in quotes. */
static struct mark place_of(const struct config *config, const char *message) {
    for (size_t i = 0; i < config->all.count; i++) {
        const char *name = config->all.list[i].name;
        const size_t size = strlen(name);
        if (message[0] == '"' && strncmp(message + 1, name, size) == 0 && message[size + 1] == '"')
            return config->all.list[i].at;
    }
    return (struct mark){0, 0};
}

static void complain(struct problems *problems, const struct config *config, const char *what,
                     const repli_error *err) {
    problems_error(problems, place_of(config, err->message), "%s: %s%s%s", what, err->message,
                   err->cause[0] != '\0' ? ": " : "", err->cause);
}

/* Both or neither. */
static int use(struct service *service, struct config *fresh, struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    if (service_set_log(service, fresh, &err) != REPLI_OK ||
        repli_http_server_reload(service->server, &fresh->http, &err) != REPLI_OK) {
        complain(problems, fresh, "the listeners cannot use it", &err);
        return -1;
    }
    if (repli_agent_reload(service->agent, fresh->agent, &err) == REPLI_OK)
        return 0;
    complain(problems, fresh, "the agent cannot use it", &err);
    if (repli_http_server_reload(service->server, &service->config->http, &err) != REPLI_OK)
        complain(problems, fresh, "the listeners cannot be set back, restart the agent", &err);
    return -1;
}

static struct config *load(struct service *service, struct problems *problems) {
    struct config *fresh = config_load(service->config->all.path, problems);
    if (fresh == NULL)
        return NULL;
    settings_check_fixed(&service->config->all, &fresh->all, is_fixed, problems);
    if (problems->errors == 0 && use(service, fresh, problems) == 0)
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
        config_free(service->config);
        service->config = fresh;
    }
    service->status[0] = '\0';
    notify_send(&service->notify, "READY=1");
}
