#include <string.h>

#include "alldata/gossip/state.h"

/* Choosing. */

static int fits(const alldata__peer *peer, int state, int ours) {
    return peer->state == state && (!ours || (peer->ours && peer->checks == 0));
}

alldata__peer *alldata__random_peer(const alldata__membership *m, int state, int ours) {
    size_t count = 0;
    for (size_t i = 0; i < m->peers.count; i++)
        count += fits(m->peers.items[i], state, ours);
    if (count == 0)
        return NULL;
    size_t chosen = alldata__below(m, count);
    for (size_t i = 0;; i++)
        if (fits(m->peers.items[i], state, ours) && chosen-- == 0)
            return m->peers.items[i];
}

size_t alldata__count_peers(const alldata__membership *m, int state) {
    size_t count = 0;
    for (size_t i = 0; i < m->peers.count; i++)
        count += m->peers.items[i]->state == state;
    return count;
}

/* Coming. */

static void drop(alldata__membership *m, size_t index) {
    alldata__peer_free(&m->mem, alldata__peers_take(&m->peers, index));
}

/* Whoever floods us with names pushes out other hearsay, and finds it without going through all. */
static int drop_hearsay(alldata__membership *m) {
    for (int i = 0; i < 16; i++) {
        const size_t index = alldata__below(m, m->peers.count);
        const alldata__peer *peer = m->peers.items[index];
        if (peer->state != ALLDATA__HEARSAY || peer == m->sender)
            continue;
        drop(m, index);
        return 1;
    }
    return 0;
}

static int drop_dead(alldata__membership *m) {
    size_t oldest = m->peers.count;
    for (size_t i = 0; i < m->peers.count; i++) {
        const alldata__peer *peer = m->peers.items[i];
        if (peer->state == ALLDATA__DEAD &&
            (oldest == m->peers.count || peer->since_ns < m->peers.items[oldest]->since_ns))
            oldest = i;
    }
    if (oldest == m->peers.count)
        return 0;
    drop(m, oldest);
    return 1;
}

alldata__peer *alldata__meet(alldata__membership *m, const char *id,
                             const alldata__address *address, int at_cost) {
    alldata__peer *peer = alldata__peers_find(&m->peers, id);
    if (peer != NULL) {
        peer->mentioned_ns = m->now.ns;
        return peer;
    }
    if (m->peers.count >= m->max_peers && !drop_hearsay(m) && !(at_cost && drop_dead(m))) {
        m->counts.refused++;
        return NULL;
    }
    peer = alldata__peer_new(&m->mem, id);
    if (peer == NULL || alldata__peers_add(&m->peers, peer) != REPLI_OK) {
        m->counts.out_of_memory++;
        return NULL;
    }
    peer->state = ALLDATA__HEARSAY;
    peer->address = *address;
    peer->since_ns = peer->mentioned_ns = peer->try_ns = m->now.ns;
    return peer;
}

void alldata__try(alldata__membership *m, alldata__peer *peer) {
    static const unsigned longest = 6;
    if (m->tries_left == 0) {
        peer->try_ns = m->round_due_ns;
        return;
    }
    m->tries_left--;
    peer->try_ns = m->now.ns + (m->round_ns << (peer->tries < longest ? peer->tries : longest));
    peer->tries++;
    alldata__send_digest(m, &peer->address, peer, 1, 1);
}

/* Being there. */

static void set_state(alldata__membership *m, alldata__peer *peer, int state) {
    peer->state = state;
    peer->since_ns = m->now.ns;
    peer->checks = 0;
    peer->check_ns = 0;
    peer->news |= ALLDATA__NEWS_STATE;
    peer->news &= ~ALLDATA__NEWS_FORGOTTEN;
    m->has_news = 1;
}

void alldata__contact(alldata__membership *m, alldata__peer *peer) {
    peer->checks = 0;
    peer->check_ns = 0;
    if (peer->state == ALLDATA__LIVE) {
        alldata__phi_contact(&peer->phi, m->now.ns);
    } else if (peer->state == ALLDATA__DEAD) {
        alldata__phi_resume(&peer->phi, m->now.ns);
        set_state(m, peer, ALLDATA__LIVE);
        m->counts.lives++;
    } else if (peer->tries > 0) {
        alldata__phi_init(&peer->phi, m->now.ns);
        set_state(m, peer, ALLDATA__LIVE);
        m->counts.lives++;
    } else {
        /* It must be found where it says that it is. */
        alldata__try(m, peer);
    }
}

void alldata__bury(alldata__membership *m, alldata__peer *peer) {
    set_state(m, peer, ALLDATA__DEAD);
    m->counts.deaths++;
}

/* Being missed. */

/* Our own nodes answer at once. A reference node answers when it comes to it, and only by telling
 * what it has published. */
void alldata__expect(const alldata__membership *m, alldata__peer *peer) {
    peer->checks++;
    peer->check_ns = m->now.ns + (peer->ours ? m->round_ns * 6 / 10 : m->round_ns * 2);
}

static void ask(alldata__membership *m, alldata__peer *peer) {
    alldata__expect(m, peer);
    if (peer->ours)
        alldata__send_sign(m, &peer->address, 1);
    else
        alldata__send_digest(m, &peer->address, peer, 1, 1);
}

void alldata__check(alldata__membership *m, alldata__peer *peer) {
    if (peer->checks == 0)
        ask(m, peer);
}

void alldata__check_again(alldata__membership *m, alldata__peer *peer) {
    if (peer->checks >= ALLDATA__CHECKS) {
        alldata__bury(m, peer);
        return;
    }
    ask(m, peer);
    /* Once may be chance. */
    if (peer->ours && peer->checks == ALLDATA__CHECKS)
        alldata__suspect(m, peer);
}

void alldata__check_suspect(alldata__membership *m, alldata__peer *peer) {
    if (peer->checks > 0)
        return;
    peer->checks = 1;
    ask(m, peer);
}

void alldata__suspect(alldata__membership *m, alldata__peer *peer) {
    if (alldata__within(m, peer->suspected_ns, ALLDATA__RUMOUR_ROUNDS))
        return;
    peer->suspected_ns = m->rumoured_ns = m->now.ns;
    m->has_rumours = 1;
}

void alldata__spread(alldata__membership *m) {
    if (!m->has_rumours)
        return;
    m->has_rumours = 0;
    for (int i = 0; i < ALLDATA__TELLERS; i++) {
        alldata__peer *other = alldata__random_peer(m, ALLDATA__LIVE, 1);
        if (other != NULL)
            alldata__send_sign(m, &other->address, 0);
    }
}
