#ifndef ALLDATA_NODE_H
#define ALLDATA_NODE_H

/*
 * A whole node: keys, storage, membership, coordinator. With nothing but a location it is a store
 * of events within its host's process; with a transport and a place to gossip it is a member of a
 * cluster.
 */

#include <stddef.h>
#include <stdint.h>

#include <alldata/coordinator.h>
#include <alldata/gossip.h>
#include <alldata/keygen.h>
#include <alldata/storage.h>
#include <alldata/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alldata_node alldata_node;

/** Use ALLDATA_NODE_OPTIONS_INIT. NULL and 0 mean the default. */
typedef struct alldata_node_options {
    uint32_t struct_size;
    int32_t run_mode;     /**< ALLDATA_RUN_* */
    const char *id;       /**< 1 to 128 bytes; NULL: one is made, and kept in the directory */
    const char *cluster;  /**< its name; NULL: "alldata" */
    const char *location; /**< directory, made if there is none; needed */
    const char *events;   /**< location of the module; NULL: "events" in the directory */
    const char *interval; /**< as of alldata_storage_options */
    const alldata_storage_module *module;
    const alldata_setting *settings;
    size_t setting_count;
    uint32_t put_flags;                 /**< ALLDATA_PUT_SYNC: of every put */
    int32_t commit;                     /**< ALLDATA_COMMIT_* */
    int32_t replication_factor;         /**< 1 to 15; 0: 1 */
    int32_t other_zones;                /**< replicas in other zones of this region */
    int32_t other_regions;              /**< replicas in other regions */
    int32_t http_port;                  /**< of the server for peers, which others are told */
    uint64_t timeout_ms;                /**< of a put; 0: 5000 */
    uint64_t peer_timeout_ms;           /**< for a peer to answer; 0: 1000 */
    uint64_t max_waiting_bytes;         /**< as of alldata_coordinator_options */
    const alldata_transport *transport; /**< NULL: a node without peers */
    const char *gossip_listen;          /**< "host:port"; NULL: a node without peers */
    const char *gossip_advertise;       /**< as of alldata_gossip_options */
    const char *http_host;              /**< likewise */
    const char *const *seeds;           /**< likewise */
    size_t seed_count;
    const char *zone;   /**< 1 to 128 bytes */
    const char *region; /**< 1 to 128 bytes */
    uint32_t round_ms;  /**< of the gossip */
    uint32_t reserved;
    uint64_t repair_interval_ms; /**< between rounds of the repair; 0: 60000; UINT64_MAX: only when
                                      it is asked for */
    uint64_t repair_settle_ms;   /**< what is younger is left alone by it; 0: 5000 */
    uint64_t repair_bytes_per_s; /**< most that it reads and sends; 0: 32 MiB */
    alldata_clock_fn clock;      /**< NULL: that of the system */
    void *clock_data;
    repli_log_fn log; /**< NULL: silent */
    void *log_data;
    int32_t log_level; /**< REPLI_LOG_*; 0: REPLI_LOG_INFO */
    int32_t reserved2;
} alldata_node_options;

#define ALLDATA_NODE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        (uint32_t)sizeof(alldata_node_options), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, \
            0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0, 0, 0, 0, 0,    \
            NULL, NULL, NULL, NULL, 0, 0                                                           \
    }

/**
 * A node whose storage is open, and which listens for gossip if it is to have peers, but does
 * nothing yet. allocator may be NULL. Thread-safe.
 *
 * REPLI_EINVALID: an option is wrong. REPLI_EBUSY: another process has the directory, or the port.
 * REPLI_ECONFLICT: the directory is that of another node or another cluster. REPLI_ECORRUPT: what
 * is in it is damaged; nothing was changed.
 */
REPLI_API int32_t alldata_node_new(const alldata_node_options *options,
                                   const repli_allocator *allocator, alldata_node **ret_node,
                                   repli_error *err);
/** The port of the server for peers, where it is known only after alldata_node_new(). Before the
 *  start. */
REPLI_API int32_t alldata_node_set_http_port(alldata_node *node, int32_t port, repli_error *err);
/** Begin: gossip, coordinate. In ALLDATA_RUN_THREADS threads are started. */
REPLI_API int32_t alldata_node_start(alldata_node *node, repli_error *err);
/** End and close everything. Puts that wait end with REPLI_ECANCELLED. NULL is fine. */
REPLI_API void alldata_node_free(alldata_node *node);

/** ALLDATA_RUN_DISPATCH: a descriptor that is readable when there is something to dispatch,
 *  deadlines included, the same for life; -1 in a forked child. Thread-safe. */
REPLI_API int32_t alldata_node_fd(const alldata_node *node);
/** When there is something to dispatch, in CLOCK_MONOTONIC ns. Thread-safe. */
REPLI_API uint64_t alldata_node_deadline(alldata_node *node);
/** Do what there is to do. Waits for nothing but the disk. One thread at a time. */
REPLI_API int32_t alldata_node_dispatch(alldata_node *node, repli_error *err);

/** As alldata_coordinator_put(). Thread-safe. */
REPLI_API int32_t alldata_node_put(alldata_node *node, const alldata_put *puts, size_t count,
                                   alldata_put_fn done, void *user_data, repli_error *err);
/** Put one event and wait until it is decided: in ALLDATA_RUN_THREADS, or in another thread than
 *  the one that dispatches. The code is that of the result, whose error is NULL: it is in err.
 *  Thread-safe. */
REPLI_API int32_t alldata_node_put_wait(alldata_node *node, const alldata_put *put,
                                        alldata_put_result *ret_result, repli_error *err);

/** Its parts, which live as long as it does. Thread-safe. */
REPLI_API alldata_storage *alldata_node_storage(alldata_node *node);
REPLI_API alldata_coordinator *alldata_node_coordinator(alldata_node *node);
/** NULL if it has no peers. */
REPLI_API alldata_gossip *alldata_node_gossip(alldata_node *node);

/** Ask "host:port" as a seed of the gossip, now and as long as the node runs. REPLI_EDONE: it is
 * one already. REPLI_ESTATE: the node has no peers. Thread-safe. */
REPLI_API int32_t alldata_node_join(alldata_node *node, const char *address, repli_error *err);
/**
 * A dead peer is not to come back: forget it, and the hints for it, of which ret_hints (may be
 * NULL) tells how many there were. REPLI_ENOTFOUND: there is no such peer. REPLI_ECONFLICT: it
 * lives. REPLI_ESTATE: the node has no peers. Thread-safe.
 */
REPLI_API int32_t alldata_node_forget(alldata_node *node, const char *id, uint64_t *ret_hints,
                                      repli_error *err);

/** What can be told of a node. Texts live as long as the node. */
typedef struct alldata_node_status {
    uint32_t struct_size;
    int32_t replication_factor;
    const char *id;
    const char *cluster;
    const char *version;
    const char *zone;     /**< NULL: none */
    const char *region;   /**< NULL: none */
    const char *location; /**< its directory */
    const char *gossip;   /**< "host:port" where it gossips, as others know it; NULL: it does not */
    const char *peers;    /**< "host:port" of its server for peers; NULL: not known */
    int64_t started_ns;   /**< UTC, in ns since 1970 */
    int32_t number;       /**< of the node, in its keys */
    int32_t writable;     /**< 0: the last commit to the storage failed */
    int64_t clock_ahead_ms; /**< of this node's clock before that of most peers, about */
    uint64_t peers_live;
    uint64_t peers_dead;
    uint64_t hints_pending; /**< copies of events that wait for peers that are away */
    uint64_t missing;       /**< copies of events that the repair has to hand over */
    uint64_t repairs_asked; /**< calls of alldata_node_repair() */
    uint64_t repairs_done;  /**< of those, in their order */
    int64_t repaired_ns; /**< end of the last round of the repair that all peers took part in, UTC;
                              0: none */
    int32_t repairing;   /**< a round is in progress */
    int32_t reserved;
    uint64_t events;    /**< that this node has, as far as they are counted */
    uint64_t uncounted; /**< intervals whose events are still to be counted */
    char storage_error[REPLI_ERROR_MESSAGE_SIZE]; /**< why it is not writable; else empty */
} alldata_node_status;

#define ALLDATA_NODE_STATUS_INIT                                                                   \
    {                                                                                              \
        (uint32_t)sizeof(alldata_node_status), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,  \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {                                         \
            0                                                                                      \
        }                                                                                          \
    }

/** Fill in the status as far as the caller knows it. Thread-safe. */
REPLI_API int32_t alldata_node_status_get(alldata_node *node, alldata_node_status *status,
                                          repli_error *err);

/** An interval of this node. */
typedef struct alldata_node_interval {
    uint32_t struct_size;
    int32_t state; /**< ALLDATA_INTERVAL_* */
    const char *name;
    int32_t counted;   /**< 0: there are more events than said, which are being counted */
    int32_t repairing; /**< a round of the repair is in progress, and copies are missing */
    uint64_t events;   /**< that this node has */
    uint64_t missing;  /**< copies of them that the repair has to hand over */
    int64_t last_ns;   /**< time of its last key, UTC, in ns since 1970; 0: none */
    int32_t reserved;
    char last_key[ALLDATA_KEY_SIZE]; /**< empty: none */
} alldata_node_interval;

/** Takes an interval, which dies when it returns; not 0: no more of them. */
typedef int32_t (*alldata_node_interval_fn)(void *user_data, const alldata_node_interval *interval);

/** The intervals that there are, oldest first. Thread-safe. */
REPLI_API int32_t alldata_node_intervals(alldata_node *node, alldata_node_interval_fn take,
                                         void *user_data, repli_error *err);

/** A repair has ended. code: REPLI_OK if all was looked at, REPLI_ENOQUORUM if a peer did not
 * answer, REPLI_ECANCELLED if the node is freed. looked_at: events of this node; repaired: copies
 * handed over; missing: copies still to be handed over. On a thread of the node's, or within
 * dispatch; must not block. */
typedef void (*alldata_repaired_fn)(void *user_data, int32_t code, uint64_t looked_at,
                                    uint64_t repaired, uint64_t missing);

/**
 * Have the repair look at an interval (NULL: at everything) as soon as it can. done may be NULL; it
 * is called exactly once, unless an error is returned, for a node without peers within the call.
 * REPLI_EINVALID: that is no name of an interval. Thread-safe.
 */
REPLI_API int32_t alldata_node_repair(alldata_node *node, const char *interval,
                                      alldata_repaired_fn done, void *user_data, repli_error *err);

/**
 * Append to ret_text what this node says to GET of target on the server for peers, as
 * alldata-http(7) has it. Waits for the disk, for a bounded piece. REPLI_ENOTFOUND: there is no
 * such target. REPLI_EINVALID: its query is wrong. Thread-safe.
 */
REPLI_API int32_t alldata_node_serve(alldata_node *node, const char *target, repli_buf *ret_text,
                                     repli_error *err);

/** Events of the whole cluster. */
typedef struct alldata_cluster_scan alldata_cluster_scan;

/**
 * Begin to read the events of all nodes that live: each once, in the order of keys. options may be
 * NULL, and are as those of alldata_scan_new(), but that an interval is what lies in its time.
 * Thread-safe.
 */
REPLI_API int32_t alldata_cluster_scan_new(alldata_node *node, const alldata_scan_options *options,
                                           alldata_cluster_scan **ret_scan, repli_error *err);
/**
 * The next record, which lives until the next call for this scan. Waits for peers, so not in the
 * thread that dispatches. REPLI_EDONE: there are no more. REPLI_ENOQUORUM: neither, but as many
 * nodes do not answer as an event has replicas, so that events may be missing. A scan belongs to
 * one thread at a time.
 */
REPLI_API int32_t alldata_cluster_scan_next(alldata_cluster_scan *scan, alldata_record *ret_record,
                                            repli_error *err);
/**
 * The same, but waits for nothing but the disk, so that the thread that dispatches may call it.
 * REPLI_ENOTREADY: a peer has not answered yet. Nothing was taken: try again once told. A peer that
 * never answers is given up at its deadline, and counts as one that does not.
 */
REPLI_API int32_t alldata_cluster_scan_try(alldata_cluster_scan *scan, alldata_record *ret_record,
                                           repli_error *err);
/** A peer has answered, so that there may be more to read, unless it waits for another. */
typedef void (*alldata_ready_fn)(void *user_data);
/**
 * Have ready called whenever a peer has answered, on a thread of the transport's or within its
 * dispatch: it must not block, use the scan, or wait for who does. NULL: nobody is told. Waits for
 * a call in progress, and the former ready is not called any more; nor is any once the scan was
 * freed. Nothing is told of what came before, so it is set before the first try. One thread at a
 * time, as for the rest.
 */
REPLI_API int32_t alldata_cluster_scan_set_ready(alldata_cluster_scan *scan, alldata_ready_fn ready,
                                                 void *user_data, repli_error *err);
/** Before the node. NULL is fine. */
REPLI_API void alldata_cluster_scan_free(alldata_cluster_scan *scan);

/**
 * Write a closed interval of all nodes into a file, as alldata_storage_export() that of one. It is
 * written only if nothing can be missing: else it is REPLI_ENOQUORUM. Waits for peers, so not in
 * the thread that dispatches. Thread-safe.
 */
REPLI_API int32_t alldata_cluster_export(alldata_node *node, const char *interval, const char *path,
                                         repli_error *err);

/** The same, piece by piece, for a thread that must not wait. */
typedef struct alldata_exporter alldata_exporter;

/** Begin; the first step may be at once. ready is as of alldata_cluster_scan_set_ready(), and may
 * be called before this returns. Thread-safe. */
REPLI_API int32_t alldata_exporter_new(alldata_node *node, const char *interval, const char *path,
                                       alldata_ready_fn ready, void *user_data,
                                       alldata_exporter **ret_exporter, repli_error *err);
/**
 * Write some of it, waiting for nothing but the disk. REPLI_OK: there is more. REPLI_ENOTREADY: a
 * peer has not answered yet, so go on once told. REPLI_EDONE: the file is there. Other codes, as of
 * alldata_cluster_export(): it will not be. One thread at a time.
 */
REPLI_API int32_t alldata_exporter_step(alldata_exporter *exporter, repli_error *err);
/** Before the node. What is not done is given up. NULL is fine. */
REPLI_API void alldata_exporter_free(alldata_exporter *exporter);

#ifdef __cplusplus
}
#endif

#endif
