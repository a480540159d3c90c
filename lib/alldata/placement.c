#include "alldata/placement.h"

#include <string.h>

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t alldata__placement_hash(const char *text, size_t size) {
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15) ^ size;
    if (text == NULL)
        return 0;
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t part = 0;
        memcpy(&part, text + at, size - at < sizeof(part) ? size - at : sizeof(part));
        hash = mix(hash ^ part) + UINT64_C(0x9E3779B97F4A7C15);
    }
    return hash != 0 ? hash : 1;
}

static uint64_t hash_text(const char *text) {
    return alldata__placement_hash(text, text != NULL ? strlen(text) : 0);
}

alldata__place alldata__place_of(const char *id, const char *zone, const char *region) {
    return (alldata__place){
        .id = hash_text(id), .zone = hash_text(zone), .region = hash_text(region)};
}

uint64_t alldata__placement_score(const alldata__place *place, uint64_t key) {
    return mix(key ^ place->id);
}

static int is_in_other_region(const alldata__rule *rule, const alldata__place *place) {
    return place->region != 0 && place->region != rule->self.region;
}

static int is_in_other_zone(const alldata__rule *rule, const alldata__place *place) {
    return place->region == rule->self.region && place->zone != 0 && place->zone != rule->self.zone;
}

/* Zones or regions that have it. */
typedef struct areas {
    uint64_t names[ALLDATA__REPLICAS_MAX];
    int32_t count;
} areas;

static int has_area(const areas *all, uint64_t name) {
    for (int32_t i = 0; i < all->count; i++)
        if (all->names[i] == name)
            return 1;
    return 0;
}

static void add_area(areas *all, uint64_t name) {
    if (all->count < ALLDATA__REPLICAS_MAX && !has_area(all, name))
        all->names[all->count++] = name;
}

typedef struct best {
    size_t at;
    uint64_t score;
} best;

static void improve(best *it, size_t none, size_t at, uint64_t score) {
    if (it->at != none && it->score >= score)
        return;
    it->at = at;
    it->score = score;
}

size_t alldata__placement_next(const alldata__rule *rule, const alldata__place *places,
                               const uint8_t *roles, size_t count, uint64_t key) {
    areas zones = {.count = 0}, regions = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        if (roles[i] != ALLDATA__PLACE_TAKEN)
            continue;
        if (is_in_other_region(rule, &places[i]))
            add_area(&regions, places[i].region);
        else if (is_in_other_zone(rule, &places[i]))
            add_area(&zones, places[i].zone);
    }
    const int wants_region = regions.count < rule->other_regions;
    const int wants_zone = zones.count < rule->other_zones;
    best of_region = {count, 0}, of_zone = {count, 0}, of_all = {count, 0};
    for (size_t i = 0; i < count; i++) {
        if (roles[i] != ALLDATA__PLACE_FREE)
            continue;
        const uint64_t score = alldata__placement_score(&places[i], key);
        improve(&of_all, count, i, score);
        if (wants_region && is_in_other_region(rule, &places[i]) &&
            !has_area(&regions, places[i].region))
            improve(&of_region, count, i, score);
        if (wants_zone && is_in_other_zone(rule, &places[i]) && !has_area(&zones, places[i].zone))
            improve(&of_zone, count, i, score);
    }
    return of_region.at != count ? of_region.at : of_zone.at != count ? of_zone.at : of_all.at;
}
