#include "report.h"

#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "alldata.h"
#include "look.h"

static int32_t emit_text(const repli__alldata *alldata, repli_sink *sink, const char *name,
                         const char *value) {
    if (!*value)
        return REPLI_OK;
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.type = REPLI_VALUE_STRING;
    attribute.name = name;
    attribute.string = value;
    return alldata->host->emit_attribute(sink, &attribute);
}

static int32_t emit_integer(const repli__alldata *alldata, repli_sink *sink, const char *name,
                            int64_t value) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.type = REPLI_VALUE_INTEGER;
    attribute.name = name;
    attribute.integer = value;
    return alldata->host->emit_attribute(sink, &attribute);
}

static int32_t emit_address(const repli__alldata *alldata, repli_sink *sink, const char *name,
                            const char *text) {
    repli_address address = REPLI_ADDRESS_INIT;
    address.name = name;
    address.address = text;
    return *text ? alldata->host->emit_address(sink, &address) : REPLI_OK;
}

/* The node. */

/* "host:port" where clients reach it; empty if only this machine does. */
static void client_address(const repli__alldata_config *config, char *ret_text, size_t size) {
    const char *slashes = config->url ? strstr(config->url, "://") : NULL;
    const char *bound = config->clients_bind ? config->clients_bind : "";
    const char *begin = slashes ? slashes + 3 : config->url ? "" : bound;
    snprintf(ret_text, size, "%.*s", (int)strcspn(begin, "/"), begin);
}

/* What is told while the node is down, too. */
static int32_t emit_known(repli__alldata *alldata, repli_sink *sink) {
    char address[600], version_text[sizeof(alldata->version)], id[sizeof(alldata->id)];
    pthread_mutex_lock(&alldata->mutex);
    snprintf(version_text, sizeof(version_text), "%s", alldata->version);
    snprintf(id, sizeof(id), "%s", alldata->id);
    pthread_mutex_unlock(&alldata->mutex);
    client_address(&alldata->config, address, sizeof(address));
    int32_t code = emit_address(alldata, sink, "client", address);
    if (code == REPLI_OK)
        code = emit_text(alldata, sink, "alldata.io/node_id", id);
    if (code != REPLI_OK || !*version_text)
        return code;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = version_text;
    return alldata->host->emit_version(sink, &version);
}

static void remember(repli__alldata *alldata, const repli__alldata_status *seen) {
    pthread_mutex_lock(&alldata->mutex);
    snprintf(alldata->version, sizeof(alldata->version), "%s", seen->version);
    snprintf(alldata->id, sizeof(alldata->id), "%s", seen->id);
    pthread_mutex_unlock(&alldata->mutex);
}

/* Returns the status; the reason may be left empty. */
static int32_t judge(const repli__alldata_status *seen, const char *running, char *ret_reason,
                     size_t size) {
    const int64_t live = seen->peers_live + 1, quorum = seen->replication_factor / 2 + 1;
    ret_reason[0] = '\0';
    if (!seen->writable) {
        snprintf(ret_reason, size, "the node cannot store events: %s", seen->storage_error);
        return REPLI_STATUS_UNHEALTHY;
    }
    if (live >= quorum)
        return REPLI_STATUS_HEALTHY;
    if (seen->peers_live + seen->peers_dead == 0)
        return repli__alldata_action_joins(running) ? REPLI_STATUS_JOINING_CLUSTER
                                                    : REPLI_STATUS_NOT_IN_CLUSTER;
    snprintf(ret_reason, size,
             "%lld of the %lld nodes live that a quorum of %lld replicas takes: "
             "events are not "
             "acknowledged at that level",
             (long long)live, (long long)quorum, (long long)seen->replication_factor);
    return REPLI_STATUS_UNHEALTHY;
}

int32_t repli__alldata_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    repli__alldata *alldata = self;
    repli__alldata_status seen;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t looked = repli__alldata_look(alldata, op, &seen, &error);
    if (looked == REPLI_OK)
        remember(alldata, &seen);
    int32_t code = emit_known(alldata, sink);
    if (code != REPLI_OK)
        return code;
    if (looked != REPLI_OK)
        return repli__alldata_pass(alldata, err, &error, NULL);
    code = emit_address(alldata, sink, "member", seen.gossip);
    if (code == REPLI_OK)
        code = emit_address(alldata, sink, "peers", seen.peers);
    if (code == REPLI_OK)
        code = emit_text(alldata, sink, "alldata.io/zone", seen.zone);
    if (code == REPLI_OK)
        code = emit_text(alldata, sink, "alldata.io/region", seen.region);
    char reason[REPLI_ERROR_MESSAGE_SIZE];
    const int32_t status = judge(&seen, alldata->host->running_action(op), reason, sizeof(reason));
    return code ? code : alldata->host->emit_status(sink, status, *reason ? reason : NULL);
}

/* The store. */

/* The newest intervals, of which is told what a shard has no room for. */
enum { TOLD = 32 };

typedef struct newest {
    repli__alldata_interval intervals[TOLD];
    size_t count; /* of all */
} newest;

static int32_t keep(void *user_data, const repli__alldata_interval *interval) {
    newest *it = user_data;
    it->intervals[it->count++ % TOLD] = *interval;
    return REPLI_OK;
}

static int32_t emit_intervals(const repli__alldata *alldata, repli_sink *sink, const newest *it) {
    const size_t count = it->count < TOLD ? it->count : TOLD;
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < count; i++) {
        char name[128];
        snprintf(name, sizeof(name), "alldata.io/last_time.%s", it->intervals[i].name);
        code = emit_text(alldata, sink, name, it->intervals[i].last_time);
        snprintf(name, sizeof(name), "alldata.io/missing.%s", it->intervals[i].name);
        if (code == REPLI_OK)
            code = emit_integer(alldata, sink, name, it->intervals[i].missing);
    }
    return code;
}

static int32_t emit_status(const repli__alldata *alldata, repli_sink *sink,
                           const repli__alldata_status *seen) {
    const struct {
        const char *name;
        int64_t value;
    } integers[] = {{"alldata.io/replication_factor", seen->replication_factor},
                    {"alldata.io/peers_live", seen->peers_live},
                    {"alldata.io/peers_dead", seen->peers_dead},
                    {"alldata.io/hints_pending", seen->hints_pending},
                    {"alldata.io/missing", seen->missing}};
    int32_t code = emit_text(alldata, sink, "alldata.io/started", seen->started);
    if (code == REPLI_OK)
        code = emit_text(alldata, sink, "alldata.io/repaired", seen->repaired);
    for (size_t i = 0; code == REPLI_OK && i < sizeof(integers) / sizeof(*integers); i++)
        code = emit_integer(alldata, sink, integers[i].name, integers[i].value);
    return code;
}

int32_t repli__alldata_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    const repli__alldata *alldata = self;
    repli__alldata_status seen;
    newest intervals = {.count = 0};
    int32_t code = repli__alldata_look(alldata, op, &seen, err);
    if (code == REPLI_OK)
        code = repli__alldata_intervals(alldata, op, keep, &intervals, err);
    if (code == REPLI_OK)
        code = alldata->host->emit_cluster_id(sink, seen.cluster);
    if (code == REPLI_OK)
        code = emit_status(alldata, sink, &seen);
    return code ? code : emit_intervals(alldata, sink, &intervals);
}

/* Shards. */

typedef struct shard_teller {
    const repli__alldata *alldata;
    repli_sink *sink;
} shard_teller;

/* There is no master: whoever holds the open interval takes events for it. */
static int32_t emit_shard(void *user_data, const repli__alldata_interval *interval) {
    const shard_teller *it = user_data;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = interval->name;
    shard.role = interval->repairing ? REPLI_ROLE_RECOVERING
                 : interval->open    ? REPLI_ROLE_PRIMARY
                                     : REPLI_ROLE_SECONDARY;
    shard.commit_offset = interval->events;
    /* After a crash they are counted anew, and an offset must not go back. */
    shard.commit_offset_unit = interval->counted ? "events" : NULL;
    /* A primary has no lag in the model; an attribute tells what is missing
     * there. */
    if (shard.role != REPLI_ROLE_PRIMARY) {
        shard.lag = interval->missing;
        shard.lag_unit = "events";
    }
    return it->alldata->host->emit_shard(it->sink, &shard);
}

int32_t repli__alldata_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    const repli__alldata *alldata = self;
    shard_teller teller = {alldata, sink};
    return repli__alldata_intervals(alldata, op, emit_shard, &teller, err);
}
