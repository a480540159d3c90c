#ifndef ALLDATA_REPAIR_ROUND_H
#define ALLDATA_REPAIR_ROUND_H

#include "alldata/placement.h"
#include "alldata/repair/known.h"
#include "alldata/repair/repair.h"
#include "alldata/repair/talk.h"
#include "base/log.h"

/*
 * A round: which days differ, which minutes of them, and in those, key by key, who has what. It is
 * made in steps, none of which waits for a peer.
 */

/* A node that takes part; the first is this one. */
typedef struct alldata__mate {
    char *id;
    int silent;     /* it did not answer: nobody knows what it has */
    int gone;       /* it did not for long, so that it does not count any more */
    int was_silent; /* for long; if it is again, it is gone */
    alldata__talk asks;
    alldata__talk hands; /* over */

    /* Its digests of the stretch that is looked at, in order. */
    alldata__digest *digests;
    size_t count, capacity, at;
    int gathered;

    /* Its keys, of which one is looked at. */
    alldata__list page;
    char last[ALLDATA_KEY_SIZE]; /* of the page */
    int more, ended;
    const char *key; /* NULL: the next is not there yet */
    uint32_t key_hash;

    /* What it is to be handed: frames, and the minute of each; then what is on its way. */
    repli_buf waiting;
    int64_t *waiting_minutes, *sent_minutes;
    size_t waiting_count, waiting_capacity, sent_count, sent_capacity;
} alldata__mate;

/* A day or minute that is to be looked into. */
typedef struct alldata__doubt {
    int64_t number; /* of days or minutes since 1970 */
    uint64_t state; /* what it is when it is good */
    int is_bad;
} alldata__doubt;

typedef struct alldata__doubts {
    alldata__doubt *items;
    size_t count, capacity, at;
    size_t lost; /* mates, when they were collected */
    int is_bad;  /* there is something that was not found good, and is not among them */
} alldata__doubts;

enum { ALLDATA__GATHERS_DAYS = 1, ALLDATA__GATHERS_MINUTES, ALLDATA__COMPARES };

typedef struct alldata__repair_round {
    const alldata__repair_options *options;
    const repli__mem *mem;
    repli__log *log;
    alldata__known *known;
    alldata__gaps *gaps;
    pthread_mutex_t *mutex; /* guards the gaps */
    void (*wake)(void *user_data);
    void *wake_data;

    alldata__mate *mates;
    alldata__place *places; /* of the mates */
    uint8_t *roles;         /* of each, for the key that is looked at: ALLDATA__PLACE_* */
    size_t count;
    int phase;
    char from[ALLDATA_KEY_SIZE], until[ALLDATA_KEY_SIZE]; /* of the round */
    char start[ALLDATA_KEY_SIZE], end[ALLDATA_KEY_SIZE];  /* of the stretch that is looked at */
    alldata__doubts days, minutes;
    size_t run_start, run_end; /* of the minutes that are compared at once */
    alldata_scan *scan;
    alldata_record record; /* of this node: that of its mate's key */
    uint64_t bytes;        /* read and sent so far */
    uint64_t looked_at, compared, repaired, missing, conflicts, failures;
} alldata__repair_round;

/* Everything in the round that is not set is zero. from and until are keys, or beginnings. */
int32_t alldata__repair_round_begin(alldata__repair_round *round, repli_error *err);
/* A bounded piece of it. REPLI_OK: there is more. REPLI_EBUSY: nothing to do until a peer answers.
 * REPLI_EDONE: it is at its end. None with a message. Else it cannot go on. */
int32_t alldata__repair_round_step(alldata__repair_round *round, repli_error *err);
/* Calls off what is on its way. */
void alldata__repair_round_end(alldata__repair_round *round);

/* A peer gives no answer, or one that makes no sense. */
void alldata__repair_round_lose(alldata__repair_round *round, alldata__mate *mate,
                                const repli_error *why);
/* Those that were lost and still count; and all of them. */
size_t alldata__repair_round_silent(const alldata__repair_round *round);
size_t alldata__repair_round_lost(const alldata__repair_round *round);
/* Who is there, this node included. */
size_t alldata__repair_round_present(const alldata__repair_round *round);
/* How many of them an event is to be in. */
size_t alldata__repair_round_needed(const alldata__repair_round *round);

/* gather.c: digests. */

/* Begin to gather those of the stretch, in buckets of a length. */
void alldata__gather_begin(alldata__repair_round *round);
/* As alldata__repair_round_step(). */
int32_t alldata__gather_step(alldata__repair_round *round, size_t length, repli_error *err);
/* Collect the buckets that are to be looked into. */
int32_t alldata__gather_doubts(alldata__repair_round *round, alldata__doubts *doubts,
                               repli_error *err);

/* compare.c: keys. */

int32_t alldata__compare_begin(alldata__repair_round *round, repli_error *err);
int32_t alldata__compare_step(alldata__repair_round *round, repli_error *err);
void alldata__compare_end(alldata__repair_round *round);

/* hand.c: what a mate lacks. */

/* Not 0: it is to be handed so much already that more has to wait. */
int alldata__hand_is_full(const alldata__mate *mate);
int32_t alldata__hand_add(alldata__repair_round *round, alldata__mate *mate, int64_t minute,
                          repli_error *err);
/* Send what waits, if that is enough or all of it, and take the answers. Not 0: something is on its
 * way. */
int alldata__hand_step(alldata__repair_round *round, int all);

#endif
