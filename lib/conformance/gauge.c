#include "conformance/gauge.h"

#include "conformance/surroundings.h"

/* What malloc keeps for each size that it was ever asked for fills up slowly, and counts as used.
 */
enum { NOISE = 8192 };

static size_t least_leak(size_t turns) {
    const size_t bytes = turns / (GAUGE_COUNT - 1);
    return bytes > NOISE ? bytes : NOISE;
}

struct gauge gauge_take(const struct subject *subject) {
    return (struct gauge){.memory = surroundings_memory(),
                          .pieces = atomic_load(&subject->memory.live),
                          .descriptors = surroundings_descriptors(),
                          .threads = surroundings_threads()};
}

/* It leaks what grew in each of the intervals. */
static size_t growth(const struct gauge gauges[GAUGE_COUNT], size_t offset, size_t least) {
    size_t total = 0;
    for (int i = 1; i < GAUGE_COUNT; i++) {
        const size_t before = *(const size_t *)((const char *)&gauges[i - 1] + offset);
        const size_t now = *(const size_t *)((const char *)&gauges[i] + offset);
        if (now < before + least)
            return 0;
        total += now - before;
    }
    return total;
}

void gauge_judge_memory(struct board *board, enum rule_id rule,
                        const struct gauge gauges[GAUGE_COUNT], size_t turns, const char *what) {
    const size_t pieces = growth(gauges, offsetof(struct gauge, pieces), 1);
    const size_t bytes = growth(gauges, offsetof(struct gauge, memory), least_leak(turns));
    if (pieces > 0)
        board_fail(board, rule, "%zu pieces of host->alloc are left by %zu %s", pieces, turns,
                   what);
    else if (bytes > 0)
        board_fail(board, rule, "%zu bytes of memory are left by %zu %s", bytes, turns, what);
    else if (gauges[0].memory == 0)
        board_pass(board, rule, "%zu %s, by the count of host->alloc: malloc does not tell", turns,
                   what);
    else
        board_pass(board, rule, "%zu %s", turns, what);
}

void gauge_judge_descriptors(struct board *board, enum rule_id rule,
                             const struct gauge gauges[GAUGE_COUNT], size_t turns,
                             const char *what) {
    const size_t left = growth(gauges, offsetof(struct gauge, descriptors), 1);
    if (left > 0)
        board_fail(board, rule, "%zu descriptors are left by %zu %s", left, turns, what);
    else
        board_pass(board, rule, "%zu %s", turns, what);
}

void gauge_judge_threads(struct board *board, enum rule_id rule,
                         const struct gauge gauges[GAUGE_COUNT], size_t turns, const char *what) {
    const size_t left = growth(gauges, offsetof(struct gauge, threads), 1);
    if (left > 0)
        board_fail(board, rule, "%zu threads are left by %zu %s", left, turns, what);
    else
        board_pass(board, rule, "%zu %s", turns, what);
}
