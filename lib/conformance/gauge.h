#ifndef CONFORMANCE_GAUGE_H
#define CONFORMANCE_GAUGE_H

#include "conformance/subject.h"

/* What leaks fill up. */
struct gauge {
    size_t memory; /* bytes in use, as malloc tells; 0: it does not */
    size_t pieces; /* of host->alloc */
    size_t descriptors, threads;
};

/* Taken at even distances, so that what grows for ever is told from what only grows at first. */
enum { GAUGE_COUNT = 4 };

struct gauge gauge_take(const struct subject *subject);
/* Fail the rules that were broken by so many turns ("calls") between the first and the last. */
void gauge_judge_memory(struct board *board, enum rule_id rule,
                        const struct gauge gauges[GAUGE_COUNT], size_t turns, const char *what);
void gauge_judge_descriptors(struct board *board, enum rule_id rule,
                             const struct gauge gauges[GAUGE_COUNT], size_t turns,
                             const char *what);
void gauge_judge_threads(struct board *board, enum rule_id rule,
                         const struct gauge gauges[GAUGE_COUNT], size_t turns, const char *what);

#endif
