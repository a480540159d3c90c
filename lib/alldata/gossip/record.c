#include "alldata/gossip/record.h"

#include "alldata/gossip/value.h"
#include "base/clock.h"

static int64_t age_ms(alldata__now now, uint64_t since_ns) {
    return (int64_t)((now.ns > since_ns ? now.ns - since_ns : 0) / (uint64_t)REPLI__NS_PER_MS);
}

/* NULL if the value has none. */
static const char *word(const char *location, const char *member, char to[ALLDATA__WORD_SIZE]) {
    return alldata__value_word(location, member, to) ? to : NULL;
}

void alldata__record_fill(alldata__record *record, const alldata__peer *peer, alldata__now now) {
    const char *location = alldata__peer_value(peer, ALLDATA__KEY_LOCATION);
    int32_t port = 0;
    const int served = alldata__value_address(alldata__peer_value(peer, ALLDATA__KEY_TRANSPORT),
                                              record->http_host, &port);
    record->peer = (alldata_peer){
        .struct_size = (uint32_t)sizeof(record->peer),
        .state = peer->state == ALLDATA__LIVE ? ALLDATA_PEER_LIVE : ALLDATA_PEER_DEAD,
        .id = peer->id,
        .gossip_host = peer->address.host,
        .gossip_port = peer->address.port,
        .http_port = served ? port : 0,
        .http_host = served ? record->http_host : NULL,
        .zone = word(location, "zone", record->zone),
        .region = word(location, "region", record->region),
        .since_ns = (now.wall_ms - age_ms(now, peer->since_ns)) * REPLI__NS_PER_MS,
        .started_ns = peer->started_ms <= INT64_MAX / REPLI__NS_PER_MS
                          ? peer->started_ms * REPLI__NS_PER_MS
                          : 0,
        .phi = alldata__phi_value(&peer->phi, now.ns),
        .native = peer->ours,
        .ahead_ms = peer->ahead_ms,
    };
}

void alldata__record_count(alldata_gossip_counters *ret_counters,
                           const alldata__membership *membership, const alldata__traffic *traffic) {
    const alldata__counts *counts = alldata__membership_counts(membership);
    const alldata__peers *peers = alldata__membership_peers(membership);
    uint64_t states[ALLDATA__DEAD + 1] = {0};
    for (size_t i = 0; i < peers->count; i++)
        states[peers->items[i]->state]++;
    *ret_counters = (alldata_gossip_counters){
        .struct_size = (uint32_t)sizeof(*ret_counters),
        .live = states[ALLDATA__LIVE],
        .dead = states[ALLDATA__DEAD],
        .hearsay = states[ALLDATA__HEARSAY],
        .deaths = counts->deaths,
        .returns = counts->lives,
        .restarts = counts->restarts,
        .frames_in = traffic->in_frames,
        .bytes_in = traffic->in_bytes,
        .frames_out = traffic->out_frames,
        .bytes_out = traffic->out_bytes,
        .bad_frames = counts->bad_frames,
        .bad_parts = counts->bad_parts + counts->bad_values,
        .dropped_in = traffic->in_dropped,
        .dropped_out = traffic->out_dropped,
        .failed_out = traffic->out_failed,
        .refused_peers = counts->refused,
        .namesakes = counts->namesakes,
        .out_of_memory = counts->out_of_memory,
    };
}
