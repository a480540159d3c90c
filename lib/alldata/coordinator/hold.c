#include "alldata/coordinator/state.h"

#include "base/clock.h"

/*
 * Clients that were answered mostly put again at once. What is there for a peer already is held for
 * them as long as they keep coming, so that all of it goes in one request and not in two by turns,
 * each with a half: a request costs as much as a dozen events do. Where they do not come, nothing
 * is held for a while. Who puts alone is never held up.
 */

#define NS_PER_US UINT64_C(1000)
#define GAP_NS (300 * NS_PER_US)
#define MOST_NS (1000 * NS_PER_US)
#define PAUSE_NS (10 * MOST_NS)
/* Events that are worth a request. */
enum { ENOUGH = 16 };

void alldata__hold_expect(alldata_coordinator *c) {
    const uint64_t now_ns = repli__mono_ns();
    if (now_ns >= c->moved_ns + GAP_NS)
        c->returning = 0;
    c->returning++;
    c->moved_ns = now_ns;
}

void alldata__hold_expected(alldata_coordinator *c) {
    if (c->returning == 0)
        return;
    c->returning--;
    c->moved_ns = repli__mono_ns();
}

static void begin(alldata_coordinator *c, alldata__site *site, uint64_t now_ns) {
    site->held_most_ns = now_ns + MOST_NS;
    site->awaited = c->returning;
    c->is_holding = 1;
    alldata__coordinator_watch(c, site->held_most_ns);
}

int alldata__hold(alldata_coordinator *c, alldata__site *site) {
    if (c->returning == 0 || site->queued >= ENOUGH || !site->is_native)
        return 0;
    const uint64_t now_ns = repli__mono_ns();
    const uint64_t gap_ns = c->moved_ns + GAP_NS;
    if (site->held_ns == 0) {
        if (now_ns >= gap_ns || now_ns < c->hold_again_ns)
            return 0;
        begin(c, site, now_ns);
    }
    site->held_ns = gap_ns < site->held_most_ns ? gap_ns : site->held_most_ns;
    if (now_ns < site->held_ns)
        return 1;
    if (c->returning > site->awaited / 2)
        c->hold_again_ns = now_ns + PAUSE_NS;
    c->returning = 0;
    return 0;
}
