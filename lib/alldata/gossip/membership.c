#include "alldata/gossip/membership.h"

#include <string.h>

#include "alldata/gossip/name.h"
#include "alldata/gossip/state.h"
#include "alldata/gossip/value.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_check.h"
#include "base/utf8.h"

#define ORIGIN "gossip"

int alldata__within(const alldata__membership *m, uint64_t since_ns, uint64_t rounds) {
    return since_ns != 0 && m->now.ns - since_ns < rounds * m->round_ns;
}

uint64_t alldata__below(const alldata__membership *m, uint64_t limit) {
    return m->random(m->user_data) % limit;
}

/* Life. */

static int32_t init(alldata__membership *m, const alldata__membership_config *config) {
    m->self = alldata__peer_new(&m->mem, config->id);
    if (config->seed_count > 0)
        m->seeds = repli__calloc(&m->mem, config->seed_count, sizeof(*m->seeds));
    if (m->self == NULL || (m->seeds == NULL && config->seed_count > 0))
        return REPLI_ENOMEM;
    m->self->address = *config->address;
    m->self->state = ALLDATA__LIVE;
    m->self->ours = 1;
    m->self->started_ms = m->now.wall_ms > 0 ? m->now.wall_ms : 1;
    m->self->since_ns = m->now.ns;
    if (config->seed_count > 0)
        memcpy(m->seeds, config->seeds, config->seed_count * sizeof(*m->seeds));
    return REPLI_OK;
}

int32_t alldata__membership_new(const repli__mem *mem, const alldata__membership_config *config,
                                alldata__now now, alldata__membership **ret_membership,
                                repli_error *err) {
    alldata__membership *m = repli__calloc(mem, 1, sizeof(*m));
    if (m == NULL)
        return repli__error_nomem(err, ORIGIN, "making a membership");
    *m = (alldata__membership){
        .mem = *mem,
        .seed_count = config->seed_count,
        .round_ns = config->round_ns,
        .forget_ns = config->forget_ns,
        .max_peers = config->max_peers,
        .send = config->send,
        .random = config->random,
        .user_data = config->user_data,
        .peers = {.mem = *mem},
        .now = now,
        .round_due_ns = now.ns,
        .tries_left = ALLDATA__TRIES,
    };
    m->frame.allocator = &m->mem;
    if (init(m, config) != REPLI_OK) {
        alldata__membership_free(m);
        return repli__error_nomem(err, ORIGIN, "making a membership");
    }
    *ret_membership = m;
    return REPLI_OK;
}

void alldata__membership_free(alldata__membership *m) {
    if (m == NULL)
        return;
    const repli__mem mem = m->mem;
    alldata__peers_dispose(&m->peers);
    alldata__peer_free(&mem, m->gone);
    alldata__peer_free(&mem, m->self);
    repli_buf_dispose(&m->frame);
    repli__free(&mem, m->seeds);
    repli__free(&mem, m);
}

/* What this node publishes. */

/* Versions follow the clock, so that those of a node that starts anew are above its last ones. */
static int64_t next_version(const alldata__membership *m) {
    const int64_t last = m->self->max_version;
    return m->now.wall_ms > last ? m->now.wall_ms : last + 1;
}

static int32_t refuse(repli_error *err, int32_t code, const char *key) {
    char quote[REPLI__QUOTE_SIZE];
    repli__utf8_quote(quote, key);
    if (code == REPLI_ENOMEM)
        return repli__error_nomem(err, ORIGIN, "publishing a key");
    if (code == REPLI_EFULL)
        return repli__error(err, code, ORIGIN,
                            "cannot publish key %s: a node publishes up to %d keys, of %d bytes "
                            "with their values, transport and location included",
                            quote, ALLDATA__DELTAS, ALLDATA__PEER_BYTES);
    return repli__error(err, code, ORIGIN,
                        "cannot publish key %s: its value must be JSON other than null, of up to "
                        "%d bytes, or what the key stands for",
                        quote, ALLDATA__VALUE_MAX);
}

static int32_t publish(alldata__membership *m, const char *key, char *value) {
    const alldata__entry *entry = alldata__peer_find(m->self, key);
    if (entry == NULL && m->self->entry_count == ALLDATA__DELTAS) {
        repli__free(&m->mem, value);
        return REPLI_EFULL;
    }
    if (entry != NULL && strcmp(entry->value, value) == 0) {
        repli__free(&m->mem, value);
        return REPLI_OK;
    }
    const int32_t code = alldata__peer_put(&m->mem, m->self, key, value, next_version(m));
    if (code != REPLI_OK)
        return code;
    /* Whoever hears that we have something newer asks for it at once. */
    for (int i = 0; i < ALLDATA__TELLERS; i++) {
        alldata__peer *peer = alldata__random_peer(m, ALLDATA__LIVE, 1);
        if (peer != NULL)
            alldata__send_digest(m, &peer->address, peer, 0, 0);
    }
    return REPLI_OK;
}

int32_t alldata__membership_set(alldata__membership *m, alldata__now now, const char *key,
                                const char *json, size_t size, repli_error *err) {
    const size_t length = strnlen(key, ALLDATA__KEY_NAME_SIZE);
    if (length == ALLDATA__KEY_NAME_SIZE || !alldata__name_check(key, length)) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "%s is no name for a key: 1 to %d bytes of UTF-8 without control "
                            "characters, and nothing that JavaScript gives a meaning",
                            repli__utf8_quote(quote, key), ALLDATA__KEY_NAME_SIZE - 1);
    }
    int32_t code = repli__json_check(json, size, ALLDATA__FRAME_DEPTH / 2, key, err);
    if (code != REPLI_OK)
        return code;
    if (now.ns > m->now.ns)
        m->now = now;
    char *value = NULL;
    code = alldata__value_read(&m->mem, key, repli__json_root(json, size), &value);
    if (code == REPLI_OK)
        code = publish(m, key, value);
    return code == REPLI_OK ? code : refuse(err, code, key);
}

/* Asked for. */

int32_t alldata__membership_join(alldata__membership *m, alldata__now now,
                                 const alldata__address *address) {
    if (now.ns > m->now.ns)
        m->now = now;
    alldata__send_digest(m, address, NULL, 0, 1);
    for (size_t i = 0; i < m->seed_count; i++)
        if (alldata__same_address(&m->seeds[i], address))
            return REPLI_EDONE;
    alldata__address *seeds =
        repli__realloc(&m->mem, m->seeds, (m->seed_count + 1) * sizeof(*seeds));
    if (seeds == NULL)
        return REPLI_ENOMEM;
    m->seeds = seeds;
    seeds[m->seed_count++] = *address;
    return REPLI_OK;
}

int32_t alldata__membership_forget(alldata__membership *m, const char *id) {
    alldata__peer *peer = alldata__peers_find(&m->peers, id);
    if (peer == NULL || peer->state == ALLDATA__HEARSAY)
        return REPLI_ENOTFOUND;
    if (peer->state == ALLDATA__LIVE)
        return REPLI_ECONFLICT;
    peer->news |= ALLDATA__NEWS_FORGOTTEN;
    m->has_news = 1;
    return REPLI_OK;
}

/* What there is to know. */

const alldata__peer *alldata__membership_self(const alldata__membership *m) {
    return m->self;
}

const alldata__peers *alldata__membership_peers(const alldata__membership *m) {
    return &m->peers;
}

const alldata__counts *alldata__membership_counts(const alldata__membership *m) {
    return &m->counts;
}

static int take(alldata__peer *peer, int news) {
    if ((peer->news & news) == 0)
        return 0;
    peer->news &= ~news;
    return 1;
}

static alldata__entry *take_entry(alldata__peer *peer) {
    for (size_t i = 0; i < peer->entry_count; i++) {
        if (!peer->entries[i].news)
            continue;
        peer->entries[i].news = 0;
        return &peer->entries[i];
    }
    return NULL;
}

/* 0 if there is nothing about this one. */
static int news_of(alldata__peer *peer, alldata__news *ret_news) {
    *ret_news = (alldata__news){.peer = peer};
    if (peer->state == ALLDATA__HEARSAY)
        return 0;
    if (take(peer, ALLDATA__NEWS_STATE))
        ret_news->kind = peer->state == ALLDATA__LIVE ? ALLDATA__TOLD_LIVE : ALLDATA__TOLD_DEAD;
    else if (take(peer, ALLDATA__NEWS_RESTART))
        ret_news->kind = ALLDATA__TOLD_RESTARTED;
    else if ((ret_news->entry = take_entry(peer)) != NULL)
        ret_news->kind = ALLDATA__TOLD_KEY;
    else if (take(peer, ALLDATA__NEWS_FORGOTTEN))
        ret_news->kind = ALLDATA__TOLD_FORGOTTEN;
    return ret_news->kind != 0;
}

int alldata__membership_news(alldata__membership *m, alldata__news *ret_news) {
    alldata__peer_free(&m->mem, m->gone);
    m->gone = NULL;
    if (!m->has_news)
        return 0;
    for (size_t i = 0; i < m->peers.count; i++) {
        alldata__peer *peer = m->peers.items[i];
        if (!news_of(peer, ret_news))
            continue;
        if (ret_news->kind == ALLDATA__TOLD_FORGOTTEN)
            m->gone = alldata__peers_take(&m->peers, i);
        return 1;
    }
    m->has_news = 0;
    return 0;
}
