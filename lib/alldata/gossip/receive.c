#include <string.h>

#include "alldata/gossip/state.h"
#include "alldata/gossip/value.h"

/* Versions are counts or times in ms. Greater ones could never be surpassed. */
static int is_plausible(const alldata__membership *m, int64_t version) {
    static const int64_t day_ms = INT64_C(86400000);
    return version <= m->now.wall_ms + day_ms;
}

/* The sender. */

/* Its versions may have begun anew: whatever it says from now on counts. */
static void restarted(alldata__membership *m, alldata__peer *peer) {
    peer->max_version = 0;
    for (size_t i = 0; i < peer->entry_count; i++)
        peer->entries[i].version = 0;
    if (peer->state == ALLDATA__HEARSAY)
        return;
    peer->news |= ALLDATA__NEWS_RESTART;
    m->has_news = 1;
    m->counts.restarts++;
    alldata__send_digest(m, &peer->address, peer, 1, 0);
}

static alldata__peer *meet_sender(alldata__membership *m, const alldata__frame *frame) {
    alldata__peer *peer = alldata__meet(m, frame->id, &frame->address, 1);
    if (peer == NULL)
        return NULL;
    const int moved = !alldata__same_address(&peer->address, &frame->address);
    const int other = frame->started_ms != peer->started_ms && peer->started_ms != 0;
    peer->address = frame->address;
    peer->ours = frame->ours;
    peer->started_ms = frame->started_ms;
    peer->ahead_ms = frame->now_ms != 0 ? frame->now_ms - m->now.wall_ms : 0;
    if (moved || other)
        restarted(m, peer);
    return peer;
}

/* Digests. */

/* Somebody has more of this node than there is: of its last life, before the clock was set back. */
static void renumber(alldata__membership *m, int64_t version) {
    alldata__peer *self = m->self;
    if (!is_plausible(m, version) || alldata__within(m, m->renumbered_ns, 1))
        return;
    m->renumbered_ns = m->now.ns;
    const int64_t offset = version - self->max_version;
    for (size_t i = 0; i < self->entry_count; i++)
        self->entries[i].version += offset + 1;
    self->max_version = version + 1;
}

static void take_listed_self(alldata__membership *m, const alldata__listed *listed) {
    m->self->wanted = 1;
    m->self->listed_version = listed->version;
    if (listed->version > m->self->max_version)
        renumber(m, listed->version);
}

/* Returns whether the sender knows more of it. */
static int take_listed(alldata__membership *m, const alldata__peer *sender,
                       const alldata__listed *listed) {
    if (strcmp(listed->id, m->self->id) == 0) {
        take_listed_self(m, listed);
        return 0;
    }
    alldata__peer *peer = alldata__meet(m, listed->id, &listed->address, 0);
    if (peer == NULL)
        return 0;
    if (peer == sender && !peer->ours && listed->version < peer->max_version)
        restarted(m, peer);
    peer->wanted = 1;
    peer->listed_version = listed->version;
    if (peer->state == ALLDATA__HEARSAY && peer->try_ns <= m->now.ns)
        alldata__try(m, peer);
    return listed->version > peer->max_version && is_plausible(m, listed->version);
}

/* Returns whether the sender has got an answer. */
static int take_digest(alldata__membership *m, alldata__peer *sender, const alldata__frame *frame) {
    alldata__listed listed;
    size_t at = 0;
    int behind = 0;
    for (size_t i = 0; i < m->peers.count; i++)
        m->peers.items[i]->wanted = 0;
    /* Who does not know us yet would drop what we say of ourselves, unless it is one of ours. */
    m->self->wanted = frame->ours;
    m->self->listed_version = 0;
    const alldata__address to = frame->address;
    const int ours = frame->ours;
    while (alldata__frame_listed(frame, &at, &m->counts.bad_parts, &listed))
        behind |= take_listed(m, sender, &listed);
    const size_t sent = alldata__send_deltas(m, &to, ours);
    if (behind && !alldata__within(m, sender->pulled_ns, 1)) {
        sender->pulled_ns = m->now.ns;
        alldata__send_digest(m, &to, sender, 0, 0);
        return 1;
    }
    return sent > 0;
}

/* Deltas. */

static int is_news(const alldata__peer *peer, const alldata__delta *delta, int own_word) {
    const alldata__entry *entry = alldata__peer_find(peer, delta->key);
    return entry == NULL || delta->version > entry->version ||
           (own_word && delta->version == entry->version);
}

static void take_delta(alldata__membership *m, const alldata__peer *sender,
                       const alldata__delta *delta) {
    alldata__peer *peer = alldata__peers_find(&m->peers, delta->id);
    if (peer == NULL || !is_news(peer, delta, peer == sender))
        return;
    char *value = NULL;
    int32_t code = REPLI_EINVALID;
    if (is_plausible(m, delta->version))
        code = alldata__value_read(&m->mem, delta->key, delta->value, &value);
    if (code == REPLI_OK)
        code = alldata__peer_put(&m->mem, peer, delta->key, value, delta->version);
    if (code == REPLI_ENOMEM)
        m->counts.out_of_memory++;
    else if (code != REPLI_OK)
        m->counts.bad_values++;
    else
        m->counts.values++;
    m->has_news = 1;
}

/* Suspects. */

static void take_suspects(alldata__membership *m, const alldata__peer *sender,
                          const alldata__frame *frame) {
    char id[ALLDATA__ID_SIZE];
    size_t at = 0;
    if (sender->state != ALLDATA__LIVE)
        return;
    for (int i = 0; i < ALLDATA__SUSPECTS && alldata__frame_suspect(frame, &at, id); i++) {
        alldata__peer *peer = alldata__peers_find(&m->peers, id);
        if (peer == NULL || peer == sender || peer->state != ALLDATA__LIVE || !peer->ours ||
            m->now.ns - peer->phi.last_ns < m->round_ns * 3 / 10)
            continue;
        alldata__check_suspect(m, peer);
        alldata__suspect(m, peer);
    }
}

/* Frames. */

static void take_frame(alldata__membership *m, const alldata__frame *frame) {
    alldata__peer *sender = meet_sender(m, frame);
    if (sender == NULL)
        return;
    m->sender = sender;
    alldata__contact(m, sender);
    alldata__delta delta;
    size_t at = 0;
    while (alldata__frame_delta(frame, &at, &m->counts.bad_parts, &delta))
        take_delta(m, sender, &delta);
    take_suspects(m, sender, frame);
    int answered = 0;
    if (frame->digest.text != NULL)
        answered = take_digest(m, sender, frame);
    if (frame->ask && !answered)
        alldata__send_sign(m, &frame->address, 0);
    m->sender = NULL;
    alldata__spread(m);
}

void alldata__membership_receive(alldata__membership *m, alldata__now now, const char *text,
                                 size_t size) {
    alldata__frame frame;
    alldata__enter(m, now);
    if (size > ALLDATA__FRAME_MAX || !alldata__frame_read(text, size, &frame)) {
        m->counts.bad_frames++;
        return;
    }
    m->counts.frames++;
    if (strcmp(frame.id, m->self->id) != 0)
        take_frame(m, &frame);
    else if (!alldata__same_address(&frame.address, &m->self->address))
        m->counts.namesakes++;
}
