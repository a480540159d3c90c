#include "alldata/coordinator/state.h"

#include "base/clock.h"

/*
 * Hardly a put is ever late, so the clock is not woken for each: it looks when the earliest
 * deadline that there was has come, and goes on looking now and then while there are puts.
 */

enum { LOOK_MS = 1000 };

void alldata__coordinator_watch(alldata_coordinator *c, uint64_t deadline_ns) {
    c->is_used = 1;
    if (deadline_ns >= c->clock_ns)
        return;
    c->clock_ns = deadline_ns;
    repli__worker_tell(&c->clock);
}

uint64_t alldata__coordinator_tick(void *user_data) {
    alldata_coordinator *c = user_data;
    alldata__coordinator_enter(c);
    alldata__put_expire(c, repli__mono_ns());
    uint64_t due_ns = c->is_used ? repli__deadline_ns(LOOK_MS) : UINT64_MAX;
    if (c->earliest != NULL)
        due_ns = c->earliest->deadline_ns;
    c->is_used = 0;
    c->clock_ns = due_ns;
    alldata__coordinator_leave(c);
    return due_ns;
}
