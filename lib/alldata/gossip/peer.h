#ifndef ALLDATA_GOSSIP_PEER_H
#define ALLDATA_GOSSIP_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "alldata/gossip/frame.h"
#include "alldata/gossip/phi.h"
#include "base/mem.h"

/* A key that a peer has published. */
typedef struct alldata__entry {
    char *name;
    char *name_json;
    char *value;
    int64_t version;
    int news; /* not told yet */
} alldata__entry;

enum {
    ALLDATA__HEARSAY = 1, /* others tell of it; not there as long as it says nothing itself */
    ALLDATA__LIVE,
    ALLDATA__DEAD
};

/* What is not told yet. */
enum { ALLDATA__NEWS_STATE = 1, ALLDATA__NEWS_RESTART = 2, ALLDATA__NEWS_FORGOTTEN = 4 };

typedef struct alldata__peer {
    uint64_t hash;
    char *id;
    char *id_json;
    alldata__address address;
    alldata__entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    size_t bytes;        /* of all entries' names and values */
    int64_t max_version; /* the greatest seen */

    int state;
    uint64_t since_ns;
    int news;
    int ours;           /* speaks our own part of the protocol */
    int64_t started_ms; /* 0: not known */
    int64_t ahead_ms;   /* its clock before ours, as of the last frame */
    alldata__phi phi;

    /* Looking for it. */
    uint64_t mentioned_ns; /* by anybody */
    uint64_t try_ns;       /* of hearsay: when to try it next */
    uint32_t tries;
    uint32_t checks;       /* signs of life asked for, and not seen */
    uint64_t check_ns;     /* end of the wait for one */
    uint64_t suspected_ns; /* when it was last told of as a suspect; 0: never */
    uint64_t sent_ns;      /* when it was last sent a digest; 0: never */
    uint64_t pulled_ns;    /* when it was last asked for what it knows better; 0: never */

    /* Of the digest that is being answered. */
    int64_t listed_version;
    int wanted;
} alldata__peer;

/* All that is known, in the order of hashes of ids: neighbours in it have nothing in common. */
typedef struct alldata__peers {
    repli__mem mem;
    alldata__peer **items;
    size_t count;
    size_t capacity;
} alldata__peers;

/* NULL when out of memory. */
alldata__peer *alldata__peer_new(const repli__mem *mem, const char *id);
void alldata__peer_free(const repli__mem *mem, alldata__peer *peer);

alldata__entry *alldata__peer_find(const alldata__peer *peer, const char *key);
/* Value of a key; NULL if there is none. */
const char *alldata__peer_value(const alldata__peer *peer, const char *key);
/* Put a value, and take it over, even on failure. Sets news if it differs from the one before.
 * REPLI_OK, REPLI_ENOMEM, or REPLI_EFULL if the peer has too many keys or too long ones. */
int32_t alldata__peer_put(const repli__mem *mem, alldata__peer *peer, const char *key, char *value,
                          int64_t version);

void alldata__peers_dispose(alldata__peers *peers);
alldata__peer *alldata__peers_find(const alldata__peers *peers, const char *id);
/* Where it stands, or would stand. */
size_t alldata__peers_index(const alldata__peers *peers, uint64_t hash, const char *id);
/* Takes the peer over. REPLI_OK or REPLI_ENOMEM. */
int32_t alldata__peers_add(alldata__peers *peers, alldata__peer *peer);
/* Remove it; it belongs to the caller now. */
alldata__peer *alldata__peers_take(alldata__peers *peers, size_t index);

#endif
