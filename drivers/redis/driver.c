#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <replicante/version.h>

#include "actions.h"
#include "redis.h"
#include "report.h"

int32_t repli__redis_fail(const repli__redis *redis, repli_error *err, int32_t code,
                          const char *cause, const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return redis->host->error(redis->host, err, code, NULL, message,
                              cause && *cause ? cause : NULL);
}

int32_t repli__redis_nomem(const repli__redis *redis, repli_error *err) {
    return redis->host->error(redis->host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
}

int32_t repli__redis_pass(const repli__redis *redis, repli_error *err, const repli_error *from,
                          const char *doing) {
    return repli__redis_fail(redis, err, from->code, from->cause, "%s%s%s", doing ? doing : "",
                             doing ? ": " : "", from->message);
}

void repli__redis_log(const repli__redis *redis, int32_t level, const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    redis->host->log(redis->host, level, message);
}

static void close_instance(void *self) {
    repli__redis *redis = self;
    repli__redis_observation_free(redis, &redis->last);
    repli__redis_disconnect(&redis->watch);
    for (int i = 0; i < 2; i++)
        if (redis->wake[i] >= 0)
            close(redis->wake[i]);
    redis->host->release(redis->host, redis);
}

static int32_t open_instance(const repli_host *host, const char *config_json, size_t config_size,
                             void **ret_self, repli_error *err) {
    repli__redis *redis = host->alloc(host, sizeof(*redis));
    if (!redis)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    memset(redis, 0, sizeof(*redis));
    redis->host = host;
    redis->wake[0] = redis->wake[1] = -1;
    redis->watch.fd = -1;
    int32_t code = repli__redis_config_load(redis, config_json, config_size, err);
    if (code == REPLI_OK && pipe2(redis->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        redis->wake[0] = redis->wake[1] = -1;
        code = repli__redis_fail(redis, err, REPLI_EIO, strerror(errno), "cannot make a pipe");
    }
    if (code != REPLI_OK) {
        close_instance(redis);
        return code;
    }
    *ret_self = redis;
    return REPLI_OK;
}

/* Runs beside the call that it ends. That call asks whether it was cancelled when it wakes up. */
static void cancel(void *self, repli_op *op) {
    const repli__redis *redis = self;
    (void)op;
    while (write(redis->wake[1], "", 1) < 0 && errno == EINTR)
        continue;
}

static const repli_driver driver = {
    .struct_size = (uint32_t)sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .capabilities = REPLI_CAP_CANCEL,
    .name = "redis",
    .version = REPLI_VERSION_STRING,
    .store_id = "redis",
    .summary = "Redis 6.2 and later with replication, Redis 7 and later in cluster mode",
    .config_keys = repli__redis_config_keys,
    .open = open_instance,
    .close = close_instance,
    .node_info = repli__redis_node_info,
    .store_info = repli__redis_store_info,
    .shards = repli__redis_shards,
    .actions_describe = repli__redis_actions_describe,
    .action_validate = repli__redis_action_validate,
    .action_step = repli__redis_action_step,
    .cancel = cancel,
    .action_plan = repli__redis_action_plan,
};

REPLI_DRIVER_EXPORT const repli_driver *repli_driver_redis_entry(uint32_t host_abi);

const repli_driver *repli_driver_redis_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
