/* The datastore is the process that this runs in: nothing here connects, waits or can time out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

enum { CLUSTER_ID_SIZE = 256, RUN_ID_SIZE = 64 };

typedef struct {
    const repli_host *host;
    int was_linked; /* to its primary: from then on a copy is repaired, not made */
    char cluster_id[CLUSTER_ID_SIZE];
} instance;

static const repli_config_key cluster_id_key = {
    .struct_size = sizeof(repli_config_key),
    .type = REPLI_CONFIG_STRING,
    .flags = REPLI_CONFIG_REQUIRED,
    .name = "cluster_id",
    .summary = "name of the primary and its replicas; Redis has none of its own",
};

static const repli_config_key *const config_keys[] = {&cluster_id_key, NULL};

static int32_t redis_open(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    instance *self = host->alloc(host, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    self->host = host;
    self->was_linked = 0;
    const int32_t code = host->json_string(host, config_json, config_size, "cluster_id",
                                           self->cluster_id, sizeof(self->cluster_id), err);
    if (code != REPLI_OK) {
        host->release(host, self);
        return code;
    }
    *ret_self = self;
    return REPLI_OK;
}

static void redis_close(void *opened) {
    instance *self = opened;
    self->host->release(self->host, self);
}

/* What INFO says. */

typedef RedisModuleServerInfoData info;

static info *ask(const char *section) {
    return RedisModule_GetServerInfo(NULL, section);
}

static const char *text(info *from, const char *field) {
    const char *value = RedisModule_ServerInfoGetFieldC(from, field);
    return value != NULL ? value : "";
}

static int is(info *from, const char *field, const char *value) {
    return strcmp(text(from, field), value) == 0;
}

static int64_t number(info *from, const char *field) {
    return (int64_t)strtoll(text(from, field), NULL, 10);
}

static int is_linked(info *replication) {
    return is(replication, "master_link_status", "up");
}

/* The node. */

static int32_t emit_version(const instance *self, repli_sink *sink, info *server) {
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = text(server, "redis_version");
    /* Distributions build from an archive, which has no revision. */
    if (strspn(text(server, "redis_git_sha1"), "0") != strlen(text(server, "redis_git_sha1")))
        version.checkout = text(server, "redis_git_sha1");
    return *version.number != '\0' ? self->host->emit_version(sink, &version) : REPLI_OK;
}

/* What is wrong with the server itself, or NULL. */
static const char *fault(info *persistence) {
    const int flags = RedisModule_GetContextFlags(module_context());
    if (is(persistence, "loading", "1"))
        return "the server is loading its data set";
    /* Between commands neither is set: the server runs its event loop within a command. */
    if (flags & (REDIS_IN_SCRIPT | REDIS_IN_TRANSACTION))
        return "a script keeps the server from everything else; SCRIPT KILL ends it";
    if (is(persistence, "aof_last_write_status", "err"))
        return "the append only file cannot be written";
    if (is(persistence, "rdb_last_bgsave_status", "err"))
        return "the last background save failed";
    return NULL;
}

static int32_t replica_status(instance *self, info *replication, const char **ret_reason) {
    if (is_linked(replication)) {
        self->was_linked = 1;
        return REPLI_STATUS_HEALTHY;
    }
    *ret_reason = is(replication, "master_sync_in_progress", "1")
                      ? "the data set is being copied from the primary"
                      : "there is no link to the primary";
    return self->was_linked ? REPLI_STATUS_UNHEALTHY : REPLI_STATUS_JOINING_CLUSTER;
}

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    instance *self = opened;
    info *server = ask("server");
    info *persistence = ask("persistence");
    info *replication = ask("replication");
    int32_t status = REPLI_STATUS_HEALTHY;
    const char *reason = fault(persistence);
    if (reason != NULL)
        status = REPLI_STATUS_UNHEALTHY;
    else if (is(replication, "role", "slave"))
        status = replica_status(self, replication, &reason);
    int32_t code = emit_version(self, sink, server);
    if (code == REPLI_OK)
        code = self->host->emit_status(sink, status, reason);
    RedisModule_FreeServerInfo(NULL, server);
    RedisModule_FreeServerInfo(NULL, persistence);
    RedisModule_FreeServerInfo(NULL, replication);
    return code;
}

/* The store. */

static const struct {
    const char *section;
    const char *field;
    int32_t type;
    const char *attribute;
} attributes[] = {
    {"server", "run_id", REPLI_VALUE_STRING, "redis.io/run_id"},
    {"server", "uptime_in_seconds", REPLI_VALUE_INTEGER, "redis.io/uptime_s"},
    {"clients", "connected_clients", REPLI_VALUE_INTEGER, "redis.io/clients_connected"},
    {"persistence", "rdb_bgsave_in_progress", REPLI_VALUE_BOOLEAN, "redis.io/saving"},
    {"persistence", "rdb_last_save_time", REPLI_VALUE_INTEGER, "redis.io/last_save"},
    {"replication", "master_replid", REPLI_VALUE_STRING, "redis.io/replication_id"},
    {"replication", "connected_slaves", REPLI_VALUE_INTEGER, "redis.io/replicas"},
};

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    const instance *self = opened;
    int32_t code = self->host->emit_cluster_id(sink, self->cluster_id);
    for (size_t i = 0; code == REPLI_OK && i < sizeof(attributes) / sizeof(*attributes); i++) {
        info *section = ask(attributes[i].section);
        repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
        attribute.name = attributes[i].attribute;
        attribute.type = attributes[i].type;
        attribute.string = text(section, attributes[i].field);
        attribute.integer = number(section, attributes[i].field);
        if (*attribute.string != '\0')
            code = self->host->emit_attribute(sink, &attribute);
        RedisModule_FreeServerInfo(NULL, section);
    }
    return code;
}

/* The shard. */

static void replica_shard(info *replication, repli_shard *shard) {
    /* master_repl_offset of a replica is its own, whatever its name says. */
    shard->commit_offset = number(replication, "slave_repl_offset");
    if (is_linked(replication)) {
        shard->role = REPLI_ROLE_SECONDARY;
        shard->lag = number(replication, "slave_read_repl_offset") - shard->commit_offset;
        shard->lag_unit = "bytes"; /* received and not applied */
    } else if (is(replication, "master_sync_in_progress", "1")) {
        shard->role = REPLI_ROLE_RECOVERING;
    } else {
        shard->role = REPLI_ROLE_OTHER;
        shard->role_reason = "a replica without a link to its primary";
    }
}

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    const instance *self = opened;
    info *replication = ask("replication");
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = self->cluster_id;
    shard.commit_offset_unit = "bytes";
    if (is(replication, "role", "master")) {
        shard.role = REPLI_ROLE_PRIMARY;
        shard.commit_offset = number(replication, "master_repl_offset");
    } else {
        replica_shard(replication, &shard);
    }
    const int32_t code = self->host->emit_shard(sink, &shard);
    RedisModule_FreeServerInfo(NULL, replication);
    return code;
}

/* The action: BGSAVE, and wait for the child that it forks. */

static int32_t actions_describe(void *opened, repli_sink *sink, repli_error *err) {
    (void)err;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "redis.io/save";
    kind.summary = "Save the data set to disk in the background";
    return ((const instance *)opened)->host->emit_action_kind(sink, &kind);
}

static int32_t action_validate(void *opened, const char *kind, const char *args_json,
                               size_t args_size, repli_error *err) {
    (void)kind;
    (void)args_size;
    const repli_host *host = ((const instance *)opened)->host;
    return strcmp(args_json, "null") == 0 || strcmp(args_json, "{}") == 0
               ? REPLI_OK
               : host->error(host, err, REPLI_EINVALID, NULL, "save takes no arguments", NULL);
}

static int32_t begin_save(const instance *self, repli_error *err) {
    int32_t code = REPLI_OK;
    RedisModuleCallReply *reply = RedisModule_Call(module_context(), "BGSAVE", "");
    size_t size = 0;
    if (reply == NULL) {
        code = self->host->error(self->host, err, REPLI_ENOTSUP, NULL,
                                 "this server has no command BGSAVE", NULL);
    } else if (RedisModule_CallReplyType(reply) == REDIS_REPLY_ERROR) {
        char cause[REPLI_ERROR_CAUSE_SIZE];
        const char *said = RedisModule_CallReplyStringPtr(reply, &size);
        snprintf(cause, sizeof(cause), "%.*s", (int)size, said);
        code = self->host->error(self->host, err, REPLI_EIO, NULL, "BGSAVE was refused", cause);
    }
    if (reply != NULL)
        RedisModule_FreeCallReply(reply);
    return code;
}

/* Whether an earlier step began a save in this process; what another process began died with it. */
static int has_begun(const instance *self, const repli_step *step, info *server) {
    char run_id[RUN_ID_SIZE] = "";
    const char *payload = step->action->payload_json;
    if (payload != NULL)
        self->host->json_string(self->host, payload, strlen(payload), "run_id", run_id,
                                sizeof(run_id), NULL);
    return is(server, "run_id", run_id);
}

static void look_after_save(info *persistence, repli_outcome *outcome) {
    if (is(persistence, "rdb_bgsave_in_progress", "1"))
        return;
    outcome->phase = REPLI_PHASE_DONE;
    if (is(persistence, "rdb_last_bgsave_status", "ok"))
        return;
    outcome->phase = REPLI_PHASE_FAILED;
    outcome->error = "the background save failed; the server's log says why";
}

/* One child at a time, and none that would see half of a script or transaction. */
static int may_fork(void) {
    return !(RedisModule_GetContextFlags(module_context()) &
             (REDIS_HAS_CHILD | REDIS_LOADING | REDIS_IN_SCRIPT | REDIS_IN_TRANSACTION));
}

static int32_t action_step(void *opened, repli_op *op, const repli_step *step, repli_sink *sink,
                           repli_error *err) {
    (void)op;
    const instance *self = opened;
    info *server = ask("server");
    info *persistence = ask("persistence");
    char payload[RUN_ID_SIZE + 32];
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.next_step_ms = 100;
    int32_t code = REPLI_OK;
    if (has_begun(self, step, server)) {
        look_after_save(persistence, &outcome);
    } else if (may_fork()) {
        snprintf(payload, sizeof(payload), "{\"run_id\":\"%s\"}", text(server, "run_id"));
        outcome.payload_json = payload;
        code = begin_save(self, err);
    }
    if (code == REPLI_OK)
        code = self->host->emit_outcome(sink, &outcome);
    RedisModule_FreeServerInfo(NULL, server);
    RedisModule_FreeServerInfo(NULL, persistence);
    return code;
}

static const repli_driver driver = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .name = "redis",
    .version = "0.1.0",
    .store_id = "redis",
    .summary = "The Redis server that this runs in",
    .config_keys = config_keys,
    .open = redis_open,
    .close = redis_close,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
    .actions_describe = actions_describe,
    .action_validate = action_validate,
    .action_step = action_step,
};

const repli_driver *repli_driver_redis_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
