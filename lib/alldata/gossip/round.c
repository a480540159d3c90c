#include "alldata/gossip/state.h"

/* Time. */

/* Whoever slept, or comes late, blames nobody for not having spoken. */
static void forgive(alldata__membership *m, uint64_t slept_ns) {
    for (size_t i = 0; i < m->peers.count; i++) {
        alldata__peer *peer = m->peers.items[i];
        peer->phi.last_ns += slept_ns;
        if (peer->check_ns != 0)
            peer->check_ns += slept_ns;
    }
}

void alldata__enter(alldata__membership *m, alldata__now now) {
    if (now.ns < m->now.ns)
        now.ns = m->now.ns;
    const uint64_t gap_ns = now.ns - m->now.ns;
    m->now = now;
    if (gap_ns > 2 * m->round_ns)
        forgive(m, gap_ns);
}

/* Rounds. */

static void ask_live(alldata__membership *m) {
    alldata__peer *peer = alldata__random_peer(m, ALLDATA__LIVE, 0);
    if (peer == NULL)
        return;
    /* Its answer to all would leave a reference node no room for others. */
    const int all = alldata__below(m, 4) == 0;
    if (peer->ours && peer->checks == 0)
        alldata__expect(m, peer);
    alldata__send_digest(m, &peer->address, peer, all, peer->ours);
}

/* The reference node that has not heard from us for longest; NULL if all have in this round. */
static alldata__peer *longest_silent(const alldata__membership *m) {
    alldata__peer *silent = NULL;
    for (size_t i = 0; i < m->peers.count; i++) {
        alldata__peer *peer = m->peers.items[i];
        if (peer->state == ALLDATA__LIVE && !peer->ours &&
            m->now.ns - peer->sent_ns >= m->round_ns / 2 &&
            (silent == NULL || peer->sent_ns < silent->sent_ns))
            silent = peer;
    }
    return silent;
}

/* It judges us by how steadily we speak to it, and at first we said much at once. */
static void greet_references(alldata__membership *m) {
    for (int i = 0; i < ALLDATA__GREETED; i++) {
        alldata__peer *peer = longest_silent(m);
        if (peer != NULL)
            alldata__send_digest(m, &peer->address, peer, 0, 0);
    }
}

static void ask_dead(alldata__membership *m, size_t live) {
    const size_t dead = alldata__count_peers(m, ALLDATA__DEAD);
    alldata__peer *peer = alldata__random_peer(m, ALLDATA__DEAD, 0);
    if (peer != NULL && (live == 0 || alldata__below(m, live + 1) < dead))
        alldata__send_digest(m, &peer->address, peer, 1, 1);
}

/* Not 0 if it is ours, or that of a peer that lives. */
static int is_met(const alldata__membership *m, const alldata__address *seed) {
    if (alldata__same_address(seed, &m->self->address))
        return 1;
    for (size_t i = 0; i < m->peers.count; i++)
        if (m->peers.items[i]->state == ALLDATA__LIVE &&
            alldata__same_address(seed, &m->peers.items[i]->address))
            return 1;
    return 0;
}

static const alldata__address *random_seed(alldata__membership *m, int *ret_is_met) {
    const size_t first = alldata__below(m, m->seed_count);
    for (size_t i = 0; i < m->seed_count; i++) {
        const alldata__address *seed = &m->seeds[(first + i) % m->seed_count];
        *ret_is_met = is_met(m, seed);
        if (!*ret_is_met)
            return seed;
    }
    return &m->seeds[first];
}

/* Nodes that met each other first would never meet the others. Those that start more slowly than we
 * are asked more often at first. */
static void ask_seeds(alldata__membership *m, size_t live) {
    static const uint64_t young_rounds = 60;
    int met;
    if (m->seed_count == 0)
        return;
    const alldata__address *seed = random_seed(m, &met);
    const uint64_t rounds_between = !met && m->rounds < young_rounds ? 2 : 8;
    if (live > 0 && m->rounds > 3 && alldata__below(m, rounds_between) != 0)
        return;
    alldata__send_digest(m, seed, NULL, 0, 1);
    if (live == 0 && m->seed_count > 1)
        alldata__send_digest(m, random_seed(m, &met), NULL, 0, 1);
}

/* Those that come next among our own nodes. */
static void check_ring(alldata__membership *m) {
    const size_t count = m->peers.count;
    const size_t first = alldata__peers_index(&m->peers, m->self->hash, m->self->id);
    int asked = 0;
    for (size_t i = 0; i < count && asked < ALLDATA__RING; i++) {
        alldata__peer *peer = m->peers.items[(first + i) % count];
        if (peer->state != ALLDATA__LIVE || !peer->ours || peer->checks > 0)
            continue;
        alldata__check(m, peer);
        asked++;
    }
}

static void judge(alldata__membership *m, alldata__peer *peer) {
    const double phi = alldata__phi_value(&peer->phi, m->now.ns);
    if (peer->ours) {
        if (phi > ALLDATA__PHI_DEAD)
            alldata__check(m, peer);
    } else if (phi > ALLDATA__PHI_DEAD) {
        alldata__bury(m, peer);
    } else if (phi > 1.0 && peer->max_version > 0) {
        alldata__check(m, peer);
    }
}

/* Not 0 if it is to be dropped at once. */
static int is_over(alldata__membership *m, alldata__peer *peer) {
    static const uint64_t hearsay_rounds = 120;
    if (peer->state == ALLDATA__HEARSAY)
        return !alldata__within(m, peer->mentioned_ns, hearsay_rounds);
    if (peer->state == ALLDATA__DEAD && m->now.ns - peer->since_ns >= m->forget_ns) {
        peer->news |= ALLDATA__NEWS_FORGOTTEN;
        m->has_news = 1;
    }
    return 0;
}

static void judge_all(alldata__membership *m) {
    for (size_t i = m->peers.count; i > 0; i--) {
        alldata__peer *peer = m->peers.items[i - 1];
        if (is_over(m, peer))
            alldata__peer_free(&m->mem, alldata__peers_take(&m->peers, i - 1));
        else if (peer->state == ALLDATA__LIVE)
            judge(m, peer);
    }
}

static void run_round(alldata__membership *m) {
    const size_t live = alldata__count_peers(m, ALLDATA__LIVE);
    m->rounds++;
    m->round_due_ns = m->now.ns + m->round_ns;
    m->tries_left = ALLDATA__TRIES;
    ask_live(m);
    greet_references(m);
    ask_dead(m, live);
    ask_seeds(m, live);
    check_ring(m);
    judge_all(m);
}

/* What else is due. */

static uint64_t peer_due_ns(const alldata__peer *peer) {
    if (peer->state == ALLDATA__HEARSAY)
        return peer->try_ns;
    return peer->state == ALLDATA__LIVE && peer->check_ns != 0 ? peer->check_ns : UINT64_MAX;
}

void alldata__membership_tick(alldata__membership *m, alldata__now now) {
    const uint64_t due_ns = alldata__membership_due_ns(m);
    alldata__enter(m, now);
    if (m->now.ns > due_ns && m->now.ns - due_ns > m->round_ns / 5)
        forgive(m, m->now.ns - due_ns);
    for (size_t i = 0; i < m->peers.count; i++) {
        alldata__peer *peer = m->peers.items[i];
        if (peer_due_ns(peer) > m->now.ns)
            continue;
        if (peer->state == ALLDATA__HEARSAY)
            alldata__try(m, peer);
        else
            alldata__check_again(m, peer);
    }
    if (m->now.ns >= m->round_due_ns)
        run_round(m);
    alldata__spread(m);
}

uint64_t alldata__membership_due_ns(const alldata__membership *m) {
    uint64_t due_ns = m->round_due_ns;
    for (size_t i = 0; i < m->peers.count; i++) {
        const uint64_t peer_ns = peer_due_ns(m->peers.items[i]);
        if (peer_ns < due_ns)
            due_ns = peer_ns;
    }
    return due_ns;
}
