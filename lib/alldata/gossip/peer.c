#include "alldata/gossip/peer.h"

#include <string.h>

#include <replicante/error.h>

#include "alldata/gossip/value.h"

/* Peers. */

/* FNV-1a. Whoever makes ids collide gains nothing: the table is ordered, not hashed. */
static uint64_t hash_of(const char *id) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * UINT64_C(1099511628211);
    return hash;
}

alldata__peer *alldata__peer_new(const repli__mem *mem, const char *id) {
    alldata__peer *peer = repli__calloc(mem, 1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    peer->hash = hash_of(id);
    peer->id = repli__strdup(mem, id);
    peer->id_json = alldata__value_quote(mem, id);
    if (peer->id == NULL || peer->id_json == NULL) {
        alldata__peer_free(mem, peer);
        return NULL;
    }
    return peer;
}

static void dispose_entry(const repli__mem *mem, alldata__entry *entry) {
    repli__free(mem, entry->name);
    repli__free(mem, entry->name_json);
    repli__free(mem, entry->value);
}

void alldata__peer_free(const repli__mem *mem, alldata__peer *peer) {
    if (peer == NULL)
        return;
    for (size_t i = 0; i < peer->entry_count; i++)
        dispose_entry(mem, &peer->entries[i]);
    repli__free(mem, peer->entries);
    repli__free(mem, peer->id_json);
    repli__free(mem, peer->id);
    repli__free(mem, peer);
}

/* Keys. */

alldata__entry *alldata__peer_find(const alldata__peer *peer, const char *key) {
    for (size_t i = 0; i < peer->entry_count; i++)
        if (strcmp(peer->entries[i].name, key) == 0)
            return &peer->entries[i];
    return NULL;
}

const char *alldata__peer_value(const alldata__peer *peer, const char *key) {
    const alldata__entry *entry = alldata__peer_find(peer, key);
    return entry != NULL ? entry->value : NULL;
}

static int32_t replace(const repli__mem *mem, alldata__peer *peer, alldata__entry *entry,
                       char *value) {
    const size_t before = strlen(entry->value);
    const size_t after = strlen(value);
    if (peer->bytes - before + after > ALLDATA__PEER_BYTES) {
        repli__free(mem, value);
        return REPLI_EFULL;
    }
    if (strcmp(entry->value, value) != 0)
        entry->news = 1;
    repli__free(mem, entry->value);
    entry->value = value;
    peer->bytes += after - before;
    return REPLI_OK;
}

static int32_t append(const repli__mem *mem, alldata__peer *peer, const char *key, char *value) {
    alldata__entry entry = {.value = value, .news = 1};
    const size_t bytes = strlen(key) + strlen(value);
    int32_t code = REPLI_OK;
    if (peer->entry_count == ALLDATA__PEER_KEYS || peer->bytes + bytes > ALLDATA__PEER_BYTES)
        code = REPLI_EFULL;
    if (code == REPLI_OK)
        code = repli__grow(mem, (void **)&peer->entries, &peer->entry_capacity, peer->entry_count,
                           sizeof(entry));
    if (code == REPLI_OK) {
        entry.name = repli__strdup(mem, key);
        entry.name_json = alldata__value_quote(mem, key);
        if (entry.name == NULL || entry.name_json == NULL)
            code = REPLI_ENOMEM;
    }
    if (code != REPLI_OK) {
        dispose_entry(mem, &entry);
        return code;
    }
    peer->entries[peer->entry_count++] = entry;
    peer->bytes += bytes;
    return REPLI_OK;
}

int32_t alldata__peer_put(const repli__mem *mem, alldata__peer *peer, const char *key, char *value,
                          int64_t version) {
    alldata__entry *entry = alldata__peer_find(peer, key);
    const int32_t code =
        entry != NULL ? replace(mem, peer, entry, value) : append(mem, peer, key, value);
    if (code != REPLI_OK)
        return code;
    if (entry == NULL)
        entry = &peer->entries[peer->entry_count - 1];
    entry->version = version;
    if (version > peer->max_version)
        peer->max_version = version;
    return REPLI_OK;
}

/* All of them. */

void alldata__peers_dispose(alldata__peers *peers) {
    for (size_t i = 0; i < peers->count; i++)
        alldata__peer_free(&peers->mem, peers->items[i]);
    repli__free(&peers->mem, peers->items);
}

size_t alldata__peers_index(const alldata__peers *peers, uint64_t hash, const char *id) {
    size_t low = 0;
    size_t high = peers->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const alldata__peer *peer = peers->items[middle];
        if (peer->hash < hash || (peer->hash == hash && strcmp(peer->id, id) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

alldata__peer *alldata__peers_find(const alldata__peers *peers, const char *id) {
    const size_t index = alldata__peers_index(peers, hash_of(id), id);
    if (index == peers->count || strcmp(peers->items[index]->id, id) != 0)
        return NULL;
    return peers->items[index];
}

int32_t alldata__peers_add(alldata__peers *peers, alldata__peer *peer) {
    const int32_t code = repli__grow(&peers->mem, (void **)&peers->items, &peers->capacity,
                                     peers->count, sizeof(alldata__peer *));
    if (code != REPLI_OK) {
        alldata__peer_free(&peers->mem, peer);
        return code;
    }
    const size_t index = alldata__peers_index(peers, peer->hash, peer->id);
    alldata__peer **at = &peers->items[index];
    memmove(at + 1, at, (peers->count - index) * sizeof(*at));
    *at = peer;
    peers->count++;
    return REPLI_OK;
}

alldata__peer *alldata__peers_take(alldata__peers *peers, size_t index) {
    alldata__peer **at = &peers->items[index];
    alldata__peer *peer = *at;
    peers->count--;
    memmove(at, at + 1, (peers->count - index) * sizeof(*at));
    return peer;
}
