#include "alldata/node/state.h"

#include <stddef.h>
#include <string.h>

#include <alldata/alldata.h>

#include "alldata/key.h"
#include "base/error.h"
#include "base/sized.h"

static int32_t check_sized(const void *given, size_t least, const char *init, repli_error *err) {
    if (given != NULL && repli__sized(given) >= least)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                        "what is to be filled is missing or too small: initialise it with %s",
                        init);
}

static void take_peers(const alldata_node *node, alldata_node_status *status) {
    alldata_gossip_counters peers = ALLDATA_GOSSIP_COUNTERS_INIT;
    if (node->gossip == NULL || alldata_gossip_count(node->gossip, &peers, NULL) != REPLI_OK)
        return;
    status->peers_live = peers.live;
    status->peers_dead = peers.dead;
}

int32_t alldata_node_status_get(alldata_node *node, alldata_node_status *status, repli_error *err) {
    alldata_node_status own = ALLDATA_NODE_STATUS_INIT;
    int32_t code = alldata__node_check(node, err);
    if (code == REPLI_OK)
        code = check_sized(status, REPLI__SIZE_TO(alldata_node_status, storage_error),
                           "ALLDATA_NODE_STATUS_INIT", err);
    if (code != REPLI_OK)
        return code;
    own.replication_factor = node->replication_factor;
    own.id = node->identity.id;
    own.cluster = node->identity.cluster;
    own.version = alldata_version();
    own.zone = node->zone;
    own.region = node->region;
    own.location = node->location;
    own.gossip = node->gossip_text;
    own.peers = atomic_load(&node->peers_text);
    own.started_ns = node->started_ns;
    own.number = alldata_keygen_node(node->keygen);
    take_peers(node, &own);
    own.clock_ahead_ms = alldata__clocks_ahead_ms(node);
    const int64_t hints = alldata_coordinator_hints(node->coordinator, NULL);
    own.hints_pending = hints > 0 ? (uint64_t)hints : 0;
    alldata__tally_status(&node->tally, &own);
    alldata__whole_status(node, &own);
    repli__sized_fill(status, &own, sizeof(own));
    return REPLI_OK;
}

/* Intervals. */

typedef struct walk {
    alldata_node *node;
    alldata__repair *repair; /* NULL: none */
    int repairing;
    alldata_node_interval_fn take;
    void *user_data;
} walk;

static int32_t take_interval(void *user_data, const char *name, int32_t state) {
    const walk *self = user_data;
    alldata__tally_entry entry;
    int64_t start = 0;
    int64_t tick = 0;
    alldata_node_interval interval = {
        .struct_size = (uint32_t)sizeof(interval), .state = state, .name = name};
    alldata__interval_start(name, strlen(name), &start);
    alldata__tally_get(&self->node->tally, start, &entry);
    interval.counted = entry.counted;
    if (self->repair != NULL) {
        interval.missing =
            alldata__repair_missing(self->repair, start, start + self->node->storage->period);
        interval.repairing = self->repairing && interval.missing > 0;
    }
    interval.events = entry.events;
    if (alldata__key_read(entry.last_key, strlen(entry.last_key), &tick))
        interval.last_ns = tick * ALLDATA__TICK_NS;
    memcpy(interval.last_key, entry.last_key, sizeof(interval.last_key));
    return self->take(self->user_data, &interval);
}

int32_t alldata_node_intervals(alldata_node *node, alldata_node_interval_fn take, void *user_data,
                               repli_error *err) {
    walk self = {.node = node, .repair = node->repair, .take = take, .user_data = user_data};
    const int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    alldata__whole_status(node, &status);
    self.repairing = status.repairing;
    return alldata_storage_intervals(node->storage, take_interval, &self, err);
}

/* Parts. */

alldata_storage *alldata_node_storage(alldata_node *node) {
    return node->storage;
}

alldata_coordinator *alldata_node_coordinator(alldata_node *node) {
    return node->coordinator;
}

alldata_gossip *alldata_node_gossip(alldata_node *node) {
    return node->gossip;
}
