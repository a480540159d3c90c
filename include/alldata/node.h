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
#include <alldata/keygen.h>
#include <alldata/storage.h>

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
    uint32_t put_flags;         /**< ALLDATA_PUT_SYNC: of every put */
    int32_t commit;             /**< ALLDATA_COMMIT_* */
    int32_t replication_factor; /**< 1 to 15; 0: 1 */
    uint64_t timeout_ms;        /**< of a put; 0: 5000 */
    uint64_t max_waiting_bytes; /**< as of alldata_coordinator_options */
    const char *zone;           /**< 1 to 128 bytes */
    const char *region;         /**< 1 to 128 bytes */
    alldata_clock_fn clock;     /**< NULL: that of the system */
    void *clock_data;
    repli_log_fn log; /**< NULL: silent */
    void *log_data;
    int32_t log_level; /**< REPLI_LOG_*; 0: REPLI_LOG_INFO */
    int32_t reserved;
} alldata_node_options;

#define ALLDATA_NODE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        (uint32_t)sizeof(alldata_node_options), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, \
            0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0                                   \
    }

/**
 * A node whose storage is open, and which listens for gossip if it is to have peers, but does
 * nothing yet. allocator may be NULL. Thread-safe.
 *
 * REPLI_EINVALID: an option is wrong. REPLI_EBUSY: another process has the directory.
 * REPLI_ECONFLICT: the directory is that of another node or another cluster. REPLI_ECORRUPT: what
 * is in it is damaged; nothing was changed.
 */
REPLI_API int32_t alldata_node_new(const alldata_node_options *options,
                                   const repli_allocator *allocator, alldata_node **ret_node,
                                   repli_error *err);
/** Begin. In ALLDATA_RUN_THREADS threads are started. */
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
    int64_t started_ns;   /**< UTC, in ns since 1970 */
    int32_t number;       /**< of the node, in its keys */
    int32_t writable;     /**< 0: the last commit to the storage failed */
    uint64_t events;      /**< that this node has, as far as they are counted */
    uint64_t uncounted;   /**< intervals whose events are still to be counted */
    char storage_error[REPLI_ERROR_MESSAGE_SIZE]; /**< why it is not writable; else empty */
} alldata_node_status;

#define ALLDATA_NODE_STATUS_INIT                                                                   \
    {                                                                                              \
        (uint32_t)sizeof(alldata_node_status), 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0,  \
            0, {                                                                                   \
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
    int32_t counted; /**< 0: there are more events than said, which are being counted */
    int32_t reserved;
    uint64_t events;                 /**< that this node has */
    int64_t last_ns;                 /**< time of its last key, UTC, in ns since 1970; 0: none */
    char last_key[ALLDATA_KEY_SIZE]; /**< empty: none */
} alldata_node_interval;

/** Takes an interval, which dies when it returns; not 0: no more of them. */
typedef int32_t (*alldata_node_interval_fn)(void *user_data, const alldata_node_interval *interval);

/** The intervals that there are, oldest first. Thread-safe. */
REPLI_API int32_t alldata_node_intervals(alldata_node *node, alldata_node_interval_fn take,
                                         void *user_data, repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
