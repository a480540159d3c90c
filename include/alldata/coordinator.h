#ifndef ALLDATA_COORDINATOR_H
#define ALLDATA_COORDINATOR_H

/*
 * Puts an event into as many nodes as it is to be in: this one, others in other zones and regions,
 * or any others that live, and says when enough of them have it. What a peer that is away misses is
 * written down, as a hint, and handed over when it is back.
 */

#include <stddef.h>
#include <stdint.h>

#include <alldata/gossip.h>
#include <alldata/keygen.h>
#include <alldata/storage.h>
#include <alldata/transport.h>
#include <replicante/alloc.h>
#include <replicante/error.h>
#include <replicante/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How many replicas must have an event before a put is acknowledged. */
enum {
    ALLDATA_COMMIT_DEFAULT = 0, /**< as the coordinator is set */
    ALLDATA_COMMIT_ONE = 1,     /**< this node, or if it cannot any other */
    ALLDATA_COMMIT_QUORUM = 2,  /**< more than half of the replication factor */
    ALLDATA_COMMIT_ALL = 3      /**< as many as the replication factor */
};

/** An event to be put. Use ALLDATA_PUT_INIT. */
typedef struct alldata_put {
    uint32_t struct_size;
    int32_t commit; /**< ALLDATA_COMMIT_* */
    /** 27 characters, of the client's own, so that it can try again; NULL: one is made. */
    const char *key;
    const char *event; /**< JSON other than null, stored byte for byte */
    size_t event_size;
    uint64_t timeout_ms; /**< 0: as the coordinator is set */
    uint32_t flags;      /**< ALLDATA_PUT_LATE: the key may be of a closed interval */
    uint32_t reserved;
} alldata_put;

#define ALLDATA_PUT_INIT                                                                           \
    { (uint32_t)sizeof(alldata_put), ALLDATA_COMMIT_DEFAULT, NULL, NULL, 0, 0, 0, 0 }

/** What became of a put. */
typedef struct alldata_put_result {
    uint32_t struct_size;
    /**
     * REPLI_OK: the commit level is reached. REPLI_EINVALID: event or key is none that can be
     * stored. REPLI_ECONFLICT: the key has another event. REPLI_ETIMEOUT, REPLI_ENOQUORUM: fewer
     * replicas than needed have it, by the deadline or for good; a put of the same event under the
     * same key tries again. REPLI_ECANCELLED: the coordinator was freed. Another: what the storage
     * or the generator of keys said, where there is no peer to turn to.
     */
    int32_t code;
    int32_t replicas;           /**< that have the event, by now */
    int32_t needed;             /**< for the commit level */
    int32_t hints;              /**< replicas that are to get it later */
    char key[ALLDATA_KEY_SIZE]; /**< under which it was put; empty: nothing was stored */
    const repli_error *error;   /**< NULL if code is REPLI_OK */
} alldata_put_result;

/**
 * Takes results, in the order of the puts, once for each call; results die with it. On any thread
 * of the coordinator's or its transport's, within dispatch, or, where no put was fit to be stored,
 * within the call itself; must not block. May put, but not free the coordinator.
 */
typedef void (*alldata_put_fn)(void *user_data, const alldata_put_result *results, size_t count);

typedef struct alldata_coordinator alldata_coordinator;

/** Use ALLDATA_COORDINATOR_OPTIONS_INIT. NULL and 0 mean the default, or none where there is none.
 */
typedef struct alldata_coordinator_options {
    uint32_t struct_size;
    int32_t run_mode;                   /**< ALLDATA_RUN_* */
    alldata_storage *storage;           /**< of this node; needed, and outlives it */
    alldata_keygen *keygen;             /**< needed, and outlives it */
    const alldata_transport *transport; /**< NULL: there are no peers; outlives it */
    const char *id;                     /**< of this node; needed if there are peers */
    const char *zone;                   /**< of this node */
    const char *region;                 /**< of this node */
    const char *hints;                  /**< directory for hints; NULL: there are none */
    int32_t replication_factor;         /**< 1 to 15; default 1 */
    int32_t other_zones;                /**< replicas in other zones of this region, each in one */
    int32_t other_regions;              /**< replicas in other regions, each in one */
    int32_t commit;                     /**< ALLDATA_COMMIT_*; default QUORUM */
    uint64_t timeout_ms;                /**< of a put, up to an hour; default 5000 */
    /** How long a peer may take before another one is asked; default 1000. */
    uint64_t peer_timeout_ms;
    uint64_t max_waiting_bytes; /**< that puts take, beyond which they are refused; 64 MiB */
    uint32_t put_flags;         /**< ALLDATA_PUT_SYNC: of every put, and of hints */
    int32_t log_level;          /**< REPLI_LOG_*; default REPLI_LOG_INFO */
    repli_log_fn log;
    void *log_data;
} alldata_coordinator_options;

#define ALLDATA_COORDINATOR_OPTIONS_INIT                                                           \
    {                                                                                              \
        (uint32_t)sizeof(alldata_coordinator_options), 0, NULL, NULL, NULL, NULL, NULL, NULL,      \
            NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL                                            \
    }

/** A coordinator. allocator may be NULL. REPLI_EINVALID: an option is wrong. Thread-safe. */
REPLI_API int32_t alldata_coordinator_new(const alldata_coordinator_options *options,
                                          const repli_allocator *allocator,
                                          alldata_coordinator **ret_coordinator, repli_error *err);
/** Stop and free. Waits for the disk alone; puts that wait for more end with REPLI_ECANCELLED. NULL
 *  is fine. Nobody may be using it; not from a function that takes results. */
REPLI_API void alldata_coordinator_free(alldata_coordinator *coordinator);

/**
 * Put events, which are copied. done is called exactly once, unless an error is returned.
 * REPLI_EINVALID: puts or done are missing. REPLI_EFULL: too much waits, and nothing was stored:
 * to be tried again a little later. Never waits for disk or network. Thread-safe.
 */
REPLI_API int32_t alldata_coordinator_put(alldata_coordinator *coordinator, const alldata_put *puts,
                                          size_t count, alldata_put_fn done, void *user_data,
                                          repli_error *err);
/**
 * Nothing is written or sent until the cork is taken out again, unless something is being written
 * anyway: who is about to put many events one by one lets them share a commit and a request, and is
 * not interrupted meanwhile. To be taken out soon, once for each time. Thread-safe.
 */
REPLI_API void alldata_coordinator_cork(alldata_coordinator *coordinator);
REPLI_API void alldata_coordinator_uncork(alldata_coordinator *coordinator);
/**
 * As alldata_coordinator_uncork(), and if it was the last cork write what waits, within this call,
 * where to do so takes less than to have it done: a few events, for LevelDB, none to be synced, and
 * nobody writes just then. Results may be taken, and the call blocks for as long as the operating
 * system makes a write wait, mostly microseconds, but seconds if a disk has trouble. For who can
 * afford that. Thread-safe.
 */
REPLI_API void alldata_coordinator_uncork_and_write(alldata_coordinator *coordinator);
/**
 * Store events that another node hands over, under their keys, here only. Otherwise the same.
 * flags: ALLDATA_PUT_SYNC, ALLDATA_PUT_LATE. Codes of results are those of alldata_storage_put().
 */
REPLI_API int32_t alldata_coordinator_store(alldata_coordinator *coordinator,
                                            const alldata_record *records, size_t count,
                                            uint32_t flags, alldata_put_fn done, void *user_data,
                                            repli_error *err);

/**
 * Tell of a peer, which may be new, elsewhere than before, dead, or live again: then it gets what
 * it missed. REPLI_EINVALID: it has not said where it takes events, has this node's id, or there is
 * no transport. Thread-safe.
 */
REPLI_API int32_t alldata_coordinator_set_peer(alldata_coordinator *coordinator,
                                               const alldata_peer *peer, repli_error *err);
/** Forget a peer: it is asked no more, and gets no more hints; those that there are are kept in
 * case that it comes back, unless forget_hints. REPLI_ENOTFOUND: it is not known. Thread-safe. */
REPLI_API int32_t alldata_coordinator_drop_peer(alldata_coordinator *coordinator, const char *id,
                                                int32_t forget_hints, repli_error *err);
/** Hints that wait for a peer; id NULL: for all. Thread-safe. */
REPLI_API int64_t alldata_coordinator_hints(alldata_coordinator *coordinator, const char *id);

/** Counted since the beginning, but for those said to be of now. */
typedef struct alldata_coordinator_counters {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t puts;    /**< acknowledged */
    uint64_t failed;  /**< puts that were not */
    uint64_t refused; /**< puts for which there was no room */
    uint64_t stored;  /**< events of other nodes */
    /** Acknowledged, and in fewer nodes than wanted when all was tried: hints were written as far
     * as there were peers to get them. */
    uint64_t under_replicated;
    uint64_t hints_written;
    uint64_t hints_delivered;
    uint64_t hints_dropped; /**< refused again and again, forgotten, or of events that are gone */
    uint64_t hints_pending; /**< now */
    uint64_t peer_sends;    /**< requests to peers */
    uint64_t peer_records;  /**< events in them */
    uint64_t peer_failures; /**< requests to peers that failed */
    uint64_t waiting;       /**< puts that wait, now */
    uint64_t waiting_bytes; /**< now */
} alldata_coordinator_counters;

#define ALLDATA_COORDINATOR_COUNTERS_INIT                                                          \
    { (uint32_t)sizeof(alldata_coordinator_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Fill in the counters as far as the caller knows them. Thread-safe. */
REPLI_API int32_t alldata_coordinator_count(alldata_coordinator *coordinator,
                                            alldata_coordinator_counters *counters,
                                            repli_error *err);

/** ALLDATA_RUN_DISPATCH: the descriptor to wait for, readable when there is something to dispatch,
 *  deadlines included. The same for life; -1 if it has threads, or in a forked child. Thread-safe.
 */
REPLI_API int32_t alldata_coordinator_fd(const alldata_coordinator *coordinator);
/** When there is something to dispatch, in CLOCK_MONOTONIC ns. Thread-safe. */
REPLI_API uint64_t alldata_coordinator_deadline(alldata_coordinator *coordinator);
/** Do what there is to do, and tell results. Waits for nothing but the disk. One thread at a time.
 *  REPLI_ESTATE: it has threads of its own. */
REPLI_API int32_t alldata_coordinator_dispatch(alldata_coordinator *coordinator, repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
