#include <string.h>

#include "alldata/gossip/state.h"

/* Suspects go with every frame for a while. */
static int is_suspect(const alldata__membership *m, const alldata__peer *peer) {
    return alldata__within(m, peer->suspected_ns, ALLDATA__RUMOUR_ROUNDS) &&
           (peer->state == ALLDATA__DEAD || peer->checks > 0);
}

static void put_suspects(alldata__membership *m, alldata__frame_out *out) {
    if (!alldata__within(m, m->rumoured_ns, ALLDATA__RUMOUR_ROUNDS))
        return;
    const size_t count = m->peers.count;
    const size_t first = count > 0 ? alldata__below(m, count) : 0;
    int put = 0;
    for (size_t i = 0; i < count && put < ALLDATA__SUSPECTS; i++) {
        const alldata__peer *peer = m->peers.items[(first + i) % count];
        if (!is_suspect(m, peer))
            continue;
        alldata__frame_put_suspect(out, peer->id_json);
        put++;
    }
}

static void begin(alldata__membership *m, alldata__frame_out *out) {
    m->frame.size = 0;
    alldata__frame_begin(out, &m->frame, m->self->id_json, &m->self->address);
}

static void finish(alldata__membership *m, alldata__frame_out *out, const char *list, int ask,
                   const alldata__address *to) {
    alldata__frame_sign(out, list, m->self->started_ms, m->now.wall_ms, ask);
    put_suspects(m, out);
    if (alldata__frame_end(out) == REPLI_OK)
        m->send(m->user_data, to, m->frame.data, m->frame.size);
    else
        m->counts.out_of_memory++;
}

void alldata__send_sign(alldata__membership *m, const alldata__address *to, int ask) {
    alldata__frame_out out;
    begin(m, &out);
    finish(m, &out, NULL, ask, to);
}

/* Only of those that live: others would take our word for the rest. */
static void list_live(alldata__membership *m, alldata__frame_out *out, const alldata__peer *target,
                      int all) {
    const size_t count = m->peers.count;
    const size_t first = count > ALLDATA__DIGEST_PEERS ? alldata__below(m, count) : 0;
    size_t listed = 0;
    for (size_t i = 0; i < count && listed < ALLDATA__DIGEST_PEERS; i++) {
        const alldata__peer *peer = m->peers.items[(first + i) % count];
        if (peer->state != ALLDATA__LIVE || (all && peer == target))
            continue;
        alldata__frame_put_listed(out, peer->id_json, &peer->address, peer->max_version);
        listed++;
    }
}

void alldata__send_digest(alldata__membership *m, const alldata__address *to, alldata__peer *target,
                          int all, int ask) {
    alldata__frame_out out;
    if (target != NULL)
        target->sent_ns = m->now.ns;
    begin(m, &out);
    alldata__frame_list(&out, "digest");
    list_live(m, &out, target, all);
    if (all && target != NULL)
        alldata__frame_put_listed(&out, target->id_json, &target->address, 0);
    alldata__frame_put_listed(&out, m->self->id_json, &m->self->address, m->self->max_version);
    finish(m, &out, "digest", ask, to);
}

/* Deltas. */

static size_t count_above(const alldata__peer *peer, int64_t version) {
    size_t count = 0;
    for (size_t i = 0; i < peer->entry_count; i++)
        count += peer->entries[i].version > version;
    return count;
}

/* In the order of versions, since a reference node drops what comes behind a greater one. */
static void put_above(alldata__frame_out *out, const alldata__peer *peer, int64_t version,
                      size_t count) {
    for (; count > 0; count--) {
        const alldata__entry *next = NULL;
        for (size_t i = 0; i < peer->entry_count; i++) {
            const alldata__entry *entry = &peer->entries[i];
            if (entry->version > version && (next == NULL || entry->version < next->version))
                next = entry;
        }
        if (next == NULL)
            return;
        alldata__frame_put_delta(out, peer->id_json, next->name_json, next->value, next->version);
        version = next->version;
    }
}

/* What belongs together is not torn apart, unless it is the first. Returns how many were put. */
static size_t put_wanted(const alldata__membership *m, alldata__frame_out *out,
                         const alldata__peer *peer, size_t room, int first) {
    const size_t count = peer->wanted ? count_above(peer, peer->listed_version) : 0;
    if ((count > room && !first) || m->frame.size > ALLDATA__DELTAS_BYTES)
        return 0;
    const size_t put = count < room ? count : room;
    put_above(out, peer, peer->listed_version, put);
    return put;
}

size_t alldata__send_deltas(alldata__membership *m, const alldata__address *to, int ours) {
    alldata__frame_out out;
    const size_t room = ours ? ALLDATA__DIGEST_PEERS : ALLDATA__DELTAS;
    const size_t count = m->peers.count;
    const size_t first = count > 0 ? alldata__below(m, count) : 0;
    begin(m, &out);
    alldata__frame_list(&out, "deltas");
    size_t put = put_wanted(m, &out, m->self, room, 1);
    for (size_t i = 0; i < count; i++)
        put += put_wanted(m, &out, m->peers.items[(first + i) % count], room - put, put == 0);
    if (put > 0)
        finish(m, &out, "deltas", 0, to);
    return put;
}
