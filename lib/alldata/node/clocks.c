#include "alldata/node/state.h"

#include <stdlib.h>

#include "base/clock.h"

/*
 * Whether this node's clock is right. Keys of a clock that is wrong by more than an interval lie
 * outside of what peers take; what is lost is not an event, since none is acknowledged that too few
 * have, and hints wait until they fit, but time, and somebody should know why.
 */

enum { LOOK_MS = 10000, WARN_MS = 10000, MOST = 64 };

typedef struct sample {
    int64_t ahead_ms[MOST];
    size_t count;
} sample;

static int32_t take_peer(const alldata_peer *peer, void *user_data) {
    sample *of = user_data;
    if (peer->state == ALLDATA_PEER_LIVE && peer->native)
        of->ahead_ms[of->count++] = peer->ahead_ms;
    return of->count == MOST;
}

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t alldata__clocks_ahead_ms(const alldata_node *node) {
    sample of = {.count = 0};
    if (node->gossip == NULL ||
        alldata_gossip_peers(node->gossip, take_peer, &of, NULL) != REPLI_OK || of.count == 0)
        return 0;
    qsort(of.ahead_ms, of.count, sizeof(of.ahead_ms[0]), compare);
    return -of.ahead_ms[of.count / 2];
}

uint64_t alldata__clocks_work(alldata_node *node) {
    if (node->gossip == NULL)
        return UINT64_MAX;
    const uint64_t now = repli__mono_ns();
    if (now < node->clocks_due_ns)
        return node->clocks_due_ns;
    node->clocks_due_ns = repli__deadline_ns(LOOK_MS);
    const int64_t ahead_ms = alldata__clocks_ahead_ms(node);
    const int wrong = ahead_ms >= WARN_MS || ahead_ms <= -WARN_MS;
    if (wrong && !node->clock_is_wrong)
        repli__log_printf(
            &node->log, REPLI_LOG_WARNING, ALLDATA__NODE,
            "the clock of this node is %lld s %s those of its peers: set it right, or "
            "they refuse its events once they are %s than their intervals",
            (long long)(ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000,
            ahead_ms > 0 ? "before" : "behind", ahead_ms > 0 ? "newer" : "older");
    else if (!wrong && node->clock_is_wrong)
        repli__log_printf(&node->log, REPLI_LOG_INFO, ALLDATA__NODE,
                          "the clock of this node agrees with those of its peers again");
    node->clock_is_wrong = wrong;
    return node->clocks_due_ns;
}
