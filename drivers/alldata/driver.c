#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <replicante/version.h>

#include "actions.h"
#include "alldata.h"
#include "report.h"

int32_t repli__alldata_fail(const repli__alldata *alldata, repli_error *err, int32_t code,
                            const char *cause, const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return alldata->host->error(alldata->host, err, code, NULL, message,
                                cause && *cause ? cause : NULL);
}

int32_t repli__alldata_nomem(const repli__alldata *alldata, repli_error *err) {
    return alldata->host->error(alldata->host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
}

int32_t repli__alldata_pass(const repli__alldata *alldata, repli_error *err,
                            const repli_error *from, const char *doing) {
    return repli__alldata_fail(alldata, err, from->code, from->cause, "%s%s%s", doing ? doing : "",
                               doing ? ": " : "", from->message);
}

void repli__alldata_log(const repli__alldata *alldata, int32_t level, const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    alldata->host->log(alldata->host, level, message);
}

int32_t repli__alldata_json_text(const repli__alldata *alldata, const char *json, size_t size,
                                 const char *path, char **ret_text, repli_error *err) {
    const repli_host *host = alldata->host;
    char *text = NULL;
    /* No text is longer than what it stands in. */
    for (size_t room = 256;; room = 4 * room < size ? 4 * room : size + 1) {
        char *more = host->resize(host, text, room);
        int32_t code = REPLI_ENOMEM;
        if (more) {
            text = more;
            code = host->json_string(host, json, size, path, text, room, err);
        } else {
            repli__alldata_nomem(alldata, err);
        }
        if (code == REPLI_EFULL && room <= size)
            continue;
        if (code == REPLI_OK)
            *ret_text = text;
        else
            host->release(host, text);
        return code;
    }
}

static void close_instance(void *self) {
    repli__alldata *alldata = self;
    if (alldata->source)
        alldata->source->close(alldata->source);
    repli__alldata_config_free(alldata);
    pthread_mutex_destroy(&alldata->mutex);
    alldata->host->release(alldata->host, alldata);
}

static int32_t open_instance(const repli_host *host, const char *config_json, size_t config_size,
                             void **ret_self, repli_error *err) {
    repli__alldata *alldata = host->alloc(host, sizeof(*alldata));
    if (!alldata)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    memset(alldata, 0, sizeof(*alldata));
    alldata->host = host;
    pthread_mutex_init(&alldata->mutex, NULL);
    int32_t code = repli__alldata_config_load(alldata, config_json, config_size, err);
    if (code == REPLI_OK)
        code = alldata->config.url
                   ? repli__alldata_remote_new(alldata, alldata->config.url, &alldata->source, err)
                   : repli__alldata_embedded_new(alldata, &alldata->source, err);
    if (code != REPLI_OK) {
        close_instance(alldata);
        return code;
    }
    *ret_self = alldata;
    return REPLI_OK;
}

/* Calls may come at once, so that one instance both observes and acts: a node
 * in this process can be had once only. */
static const repli_driver driver = {
    .struct_size = (uint32_t)sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .capabilities = REPLI_CAP_CONCURRENT,
    .name = "alldata",
    .version = REPLI_VERSION_STRING,
    .store_id = "alldata",
    .summary = "AllData, a node elsewhere or in the agent's own process",
    .config_keys = repli__alldata_config_keys,
    .open = open_instance,
    .close = close_instance,
    .node_info = repli__alldata_node_info,
    .store_info = repli__alldata_store_info,
    .shards = repli__alldata_shards,
    .actions_describe = repli__alldata_actions_describe,
    .action_validate = repli__alldata_action_validate,
    .action_step = repli__alldata_action_step,
    .action_plan = repli__alldata_action_plan,
};

REPLI_DRIVER_EXPORT const repli_driver *repli_driver_alldata_entry(uint32_t host_abi);

const repli_driver *repli_driver_alldata_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
