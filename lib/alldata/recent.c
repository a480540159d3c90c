#include "alldata/recent.h"

#include <string.h>

enum { PLACES = 2 * ALLDATA__RECENT };

alldata__recent *alldata__recent_new(const repli__mem *mem) {
    return repli__calloc(mem, 1, sizeof(alldata__recent));
}

void alldata__recent_reset(alldata__recent *recent, const char *floor, size_t size) {
    memset(recent, 0, sizeof(*recent));
    recent->floor_size = size < ALLDATA__FLOOR_SIZE ? size : ALLDATA__FLOOR_SIZE;
    if (size > 0)
        memcpy(recent->floor, floor, recent->floor_size);
}

static uint64_t hash(const char *key) {
    uint64_t parts[3];
    memcpy(parts, key + ALLDATA_KEY_LENGTH - sizeof(parts), sizeof(parts));
    uint64_t mixed = parts[0] * UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 32 ^ parts[1]) * UINT64_C(0xFF51AFD7ED558CCD);
    mixed = (mixed ^ mixed >> 32 ^ parts[2]) * UINT64_C(0xC4CEB9FE1A85EC53);
    return mixed ^ mixed >> 29;
}

/* The place of the mark, or where it would be. */
static size_t place_of(const alldata__recent_half *half, uint64_t hashed, uint32_t mark) {
    size_t at = (size_t)(hashed % PLACES);
    while (half->marks[at] != 0 && half->marks[at] != mark)
        at = (at + 1) % PLACES;
    return at;
}

static int is_behind(const char *key, const char *other, size_t other_size) {
    const size_t size = other_size < ALLDATA_KEY_LENGTH ? other_size : ALLDATA_KEY_LENGTH;
    const int order = memcmp(key, other, size);
    return order > 0 || (order == 0 && other_size < ALLDATA_KEY_LENGTH);
}

/* The older half is forgotten. */
static void turn(alldata__recent *recent) {
    alldata__recent_half *older = &recent->halves[!recent->filled];
    if (older->count > 0 && is_behind(older->last, recent->floor, recent->floor_size)) {
        memcpy(recent->floor, older->last, ALLDATA_KEY_LENGTH);
        recent->floor_size = ALLDATA_KEY_LENGTH;
    }
    memset(older, 0, sizeof(*older));
    recent->filled = !recent->filled;
}

int alldata__recent_add(alldata__recent *recent, const char key[ALLDATA_KEY_LENGTH]) {
    if (!is_behind(key, recent->floor, recent->floor_size))
        return 0;
    const uint64_t hashed = hash(key);
    const uint32_t mark = (uint32_t)(hashed >> 32) | 1;
    const alldata__recent_half *older = &recent->halves[!recent->filled];
    if (older->count > 0 && older->marks[place_of(older, hashed, mark)] != 0)
        return 0;
    alldata__recent_half *half = &recent->halves[recent->filled];
    const size_t place = place_of(half, hashed, mark);
    if (half->marks[place] != 0)
        return 0;
    half->marks[place] = mark;
    if (half->count == 0 || memcmp(key, half->last, ALLDATA_KEY_LENGTH) > 0)
        memcpy(half->last, key, ALLDATA_KEY_LENGTH);
    if (++half->count == ALLDATA__RECENT)
        turn(recent);
    return 1;
}
