#ifndef TESTS_JUDGE_H
#define TESTS_JUDGE_H

#include <stddef.h>

#include "cluster.h"
#include "load.h"

/*
 * Reads what each node has, from the node itself, and compares it with what clients know: no event
 * is altered, none invented, and every one that was acknowledged is in as many stores as the
 * replication factor says.
 */

typedef struct verdict {
    size_t events;   /* different ones, over all nodes */
    size_t altered;  /* of another content than was put */
    size_t invented; /* that nobody put */
    size_t short_of; /* acknowledged ones in fewer stores than there should be */
    size_t lost;     /* acknowledged ones in no store */
    size_t uneven;   /* that some nodes have and others have not */
} verdict;

/* What is now, on the nodes that run. copies: in how many stores each should be. */
verdict judge(cluster *c, const load *l, size_t copies);
/* Wait until nothing is short of copies; fails the test if that takes longer than limit_ms, or if
 * anything is altered, invented or lost. Returns for how long it took, in ms. */
long judge_wait(cluster *c, const load *l, size_t copies, int even, long limit_ms);

#endif
