#include "alldata/coordinator/state.h"

#include "base/clock.h"

/*
 * Hardly a put is ever late, so the clock is not woken for each: it looks when the earliest
 * deadline that there was has come, and goes on looking now and then while there are puts.
 */

enum { LOOK_MS = 1000 };
#define HELD_NS ((uint64_t)REPLI__NS_PER_MS)

void alldata__coordinator_watch(alldata_coordinator *c, uint64_t deadline_ns) {
    c->is_used = 1;
    if (deadline_ns >= c->clock_ns)
        return;
    c->clock_ns = deadline_ns;
    repli__worker_tell(&c->clock);
}

/* What has waited to be sent for too long goes elsewhere. Returns when the next will have. */
static uint64_t look_at_queues(alldata_coordinator *c, uint64_t now_ns) {
    const uint64_t limit_ns = c->options.peer_timeout_ms * (uint64_t)REPLI__NS_PER_MS;
    uint64_t due_ns = UINT64_MAX;
    for (size_t i = 0; i < c->site_count; i++) {
        alldata__site *site = c->sites[i];
        alldata__site_flush(c, site, now_ns - limit_ns);
        if (site->first != NULL && site->first->since_ns + limit_ns < due_ns)
            due_ns = site->first->since_ns + limit_ns;
    }
    return due_ns;
}

/* Once a while, not for each. */
static void tell_lacks(alldata_coordinator *c) {
    const uint64_t lacking = c->counters.under_replicated - c->lacking_told;
    if (lacking == 0)
        return;
    c->lacking_told = c->counters.under_replicated;
    repli__log_printf(&c->log, REPLI_LOG_WARNING, ALLDATA__COORDINATOR,
                      "%llu events more were acknowledged that are in fewer than %d nodes so far; "
                      "hints for %llu wait",
                      (unsigned long long)lacking, (int)c->options.replication_factor,
                      (unsigned long long)c->counters.hints_pending);
}

uint64_t alldata__coordinator_tick(void *user_data) {
    alldata_coordinator *c = user_data;
    const uint64_t now_ns = repli__mono_ns();
    alldata__coordinator_enter(c);
    alldata__put_expire(c, now_ns);
    uint64_t due_ns = look_at_queues(c, now_ns);
    tell_lacks(c);
    if (c->is_used && repli__deadline_ns(LOOK_MS) < due_ns)
        due_ns = repli__deadline_ns(LOOK_MS);
    if (c->earliest != NULL && c->earliest->deadline_ns < due_ns)
        due_ns = c->earliest->deadline_ns;
    c->is_used = 0;
    c->clock_ns = due_ns;
    /* Whom it was held for mostly ends it, so this looks seldom. */
    alldata__send_held(c);
    if (c->is_holding)
        due_ns = c->clock_ns = now_ns + HELD_NS;
    c->is_holding = 0;
    alldata__coordinator_leave(c);
    return due_ns;
}
