#include "agent/waiters.h"

#include "agent/snapshot.h"

int repli__need_met(const repli__need *need, const repli_snapshot *snapshot) {
    const uint64_t started_ns = repli__snapshot_started_ns(snapshot);
    if (started_ns == 0)
        return 0;
    return (need->begun ? started_ns : repli__snapshot_finished_ns(snapshot)) >= need->from_ns;
}

void repli__waiters_init(repli__waiters *waiters) {
    waiters->first = NULL;
    waiters->end = &waiters->first;
    waiters->deadline_ns = UINT64_MAX;
}

void repli__waiters_add(repli__waiters *waiters, repli__waiter *waiter) {
    waiter->next = NULL;
    *waiters->end = waiter;
    waiters->end = &waiter->next;
    if (waiter->deadline_ns < waiters->deadline_ns)
        waiters->deadline_ns = waiter->deadline_ns;
}

repli__waiter *repli__waiters_take(repli__waiters *waiters, const repli_snapshot *snapshot,
                                   uint64_t now_ns, int all) {
    repli__waiters stay;
    repli__waiters go;
    repli__waiters_init(&stay);
    repli__waiters_init(&go);
    for (repli__waiter *waiter = waiters->first; waiter != NULL;) {
        repli__waiter *next = waiter->next;
        const int done =
            all || now_ns >= waiter->deadline_ns || repli__need_met(&waiter->need, snapshot);
        repli__waiters_add(done ? &go : &stay, waiter);
        waiter = next;
    }
    waiters->first = stay.first;
    waiters->end = stay.first != NULL ? stay.end : &waiters->first;
    waiters->deadline_ns = stay.deadline_ns;
    return go.first;
}

void repli__waiters_tell(repli__waiter *list, repli_snapshot *snapshot, const repli__mem *mem) {
    while (list != NULL) {
        repli__waiter *waiter = list;
        list = list->next;
        waiter->observed(waiter->user_data, snapshot);
        repli__free(mem, waiter);
    }
}
