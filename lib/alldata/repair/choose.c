#include <string.h>

#include "alldata/repair/round.h"

/*
 * Who has an event already says what is still to be reached: other regions first, as long as there
 * are fewer of them than wanted, then other zones, then whoever. Among equals the key decides, so
 * that all nodes think the same, and each has its share.
 */

uint64_t alldata__choose_rank(const alldata__mate *mate, uint64_t key_hash) {
    uint64_t rank = mate->hash ^ key_hash;
    rank = (rank ^ rank >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    return rank ^ rank >> 29;
}

static int same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Who has it and is elsewhere than the first who has it, and whether somebody is where mate is. */
typedef struct spread {
    int32_t regions, zones;
    int has_region, has_zone;
} spread;

static spread look(const alldata__repair_round *round, const unsigned char *has,
                   const alldata__mate *mate) {
    const alldata__mate *first = NULL;
    spread s = {0};
    for (size_t i = 0; i < round->count; i++) {
        const alldata__mate *it = &round->mates[i];
        if (!has[i])
            continue;
        first = first != NULL ? first : it;
        const int region = same(it->region, first->region);
        s.regions += !region;
        s.zones += region && !same(it->zone, first->zone);
        s.has_region |= same(it->region, mate->region);
        s.has_zone |= same(it->region, mate->region) && same(it->zone, mate->zone);
    }
    return s;
}

static int worth(const alldata__repair_round *round, const unsigned char *has,
                 const alldata__mate *mate) {
    const spread s = look(round, has, mate);
    if (!s.has_region && s.regions < round->options->other_regions)
        return 3;
    if (s.has_region && !s.has_zone && s.zones < round->options->other_zones)
        return 2;
    return !s.has_zone;
}

alldata__mate *alldata__choose(const alldata__repair_round *round, const unsigned char *has,
                               uint64_t key_hash) {
    alldata__mate *best = NULL;
    int best_worth = 0;
    for (size_t i = 0; i < round->count; i++) {
        alldata__mate *it = &round->mates[i];
        if (has[i] || it->silent)
            continue;
        const int it_worth = worth(round, has, it);
        if (best == NULL || it_worth > best_worth ||
            (it_worth == best_worth &&
             alldata__choose_rank(it, key_hash) > alldata__choose_rank(best, key_hash))) {
            best = it;
            best_worth = it_worth;
        }
    }
    return best;
}
