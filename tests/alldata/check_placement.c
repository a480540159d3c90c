/* Which nodes are to have an event: all clusters of up to six peers. run.sh timeout: 300 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alldata/placement.h"

enum { PEERS = 6, KINDS = 6, KEYS = 60000 };

/* Zone and region of a peer; this node is in zone 1 of region 1. 0: not known. */
static const struct {
    uint64_t zone, region;
} kinds[KINDS] = {{1, 1}, {2, 1}, {3, 1}, {2, 2}, {1, 3}, {0, 0}};

static alldata__place places[PEERS];
static alldata__rule rule;

static uint64_t key_of(unsigned number) {
    char key[32];
    snprintf(key, sizeof(key), "20261121T015624640%09u", number);
    return alldata__placement_hash(key, 27);
}

static void set_up(size_t count, unsigned cluster) {
    rule.self = (alldata__place){.id = 99, .zone = 1, .region = 1};
    for (size_t i = 0; i < count; i++, cluster /= KINDS) {
        char id[16];
        snprintf(id, sizeof(id), "node-%zu", i);
        places[i] = (alldata__place){.id = alldata__placement_hash(id, strlen(id)),
                                     .zone = kinds[cluster % KINDS].zone,
                                     .region = kinds[cluster % KINDS].region};
    }
}

/* Take the best so often; returns how many there were, and which. */
static size_t choose(size_t count, size_t most, uint64_t key, uint8_t roles[PEERS],
                     size_t chosen[PEERS]) {
    size_t taken = 0;
    while (taken < most) {
        const size_t at = alldata__placement_next(&rule, places, roles, count, key);
        if (at == count)
            break;
        /* An assertion that is counted each time takes longer than all the rest. */
        if (roles[at] != ALLDATA__PLACE_FREE)
            ck_abort_msg("%zu was not free", at);
        roles[at] = ALLDATA__PLACE_TAKEN;
        chosen[taken++] = at;
    }
    return taken;
}

static int is_other_region(size_t at) {
    return places[at].region > 1;
}

static int is_other_zone(size_t at) {
    return places[at].region == 1 && places[at].zone > 1;
}

/* Regions, or zones, that some of these are in. */
static size_t areas(const size_t *list, size_t count, int regions) {
    int seen[4] = {0};
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t at = list[i];
        if (regions ? !is_other_region(at) : !is_other_zone(at))
            continue;
        const uint64_t name = regions ? places[at].region : places[at].zone;
        found += !seen[name];
        seen[name] = 1;
    }
    return found;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static void check_one(size_t count, size_t copies, uint64_t key) {
    static const size_t all[PEERS] = {0, 1, 2, 3, 4, 5};
    uint8_t roles[PEERS];
    size_t chosen[PEERS];
    memset(roles, ALLDATA__PLACE_FREE, sizeof(roles));
    const size_t taken = choose(count, copies, key, roles, chosen);
    const size_t regions = least(least((size_t)rule.other_regions, areas(all, count, 1)), copies);
    const size_t zones =
        least(least((size_t)rule.other_zones, areas(all, count, 0)), copies - regions);
    if (taken != least(copies, count) || areas(chosen, taken, 1) < regions ||
        areas(chosen, taken, 0) < zones)
        ck_abort_msg("%zu of %zu peers, %zu of %zu regions, %zu of %zu zones", taken, count,
                     areas(chosen, taken, 1), regions, areas(chosen, taken, 0), zones);
}

START_TEST(every_small_cluster_is_placed_as_the_rule_wants) {
    unsigned clusters = 1;
    for (size_t count = 0; count <= PEERS; count++, clusters *= KINDS)
        for (unsigned cluster = 0; cluster < clusters; cluster++) {
            set_up(count, cluster);
            for (unsigned which = 0; which < 36; which++) {
                rule.other_regions = (int32_t)(which % 3);
                rule.other_zones = (int32_t)(which / 3 % 3);
                check_one(count, which / 9, key_of(cluster + which));
            }
        }
}
END_TEST

START_TEST(load_is_spread_evenly) {
    size_t counts[PEERS] = {0};
    set_up(PEERS, 0);
    rule.other_regions = rule.other_zones = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t roles[PEERS];
        size_t chosen[PEERS];
        memset(roles, ALLDATA__PLACE_FREE, sizeof(roles));
        ck_assert_uint_eq(choose(PEERS, 2, key_of(i), roles, chosen), 2);
        counts[chosen[0]]++;
        counts[chosen[1]]++;
    }
    for (size_t i = 0; i < PEERS; i++) {
        ck_assert_uint_gt(counts[i], KEYS / 3 - KEYS / 60);
        ck_assert_uint_lt(counts[i], KEYS / 3 + KEYS / 60);
    }
}
END_TEST

/* What the lost one had goes evenly to the others, and nothing else moves. */
START_TEST(a_peer_that_goes_moves_only_what_it_had) {
    size_t counts[PEERS] = {0};
    set_up(PEERS, 0);
    rule.other_regions = rule.other_zones = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t before[PEERS], after[PEERS];
        size_t first[PEERS], second[PEERS];
        memset(before, ALLDATA__PLACE_FREE, sizeof(before));
        memset(after, ALLDATA__PLACE_FREE, sizeof(after));
        after[3] = ALLDATA__PLACE_OUT;
        choose(PEERS, 2, key_of(i), before, first);
        choose(PEERS, 2, key_of(i), after, second);
        for (size_t at = 0; at < PEERS; at++)
            if (before[at] == ALLDATA__PLACE_TAKEN && at != 3)
                ck_assert_uint_eq(after[at], ALLDATA__PLACE_TAKEN);
            else if (after[at] == ALLDATA__PLACE_TAKEN)
                counts[at]++;
    }
    for (size_t i = 0; i < PEERS; i++)
        if (i != 3)
            ck_assert_uint_gt(counts[i], KEYS / 3 / 5 - KEYS / 100);
}
END_TEST

/* The next one after a failure makes up for what was lost: a zone for a zone. */
START_TEST(a_zone_that_fails_is_made_up_for_by_another) {
    uint8_t roles[PEERS];
    memset(roles, ALLDATA__PLACE_FREE, sizeof(roles));
    set_up(PEERS, 0);
    places[1].zone = places[2].zone = 2;
    places[3].zone = 3;
    places[4].region = 2;
    rule.other_regions = rule.other_zones = 1;
    size_t chosen[PEERS];
    for (unsigned i = 0; i < 1000; i++) {
        memset(roles, ALLDATA__PLACE_FREE, sizeof(roles));
        ck_assert_uint_eq(choose(PEERS, 2, key_of(i), roles, chosen), 2);
        ck_assert_uint_eq(chosen[0], 4);
        ck_assert(is_other_zone(chosen[1]));
        roles[chosen[1]] = ALLDATA__PLACE_OUT;
        ck_assert_uint_eq(choose(PEERS, 1, key_of(i), roles, chosen), 1);
        ck_assert(is_other_zone(chosen[0]));
    }
}
END_TEST

/* A place is what is known of it; the same of all are the same places for everybody. */
START_TEST(a_place_is_made_of_texts) {
    const alldata__place place = alldata__place_of("a", "b", NULL);
    ck_assert_uint_eq(place.id, alldata__placement_hash("a", 1));
    ck_assert_uint_eq(place.zone, alldata__placement_hash("b", 1));
    ck_assert_uint_eq(place.region, 0);
    const alldata__place other = alldata__place_of("b", NULL, NULL);
    ck_assert_uint_ne(alldata__placement_score(&place, 1), alldata__placement_score(&other, 1));
    ck_assert_uint_ne(alldata__placement_score(&place, 1), alldata__placement_score(&place, 2));
}
END_TEST

START_TEST(texts_have_hashes_of_their_own) {
    ck_assert_uint_eq(alldata__placement_hash(NULL, 0), 0);
    ck_assert_uint_ne(alldata__placement_hash("", 0), 0);
    ck_assert_uint_ne(alldata__placement_hash("A", 1), alldata__placement_hash("B", 1));
    ck_assert_uint_ne(alldata__placement_hash("A", 1), alldata__placement_hash("A\0", 2));
    ck_assert_uint_ne(alldata__placement_hash("abcdefgh", 8),
                      alldata__placement_hash("abcdefghabcdefgh", 16));
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("placement");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, every_small_cluster_is_placed_as_the_rule_wants);
    tcase_add_test(tcase, load_is_spread_evenly);
    tcase_add_test(tcase, a_peer_that_goes_moves_only_what_it_had);
    tcase_add_test(tcase, a_zone_that_fails_is_made_up_for_by_another);
    tcase_add_test(tcase, a_place_is_made_of_texts);
    tcase_add_test(tcase, texts_have_hashes_of_their_own);
    Suite *suite = suite_create("alldata: placement");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
