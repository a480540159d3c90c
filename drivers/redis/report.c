#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "info.h"
#include "redis.h"
#include "status.h"

static int32_t emit_text(const repli__redis *redis, repli_sink *sink, const char *name,
                         const char *value) {
    if (!value || !*value)
        return REPLI_OK;
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.type = REPLI_VALUE_STRING;
    attribute.name = name;
    attribute.string = value;
    return redis->host->emit_attribute(sink, &attribute);
}

static int32_t emit_integer(const repli__redis *redis, repli_sink *sink, const char *name,
                            int64_t value) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.type = REPLI_VALUE_INTEGER;
    attribute.name = name;
    attribute.integer = value;
    return redis->host->emit_attribute(sink, &attribute);
}

/* The node. */

static int32_t emit_address(const repli__redis *redis, repli_sink *sink, const char *name,
                            const char *text) {
    repli_address address = REPLI_ADDRESS_INIT;
    address.name = name;
    address.address = text;
    return *text ? redis->host->emit_address(sink, &address) : REPLI_OK;
}

/* A socket in the file system is of no use to others. */
static int32_t emit_addresses(const repli__redis *redis, repli_sink *sink) {
    const repli__redis_config *config = &redis->config;
    char client[300] = "";
    if (!*config->unix_socket)
        snprintf(client, sizeof(client), strchr(config->host, ':') ? "[%s]:%s" : "%s:%s",
                 config->host, config->port);
    const char *member = *config->member ? config->member : *redis->member ? redis->member : client;
    const int32_t code = emit_address(redis, sink, "client", client);
    return code ? code : emit_address(redis, sink, "member", member);
}

/* What is known of the node even while the server is down. */
static int32_t emit_known(const repli__redis *redis, repli_sink *sink) {
    int32_t code = emit_addresses(redis, sink);
    if (code == REPLI_OK)
        code = emit_text(redis, sink, "redis.io/node_id", redis->node_id);
    if (code != REPLI_OK || !*redis->version_number)
        return code;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = redis->version_number;
    version.checkout = *redis->version_checkout ? redis->version_checkout : NULL;
    return redis->host->emit_version(sink, &version);
}

int32_t repli__redis_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__redis *redis = self;
    const char *running = redis->host->running_action(op);
    repli_error error = REPLI_ERROR_INIT;
    const int32_t seen = repli__redis_observe(redis, op, REPLI__REDIS_ASK_NODE, &error);
    int32_t code = emit_known(redis, sink);
    if (code != REPLI_OK)
        return code;
    if (seen != REPLI_OK) {
        const int down = seen == REPLI_EREFUSED || seen == REPLI_ELOST;
        if (down && repli__redis_action_joins(running))
            return redis->host->emit_status(sink, REPLI_STATUS_JOINING_CLUSTER, error.message);
        return repli__redis_pass(redis, err, &error, NULL);
    }
    code = emit_text(redis, sink, "redis.io/mode",
                     redis->last.cluster_mode ? "cluster" : "replication");
    char reason[REPLI_ERROR_MESSAGE_SIZE];
    const int32_t status = repli__redis_status(redis, running, reason, sizeof(reason));
    return code ? code : redis->host->emit_status(sink, status, *reason ? reason : NULL);
}

/* What a running server tells. */

static const struct {
    const char *field, *name;
} texts[] = {
    {"run_id", "redis.io/run_id"},
    {"master_replid", "redis.io/replication_id"},
    {"master_replid2", "redis.io/replication_id_before"},
    {"master_failover_state", "redis.io/failover_state"},
    {"aof_last_write_status", "redis.io/aof_last_write_status"},
    {"rdb_last_bgsave_status", "redis.io/rdb_last_save_status"},
    {"maxmemory_policy", "redis.io/maxmemory_policy"},
};

static const struct {
    const char *field, *name;
} integers[] = {
    {"uptime_in_seconds", "redis.io/uptime_seconds"},
    {"connected_clients", "redis.io/clients"},
    {"connected_slaves", "redis.io/followers"},
    {"used_memory", "redis.io/used_memory_bytes"},
    {"maxmemory", "redis.io/maxmemory_bytes"},
    {"second_repl_offset", "redis.io/replication_id_before_end"},
    {"master_last_io_seconds_ago", "redis.io/primary_silent_seconds"},
    {"master_link_down_since_seconds", "redis.io/primary_link_down_seconds"},
    {"rdb_changes_since_last_save", "redis.io/unsaved_changes"},
};

static int32_t emit_info(const repli__redis *redis, repli_sink *sink) {
    const char *info = repli__redis_info(&redis->last);
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < sizeof(texts) / sizeof(*texts); i++) {
        char value[128];
        if (repli__redis_info_text(info, texts[i].field, value, sizeof(value)))
            code = emit_text(redis, sink, texts[i].name, value);
    }
    for (size_t i = 0; code == REPLI_OK && i < sizeof(integers) / sizeof(*integers); i++) {
        const int64_t value = repli__redis_info_integer(info, integers[i].field, -1);
        if (value >= 0) /* -1 is how Redis says that there is no such time */
            code = emit_integer(redis, sink, integers[i].name, value);
    }
    return code ? code : emit_integer(redis, sink, "redis.io/keys", redis->last.keys);
}

static int32_t emit_primary(const repli__redis *redis, repli_sink *sink) {
    const repli__redis_observation *seen = &redis->last;
    if (!seen->replica)
        return REPLI_OK;
    char address[300];
    snprintf(address, sizeof(address), "%s:%s", seen->primary_host, seen->primary_port);
    const int32_t code = emit_text(redis, sink, "redis.io/primary", address);
    return code ? code
                : emit_text(redis, sink, "redis.io/primary_link", seen->link_up ? "up" : "down");
}

static int32_t emit_cluster(const repli__redis *redis, repli_sink *sink) {
    static const struct {
        const char *field, *name;
    } fields[] = {{"cluster_known_nodes", "redis.io/cluster_known_nodes"},
                  {"cluster_size", "redis.io/cluster_primaries"},
                  {"cluster_slots_assigned", "redis.io/cluster_slots_assigned"},
                  {"cluster_slots_ok", "redis.io/cluster_slots_ok"},
                  {"cluster_current_epoch", "redis.io/cluster_epoch"}};
    const repli__redis_observation *seen = &redis->last;
    if (!seen->cluster_mode)
        return REPLI_OK;
    const char *info = seen->cluster_info->str;
    int32_t code =
        emit_text(redis, sink, "redis.io/cluster_state", seen->cluster_ok ? "ok" : "fail");
    for (size_t i = 0; code == REPLI_OK && i < sizeof(fields) / sizeof(*fields); i++)
        code = emit_integer(redis, sink, fields[i].name,
                            repli__redis_info_integer(info, fields[i].field, 0));
    return code ? code : emit_text(redis, sink, "redis.io/primary_node_id", seen->self->primary);
}

int32_t repli__redis_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__redis *redis = self;
    int32_t code = repli__redis_observe(redis, op, REPLI__REDIS_ASK_STORE, err);
    if (code == REPLI_OK)
        code = redis->host->emit_cluster_id(sink, redis->config.cluster_id);
    if (code == REPLI_OK)
        code = emit_info(redis, sink);
    if (code == REPLI_OK)
        code = emit_primary(redis, sink);
    return code ? code : emit_cluster(redis, sink);
}

enum { SHARD_ID_SIZE = 512 };

/* Slots that are scattered make a text which no id could be: a digest of it (FNV-1a) then does. */
static void name_slots(const char *slots, char ret_id[SHARD_ID_SIZE]) {
    uint64_t digest = UINT64_C(14695981039346656037);
    if (strlen(slots) < SHARD_ID_SIZE) {
        snprintf(ret_id, SHARD_ID_SIZE, "%s", slots);
        return;
    }
    for (const char *at = slots; *at; at++)
        digest = (digest ^ (unsigned char)*at) * UINT64_C(1099511628211);
    snprintf(ret_id, SHARD_ID_SIZE, "slots-%016" PRIx64, digest);
}

/* A cluster's shard is the slots that a primary and its replicas hold: before 7.2 they are its only
 * name that all nodes know and a failover leaves alone. Returns 0 if this node holds none. */
static int find_shard(const repli__redis *redis, char ret_id[SHARD_ID_SIZE]) {
    const repli__redis_observation *seen = &redis->last;
    const repli__redis_node *owner = repli__redis_nodes_owner(&seen->nodes, seen->self);
    if (!seen->cluster_mode)
        snprintf(ret_id, SHARD_ID_SIZE, "%s", redis->config.cluster_id);
    else if (!owner || !*owner->slots)
        return 0;
    else if (*seen->shard_id)
        snprintf(ret_id, SHARD_ID_SIZE, "%s", seen->shard_id);
    else
        name_slots(owner->slots, ret_id);
    return 1;
}

int32_t repli__redis_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__redis *redis = self;
    const int32_t code = repli__redis_observe(redis, op, REPLI__REDIS_ASK_SHARDS, err);
    if (code != REPLI_OK)
        return code;
    const repli__redis_observation *seen = &redis->last;
    char id[SHARD_ID_SIZE];
    if (!find_shard(redis, id))
        return REPLI_OK;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = id;
    shard.role = repli__redis_role(seen, &shard.role_reason);
    shard.commit_offset = seen->offset;
    shard.commit_offset_unit = "bytes";
    if (seen->lag >= 0) {
        shard.lag = seen->lag;
        shard.lag_unit = "bytes";
    }
    return redis->host->emit_shard(sink, &shard);
}
