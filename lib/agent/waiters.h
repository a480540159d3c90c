#ifndef REPLI_AGENT_WAITERS_H
#define REPLI_AGENT_WAITERS_H

#include <replicante/agent.h>

#include "base/mem.h"

/* Those who wait for a snapshot, in the order in which they came. Not thread-safe. */

typedef struct repli__need {
    int begun;        /* 1: the observation must have begun, 0: ended, */
    uint64_t from_ns; /* at this monotonic time or later */
} repli__need;

/* Whether a snapshot meets a need. Before the first observation none does. */
int repli__need_met(const repli__need *need, const repli_snapshot *snapshot);

typedef struct repli__waiter {
    struct repli__waiter *next;
    repli__need need;
    uint64_t deadline_ns;
    repli_observe_fn observed;
    void *user_data;
} repli__waiter;

typedef struct repli__waiters {
    repli__waiter *first;
    repli__waiter **end;  /* where the next one goes */
    uint64_t deadline_ns; /* no waiter's is earlier; UINT64_MAX if there is none */
} repli__waiters;

void repli__waiters_init(repli__waiters *waiters);
void repli__waiters_add(repli__waiters *waiters, repli__waiter *waiter);
/* Take out those whose need snapshot meets and those whose deadline has come; all: everyone. */
repli__waiter *repli__waiters_take(repli__waiters *waiters, const repli_snapshot *snapshot,
                                   uint64_t now_ns, int all);
/* Tell each one in a list that was taken out, and free it. */
void repli__waiters_tell(repli__waiter *list, repli_snapshot *snapshot, const repli__mem *mem);

#endif
