#include "alldata/coordinator/state.h"

#include "base/clock.h"

/*
 * Clients that were answered mostly put again at once. What is there for a peer already is held for
 * them, so that all of it goes in one request and not in two by turns, each with a half: a request
 * costs as much as a dozen events do. Where they do not come, nothing is held for a while. Who puts
 * alone is never held up, nor is anybody while others are under way to that peer.
 */

#define HOLD_NS (500 * UINT64_C(1000))
#define PAUSE_NS (20 * HOLD_NS)
enum { ENOUGH = 16 };

void alldata__hold_expect(alldata_coordinator *c) {
    const uint64_t now_ns = repli__mono_ns();
    if (now_ns >= c->returning_ns)
        c->returning = 0;
    c->returning++;
    c->returning_ns = now_ns + HOLD_NS;
}

void alldata__hold_expected(alldata_coordinator *c) {
    if (c->returning > 0)
        c->returning--;
}

int alldata__hold(alldata_coordinator *c, alldata__site *site) {
    if (c->returning == 0 || site->queued >= ENOUGH || !site->is_native)
        return 0;
    const uint64_t now_ns = repli__mono_ns();
    if (site->held_ns == 0) {
        if (now_ns >= c->returning_ns || now_ns < c->hold_again_ns)
            return 0;
        site->held_ns = now_ns + HOLD_NS;
        site->awaited = c->returning;
        /* Who looks when that is over: the writer, which what is held has mostly woken anyway,
         * unless it waits for the disk. */
        if ((c->options.put_flags & ALLDATA_PUT_SYNC) != 0)
            alldata__coordinator_watch(c, site->held_ns);
        else
            c->wakes_writer = 1;
    }
    if (now_ns < site->held_ns)
        return 1;
    if (c->returning > site->awaited / 2)
        c->hold_again_ns = now_ns + PAUSE_NS;
    return 0;
}
