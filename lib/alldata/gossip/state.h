#ifndef ALLDATA_GOSSIP_STATE_H
#define ALLDATA_GOSSIP_STATE_H

#include "alldata/gossip/membership.h"

/* The inside of a membership, for the files that it is made of. */

enum {
    ALLDATA__CHECKS = 3,  /* unanswered, and a peer is dead */
    ALLDATA__RING = 3,    /* of our own nodes that each asks every round */
    ALLDATA__GREETED = 4, /* reference nodes that each speaks to every round */
    ALLDATA__TELLERS = 4, /* are told of a suspect by each that learns of it */
    ALLDATA__TRIES = 32,  /* of hearsay, in one round */
    ALLDATA__RUMOUR_ROUNDS = 3
};

struct alldata__membership {
    repli__mem mem;
    alldata__peer *self;
    alldata__address *seeds;
    size_t seed_count;
    uint64_t round_ns;
    uint64_t forget_ns;
    size_t max_peers;
    void (*send)(void *user_data, const alldata__address *to, const char *frame, size_t size);
    uint64_t (*random)(void *user_data);
    void *user_data;

    alldata__peers peers;
    alldata__counts counts;
    alldata__now now;      /* of the present call; it never goes back */
    alldata__peer *sender; /* of the frame that is being taken, and so not to be dropped */
    uint64_t round_due_ns;
    uint64_t rounds;
    uint32_t tries_left;    /* of this round */
    uint64_t rumoured_ns;   /* when there last was a suspect; 0: never */
    uint64_t renumbered_ns; /* 0: never */
    repli_buf frame;        /* being written */
    alldata__peer *gone;    /* told of as forgotten, and to be freed */
    int has_news;
    int has_rumours; /* to be spread */
};

/* Take the time of a call. */
void alldata__enter(alldata__membership *m, alldata__now now);
/* Not 0 in less than n rounds after a time, 0 if there was none. */
int alldata__within(const alldata__membership *m, uint64_t since_ns, uint64_t rounds);
uint64_t alldata__below(const alldata__membership *m, uint64_t limit);

/* Peers (life.c). */

/* A peer of a kind at random; NULL if there is none. ours: only our own nodes that are not being
 * checked. */
alldata__peer *alldata__random_peer(const alldata__membership *m, int state, int ours);
size_t alldata__count_peers(const alldata__membership *m, int state);
/* The peer of this id, made if need be; NULL if there is no room. at_cost: of one that died. */
alldata__peer *alldata__meet(alldata__membership *m, const char *id,
                             const alldata__address *address, int at_cost);
/* It has spoken. */
void alldata__contact(alldata__membership *m, alldata__peer *peer);
void alldata__bury(alldata__membership *m, alldata__peer *peer);
/* Ask for a sign of life, unless that is being done. */
void alldata__check(alldata__membership *m, alldata__peer *peer);
/* The same, when it is being asked by other means. */
void alldata__expect(const alldata__membership *m, alldata__peer *peer);
/* The same for one that gave others none: that counts for one that it did not give us. */
void alldata__check_suspect(alldata__membership *m, alldata__peer *peer);
/* There was none in time. */
void alldata__check_again(alldata__membership *m, alldata__peer *peer);
/* Ask hearsay whether it is there. */
void alldata__try(alldata__membership *m, alldata__peer *peer);
/* Others are to be told of it, unless they were. */
void alldata__suspect(alldata__membership *m, alldata__peer *peer);
/* Tell them, of all at once. */
void alldata__spread(alldata__membership *m);

/* Frames (send.c). */

/* target is the peer there; NULL if that is not known. Its own keys are asked for from the first on
 * if all is set. */
void alldata__send_digest(alldata__membership *m, const alldata__address *to, alldata__peer *target,
                          int all, int ask);
/* Nothing but a sign of life. */
void alldata__send_sign(alldata__membership *m, const alldata__address *to, int ask);
/* What peers that are wanted, and this node, have above their listed versions. Returns how many
 * deltas that were; if there are none, nothing is sent. ours: to one of our own nodes. */
size_t alldata__send_deltas(alldata__membership *m, const alldata__address *to, int ours);

#endif
