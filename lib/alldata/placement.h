#ifndef ALLDATA_PLACEMENT_H
#define ALLDATA_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Which nodes are to have an event, apart from the one that it came to: as many in other regions
 * and in other zones as the rule wants, each in one of its own, and the rest anywhere. Among those
 * that are as good, each key has an order of its own, which all nodes share and which stays as
 * nodes come and go: so load is spread, and a put that is tried again goes where it went before.
 */

/* Most replicas of an event. */
enum { ALLDATA__REPLICAS_MAX = 15 };

/* Hash of a text; 0 for NULL: it is not known. */
uint64_t alldata__placement_hash(const char *text, size_t size);

typedef struct alldata__place {
    uint64_t id; /* hashes */
    uint64_t zone;
    uint64_t region;
} alldata__place;

/* Texts that are NULL are not known. */
alldata__place alldata__place_of(const char *id, const char *zone, const char *region);

typedef struct alldata__rule {
    alldata__place self; /* which has it; it may be among the places as well */
    int32_t other_zones; /* of this region */
    int32_t other_regions;
} alldata__rule;

/* What is a place to an event? */
enum {
    ALLDATA__PLACE_OUT = 0, /* it cannot have it */
    ALLDATA__PLACE_FREE,    /* it may get it */
    ALLDATA__PLACE_TAKEN    /* it has it, or is going to */
};

/* How good a place is for a key, among those that are as good otherwise: the greatest comes first.
 */
uint64_t alldata__placement_score(const alldata__place *place, uint64_t key);
/* The place that is to have it next; count: there is none. */
size_t alldata__placement_next(const alldata__rule *rule, const alldata__place *places,
                               const uint8_t *roles, size_t count, uint64_t key);

#endif
