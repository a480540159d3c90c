#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <replicante/version.h>

#include "actions.h"
#include "postgresql.h"
#include "report.h"
#include "text.h"

static int32_t fail(const repli__pg *pg, repli_error *err, int32_t code, const char *native,
                    const char *cause, const char *format, va_list args) {
    char message[REPLI_ERROR_MESSAGE_SIZE], clean_cause[REPLI_ERROR_CAUSE_SIZE];
    vsnprintf(message, sizeof(message), format, args);
    snprintf(clean_cause, sizeof(clean_cause), "%s", cause ? cause : "");
    repli__pg_clean(message);
    repli__pg_clean(clean_cause);
    return pg->host->error(pg->host, err, code, native && *native ? native : NULL, message,
                           *clean_cause ? clean_cause : NULL);
}

int32_t repli__pg_fail(const repli__pg *pg, repli_error *err, int32_t code, const char *cause,
                       const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail(pg, err, code, NULL, cause, format, args);
    va_end(args);
    return code;
}

int32_t repli__pg_fail_native(const repli__pg *pg, repli_error *err, int32_t code,
                              const char *native, const char *cause, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail(pg, err, code, native, cause, format, args);
    va_end(args);
    return code;
}

int32_t repli__pg_nomem(const repli__pg *pg, repli_error *err) {
    return pg->host->error(pg->host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
}

int32_t repli__pg_pass(const repli__pg *pg, repli_error *err, const repli_error *from,
                       const char *doing) {
    return repli__pg_fail_native(pg, err, from->code, from->native, from->cause, "%s%s%s",
                                 doing ? doing : "", doing ? ": " : "", from->message);
}

void repli__pg_log(const repli__pg *pg, int32_t level, const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    repli__pg_clean(message);
    pg->host->log(pg->host, level, message);
}

static void close_instance(void *self) {
    repli__pg *pg = self;
    repli__pg_observation_clear(pg);
    repli__pg_disconnect(&pg->watch);
    for (int i = 0; i < 2; i++)
        if (pg->wake[i] >= 0)
            close(pg->wake[i]);
    repli__pg_config_free(pg);
    pg->host->release(pg->host, pg);
}

static int32_t open_instance(const repli_host *host, const char *config_json, size_t config_size,
                             void **ret_self, repli_error *err) {
    repli__pg *pg = host->alloc(host, sizeof(*pg));
    if (!pg)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    *pg = (repli__pg){.host = host, .wake = {-1, -1}};

    int32_t code = repli__pg_config_load(pg, config_json, config_size, err);
    if (code == REPLI_OK && pipe2(pg->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        pg->wake[0] = pg->wake[1] = -1;
        code = repli__pg_fail(pg, err, REPLI_EIO, strerror(errno), "cannot make a pipe");
    }
    if (code != REPLI_OK) {
        close_instance(pg);
        return code;
    }
    *ret_self = pg;
    return REPLI_OK;
}

/* Runs beside the call that it ends. That call asks whether it was cancelled when it wakes up. */
static void cancel(void *self, repli_op *op) {
    const repli__pg *pg = self;
    (void)op;
    while (write(pg->wake[1], "", 1) < 0 && errno == EINTR)
        continue;
}

static const repli_driver driver = {
    .struct_size = (uint32_t)sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .capabilities = REPLI_CAP_CANCEL,
    .name = "postgresql",
    .version = REPLI_VERSION_STRING,
    .store_id = "postgresql",
    .summary = "PostgreSQL 13 and later with streaming replication",
    .config_keys = repli__pg_config_keys,
    .open = open_instance,
    .close = close_instance,
    .node_info = repli__pg_node_info,
    .store_info = repli__pg_store_info,
    .shards = repli__pg_shards,
    .actions_describe = repli__pg_actions_describe,
    .action_validate = repli__pg_action_validate,
    .action_step = repli__pg_action_step,
    .action_plan = repli__pg_action_plan,
    .cancel = cancel,
};

REPLI_DRIVER_EXPORT const repli_driver *repli_driver_postgresql_entry(uint32_t host_abi);

const repli_driver *repli_driver_postgresql_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
