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
    own.started_ns = node->started_ns;
    own.number = alldata_keygen_node(node->keygen);
    alldata__tally_status(&node->tally, &own);
    repli__sized_fill(status, &own, sizeof(own));
    return REPLI_OK;
}

/* Intervals. */

typedef struct walk {
    alldata_node *node;
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
    interval.events = entry.events;
    if (alldata__key_read(entry.last_key, strlen(entry.last_key), &tick))
        interval.last_ns = tick * ALLDATA__TICK_NS;
    memcpy(interval.last_key, entry.last_key, sizeof(interval.last_key));
    return self->take(self->user_data, &interval);
}

int32_t alldata_node_intervals(alldata_node *node, alldata_node_interval_fn take, void *user_data,
                               repli_error *err) {
    walk self = {.node = node, .take = take, .user_data = user_data};
    const int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    return alldata_storage_intervals(node->storage, take_interval, &self, err);
}

/* Parts. */

alldata_storage *alldata_node_storage(alldata_node *node) {
    return node->storage;
}

alldata_coordinator *alldata_node_coordinator(alldata_node *node) {
    return node->coordinator;
}
