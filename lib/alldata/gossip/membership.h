#ifndef ALLDATA_GOSSIP_MEMBERSHIP_H
#define ALLDATA_GOSSIP_MEMBERSHIP_H

#include <replicante/error.h>

#include "alldata/gossip/peer.h"

/*
 * Who else is there, and what they have published. No sockets, no clock, no chance of its own: what
 * arrives and how late it is are told, and what is to be sent is handed out. So a cluster of them
 * runs in a test, in no time.
 *
 * Towards reference nodes it behaves as they do: each round a digest to a live peer, sometimes one
 * to a dead one, and deltas in answer to digests. What differs:
 *
 * - A peer lives only once it has spoken itself, after being asked. Hearsay alone is neither live
 *   nor told on; it is asked less and less often, and dropped when nobody speaks of it any more.
 * - Seeds are asked now and then as long as we live, so that islands meet.
 * - Each node asks the next few of our own nodes, in an order that all share, for a sign of life
 *   every round, and tells the others when there is none; each of those asks for itself before it
 *   believes it. The time that takes does not depend on how many there are.
 * - A peer is asked for all that it has published every few rounds, and its own word counts. So
 *   nothing is lost for long that came in the wrong order or under an old version.
 */

typedef struct alldata__now {
    uint64_t ns;     /* monotonic */
    int64_t wall_ms; /* since 1970 */
} alldata__now;

typedef struct alldata__membership_config {
    const char *id;
    const alldata__address *address; /* where others reach this node */
    const alldata__address *seeds;
    size_t seed_count;
    uint64_t round_ns;
    uint64_t forget_ns; /* after it died, a peer is forgotten */
    size_t max_peers;
    /* A frame to an address; may fail without a word. Must not call back. */
    void (*send)(void *user_data, const alldata__address *to, const char *frame, size_t size);
    uint64_t (*random)(void *user_data);
    void *user_data;
} alldata__membership_config;

typedef struct alldata__counts {
    uint64_t frames;     /* that were understood */
    uint64_t bad_frames; /* that were ignored */
    uint64_t bad_parts;  /* entries of digests and deltas that were */
    uint64_t values;     /* of others, that were new */
    uint64_t bad_values; /* not fit to be kept, or too many */
    uint64_t deaths;     /* peers that died */
    uint64_t lives;      /* peers that came to life */
    uint64_t restarts;   /* that were noticed */
    uint64_t namesakes;  /* frames of others under this node's id */
    uint64_t refused;    /* peers for which there was no room */
    uint64_t out_of_memory;
} alldata__counts;

typedef struct alldata__membership alldata__membership;

/* Copies the config and what it points to. */
int32_t alldata__membership_new(const repli__mem *mem, const alldata__membership_config *config,
                                alldata__now now, alldata__membership **ret_membership,
                                repli_error *err);
void alldata__membership_free(alldata__membership *membership);

/* Publish a value, JSON of size bytes. REPLI_EINVALID if it is not fit, REPLI_EFULL if this node
 * publishes too much. */
int32_t alldata__membership_set(alldata__membership *membership, alldata__now now, const char *key,
                                const char *json, size_t size, repli_error *err);

/* Ask an address as a seed, now and from now on. REPLI_EDONE if it is one, REPLI_ENOMEM. */
int32_t alldata__membership_join(alldata__membership *membership, alldata__now now,
                                 const alldata__address *address);
/* A dead peer is to be forgotten. REPLI_ENOTFOUND if there is none, REPLI_ECONFLICT if it lives. */
int32_t alldata__membership_forget(alldata__membership *membership, const char *id);

/* A frame has arrived. */
void alldata__membership_receive(alldata__membership *membership, alldata__now now,
                                 const char *frame, size_t size);
/* Do what is due. */
void alldata__membership_tick(alldata__membership *membership, alldata__now now);
/* When something is. */
uint64_t alldata__membership_due_ns(const alldata__membership *membership);

/* What there is to know. Peers are not touched between two calls that take the time. */
const alldata__peer *alldata__membership_self(const alldata__membership *membership);
const alldata__peers *alldata__membership_peers(const alldata__membership *membership);
const alldata__counts *alldata__membership_counts(const alldata__membership *membership);

enum {
    ALLDATA__TOLD_LIVE = 1,
    ALLDATA__TOLD_DEAD,
    ALLDATA__TOLD_RESTARTED,
    ALLDATA__TOLD_KEY,
    ALLDATA__TOLD_FORGOTTEN
};

typedef struct alldata__news {
    int kind;
    const alldata__peer *peer;   /* until the next news is taken */
    const alldata__entry *entry; /* of TOLD_KEY */
} alldata__news;

/* What has changed since it was last asked, each once, newest state only; 0 if nothing has. Those
 * of a peer come in the order of kinds. Hearsay is no news. */
int alldata__membership_news(alldata__membership *membership, alldata__news *ret_news);

#endif
