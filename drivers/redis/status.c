#include "status.h"

#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "info.h"
#include "redis.h"

/* Something that is wrong with the server whatever its role. Returns 0 if nothing is. */
static int find_fault(const repli__redis_observation *seen, char *ret_reason, size_t size) {
    const char *info = repli__redis_info(seen);
    if (seen->loading) {
        char percent[16];
        repli__redis_info_text(info, "loading_loaded_perc", percent, sizeof(percent));
        snprintf(ret_reason, size, "the server is loading its data: %s%%, about %lld s to go",
                 percent, (long long)repli__redis_info_integer(info, "loading_eta_seconds", 0));
        return 1;
    }
    static const struct {
        const char *name, *problem;
    } writes[] = {{"aof_last_write_status", "writing the append-only file failed"},
                  {"rdb_last_bgsave_status", "the last background save failed"},
                  {"aof_last_bgrewrite_status", "the last rewrite of the append-only file failed"}};
    for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
        if (repli__redis_info_differs(info, writes[i].name, "ok")) {
            snprintf(ret_reason, size, "%s; see the server's log", writes[i].problem);
            return 1;
        }
    }
    return 0;
}

static int32_t replica_status(const repli__redis_observation *seen, int joins, char *ret_reason,
                              size_t size) {
    const char *info = repli__redis_info(seen);
    const char *host = seen->primary_host, *port = seen->primary_port;
    /* Both then report a link that is up, for ever, and nobody writes. */
    if (seen->link_up && repli__redis_info_follower(info, host, port)) {
        snprintf(ret_reason, size, "this node and %s:%s follow each other: there is no primary",
                 host, port);
        return REPLI_STATUS_UNHEALTHY;
    }
    if (seen->link_up)
        return REPLI_STATUS_HEALTHY;
    if (seen->syncing) {
        snprintf(ret_reason, size, "the data of %s:%s is being copied", host, port);
        return seen->never_linked || joins ? REPLI_STATUS_JOINING_CLUSTER : REPLI_STATUS_UNHEALTHY;
    }
    const long long down_s =
        (long long)repli__redis_info_integer(info, "master_link_down_since_seconds", -1);
    if (down_s >= 0)
        snprintf(ret_reason, size, "the link to the primary %s:%s has been down for %lld s", host,
                 port, down_s);
    else
        snprintf(ret_reason, size, "there is no link to the primary %s:%s", host, port);
    return joins ? REPLI_STATUS_JOINING_CLUSTER : REPLI_STATUS_UNHEALTHY;
}

static int32_t cluster_status(const repli__redis_observation *seen, int joins, char *ret_reason,
                              size_t size) {
    const repli__redis_node *self = seen->self;
    if (!repli__redis_is_formed(seen))
        return joins ? REPLI_STATUS_JOINING_CLUSTER : REPLI_STATUS_NOT_IN_CLUSTER;
    if (self->flags & (REPLI__REDIS_FAIL | REPLI__REDIS_MAYBE_FAIL)) {
        snprintf(ret_reason, size, "the other nodes take this one for failed");
        return REPLI_STATUS_UNHEALTHY;
    }
    const int fresh = !(self->flags & REPLI__REDIS_REPLICA) && !*self->slots;
    const size_t strangers = repli__redis_nodes_with(&seen->nodes, REPLI__REDIS_HANDSHAKE);
    if (fresh && (joins || strangers > 0 || !seen->cluster_ok)) {
        snprintf(ret_reason, size, "the node is getting to know the others: %zu of %lld to go",
                 strangers, (long long)seen->known_nodes);
        return REPLI_STATUS_JOINING_CLUSTER;
    }
    if (!seen->cluster_ok) {
        snprintf(ret_reason, size,
                 "the state of the cluster is \"fail\": %lld of 16384 slots are assigned, %zu "
                 "nodes are known to have failed",
                 (long long)seen->slots_assigned,
                 repli__redis_nodes_with(&seen->nodes, REPLI__REDIS_FAIL));
        return joins ? REPLI_STATUS_JOINING_CLUSTER : REPLI_STATUS_UNHEALTHY;
    }
    return REPLI_STATUS_HEALTHY;
}

int32_t repli__redis_status(const repli__redis *redis, const char *running_action, char *ret_reason,
                            size_t reason_size) {
    const repli__redis_observation *seen = &redis->last;
    const int joins = repli__redis_action_joins(running_action);
    ret_reason[0] = '\0';
    if (find_fault(seen, ret_reason, reason_size))
        return REPLI_STATUS_UNHEALTHY;
    if (seen->cluster_mode) {
        const int32_t status = cluster_status(seen, joins, ret_reason, reason_size);
        if (status != REPLI_STATUS_HEALTHY)
            return status;
    }
    if (seen->replica)
        return replica_status(seen, joins, ret_reason, reason_size);
    const int lone = !seen->cluster_mode && seen->followers == 0;
    return lone && !redis->config.lone_primary_is_in_cluster ? REPLI_STATUS_NOT_IN_CLUSTER
                                                             : REPLI_STATUS_HEALTHY;
}

int32_t repli__redis_role(const repli__redis_observation *seen, const char **ret_reason) {
    *ret_reason = NULL;
    if (seen->loading)
        return REPLI_ROLE_RECOVERING;
    if (seen->self && (seen->self->flags & (REPLI__REDIS_FAIL | REPLI__REDIS_MAYBE_FAIL |
                                            REPLI__REDIS_HANDSHAKE | REPLI__REDIS_NO_ADDRESS))) {
        *ret_reason = "the other nodes take this one for failed or do not know it yet";
        return REPLI_ROLE_OTHER;
    }
    if (!seen->replica)
        return REPLI_ROLE_PRIMARY;
    if (seen->link_up)
        return REPLI_ROLE_SECONDARY;
    if (seen->syncing)
        return REPLI_ROLE_RECOVERING;
    *ret_reason = "replica without primary";
    return REPLI_ROLE_OTHER;
}
