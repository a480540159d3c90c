#ifndef ALLDATA_REPAIR_REPAIR_H
#define ALLDATA_REPAIR_REPAIR_H

#include <alldata/gossip.h>
#include <alldata/storage.h>
#include <alldata/transport.h>

#include "alldata/repair/digests.h"
#include "base/mem.h"

/*
 * Brings every event that this node has into as many replicas as it is to have: finds out in rounds
 * what others of our own make lack, and hands it to them. Nothing is taken away or changed.
 */
typedef struct alldata__repair alldata__repair;

typedef struct alldata__repair_options {
    alldata_storage *storage;
    alldata__digests *digests;
    const alldata_transport *transport;
    const char *id;
    const char *zone;   /* NULL: none */
    const char *region; /* NULL: none */
    int32_t replication_factor;
    int32_t other_zones;
    int32_t other_regions;
    uint64_t interval_ms;   /* between rounds; UINT64_MAX: only when asked */
    uint64_t settle_ms;     /* what is younger is left alone */
    uint64_t bytes_per_s;   /* most that is read and sent; 0: 32 MiB */
    alldata_clock_fn clock; /* UTC; NULL: that of the storage */
    void *clock_data;
    /* NULL: it has a thread of its own; else called, on any thread, when alldata__repair_run() has
     * something to do. */
    void (*ring)(void *user_data);
    void *ring_data;
    repli_log_fn log;
    void *log_data;
    int32_t log_level;
} alldata__repair_options;

/* What the options point to stays, but for texts. */
int32_t alldata__repair_new(const alldata__repair_options *options, const repli__mem *mem,
                            alldata__repair **ret_repair, repli_error *err);
int32_t alldata__repair_start(alldata__repair *repair, repli_error *err);
/* Ends a round in progress. NULL is fine. */
void alldata__repair_free(alldata__repair *repair);

/* Of one without a thread. */
uint64_t alldata__repair_due_ns(alldata__repair *repair);
void alldata__repair_run(alldata__repair *repair);

/* Tell of a peer, as alldata_coordinator_set_peer(). One that comes, or is another process than
 * before, has a round begin. Thread-safe, as what follows. */
int32_t alldata__repair_set_peer(alldata__repair *repair, const alldata_peer *peer,
                                 repli_error *err);
void alldata__repair_drop_peer(alldata__repair *repair, const char *id);

/* code: REPLI_OK if all was looked at; REPLI_ENOQUORUM if a peer did not answer; REPLI_ECANCELLED.
 * looked_at: events of this node. repaired, missing: copies of them. */
typedef void (*alldata__repaired_fn)(void *user_data, int32_t code, uint64_t looked_at,
                                     uint64_t repaired, uint64_t missing);
/* Have a round begin, of an interval's time (NULL: of all). done may be NULL; it is called by the
 * thread that repairs, once, unless an error is returned. */
int32_t alldata__repair_ask(alldata__repair *repair, const char *interval,
                            alldata__repaired_fn done, void *user_data, repli_error *err);

/* Counted since the beginning, but for those of now. */
typedef struct alldata__repair_counters {
    uint64_t rounds;    /* ended */
    uint64_t asked;     /* calls of alldata__repair_ask() */
    uint64_t answered;  /* of those, in their order */
    uint64_t looked_at; /* events, in whole rounds */
    uint64_t compared;  /* keys that were compared one by one */
    uint64_t repaired;  /* copies handed over */
    uint64_t conflicts; /* keys under which nodes have different events, each time they are seen */
    uint64_t failures;  /* answers of peers that did not come or made no sense */
    uint64_t missing;   /* now: copies that this node is to hand over */
    int64_t whole_ns;   /* end of the last round in which all peers answered, UTC; 0: none */
    int32_t running;    /* now: a round is in progress */
} alldata__repair_counters;

void alldata__repair_count(alldata__repair *repair, alldata__repair_counters *ret_counters);
/* Copies of events that this node is to hand over, from a second since 1970 on, and before another.
 */
uint64_t alldata__repair_missing(alldata__repair *repair, int64_t from, int64_t until);

#endif
