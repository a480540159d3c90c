#ifndef ALLDATA_GOSSIP_H
#define ALLDATA_GOSSIP_H

/*
 * Membership: who else is there, where it serves, and what else it has published. Nodes gossip over
 * TCP, as those of gossipmonger do, which take part as peers like any other.
 *
 * A node is driven by its host, with alldata_gossip_fd(), alldata_gossip_deadline() and
 * alldata_gossip_dispatch(), or by threads of its own, with alldata_gossip_start().
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>
#include <replicante/error.h>
#include <replicante/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One node's membership. */
typedef struct alldata_gossip alldata_gossip;

/** States of a peer. */
enum {
    ALLDATA_PEER_LIVE = 1, /**< it has spoken, and is not missed */
    ALLDATA_PEER_DEAD = 2  /**< it was live, and gives no sign of life */
};

/** What is known of a peer. Texts belong to whoever hands the record out. */
typedef struct alldata_peer {
    uint32_t struct_size;
    int32_t state; /**< ALLDATA_PEER_* */
    const char *id;
    const char *gossip_host;
    int32_t gossip_port;
    int32_t http_port;     /**< of its server for peers; 0: not known yet */
    const char *http_host; /**< NULL: not known yet */
    const char *zone;      /**< NULL: has none, or not known yet */
    const char *region;    /**< likewise */
    int64_t since_ns;      /**< when its state began, UTC, in ns since 1970 */
    int64_t started_ns;    /**< when its process started, by its own clock; 0: not known */
    double phi;            /**< how surprising its silence is; 8 is the reference's limit */
    int32_t native;        /**< not 0 if it is one of our own make */
    int32_t reserved;
    int64_t ahead_ms; /**< of its clock before this node's, about; 0 too if it does not say */
} alldata_peer;

/** What happens to peers. Numbers are never reused; unknown ones are to be ignored. */
enum {
    ALLDATA_GOSSIP_LIVE = 1,      /**< a peer has come, or come back */
    ALLDATA_GOSSIP_DEAD = 2,      /**< a peer gives no sign of life */
    ALLDATA_GOSSIP_RESTARTED = 3, /**< a peer is another process than before, or elsewhere */
    ALLDATA_GOSSIP_KEY = 4,       /**< a peer has published a value */
    ALLDATA_GOSSIP_FORGOTTEN = 5  /**< a peer was dead for so long that nothing is kept of it */
};

/** Something that happened. All of it is valid until the call that tells of it returns. */
typedef struct alldata_gossip_event {
    uint32_t struct_size;
    int32_t kind; /**< ALLDATA_GOSSIP_* */
    const alldata_peer *peer;
    const char *key;   /**< of ALLDATA_GOSSIP_KEY, else NULL */
    const char *value; /**< its JSON, compact, else NULL */
} alldata_gossip_event;

/** Takes events, in order, in the thread that dispatches. May call the gossip, but neither dispatch
 *  nor free it. */
typedef void (*alldata_gossip_event_fn)(const alldata_gossip_event *event, void *user_data);

/** Takes one peer; not 0 ends the walk. Must not call the gossip. */
typedef int32_t (*alldata_peer_fn)(const alldata_peer *peer, void *user_data);

/** Use ALLDATA_GOSSIP_OPTIONS_INIT. NULL and 0 mean the default, or none where there is none. */
typedef struct alldata_gossip_options {
    uint32_t struct_size;
    int32_t http_port;        /**< of this node's server for peers; 0: publish none */
    const char *id;           /**< of this node: 1 to 128 bytes, like no other's; needed */
    const char *listen;       /**< "host:port"; port 0: any; default "127.0.0.1:9742" */
    const char *advertise;    /**< "host:port" or host by which others reach it; default: listen */
    const char *const *seeds; /**< "host:port" each; its own may be among them */
    size_t seed_count;
    const char *http_host; /**< default: as advertised */
    const char *zone;      /**< 1 to 128 bytes */
    const char *region;    /**< 1 to 128 bytes */
    uint32_t round_ms;     /**< between rounds, 50 to 60000; default 1000, like all others */
    uint32_t max_peers;    /**< most that are known at a time, 1 to 100000; default 1024 */
    uint64_t forget_ms;    /**< after its death, a peer is forgotten; default a day */
    alldata_gossip_event_fn event;
    void *event_data;
    repli_log_fn log;
    void *log_data;
    int32_t log_level; /**< REPLI_LOG_*; default REPLI_LOG_INFO */
    int32_t reserved;
} alldata_gossip_options;

#define ALLDATA_GOSSIP_OPTIONS_INIT                                                                \
    {                                                                                              \
        (uint32_t)sizeof(alldata_gossip_options), 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL,  \
            0, 0, 0, NULL, NULL, NULL, NULL, 0, 0                                                  \
    }

/** Counts since the beginning, but for the first two. */
typedef struct alldata_gossip_counters {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t live;          /**< peers, now */
    uint64_t dead;          /**< peers, now */
    uint64_t hearsay;       /**< peers others tell of, now, which have not spoken yet */
    uint64_t deaths;        /**< times that a peer died */
    uint64_t returns;       /**< times that a peer came, or came back */
    uint64_t restarts;      /**< times that a peer was another process */
    uint64_t frames_in;     /**< frames received */
    uint64_t bytes_in;      /**< bytes received */
    uint64_t frames_out;    /**< frames sent */
    uint64_t bytes_out;     /**< bytes sent */
    uint64_t bad_frames;    /**< frames that were ignored */
    uint64_t bad_parts;     /**< parts of frames and values that were */
    uint64_t dropped_in;    /**< connections cut: too many, too slow or too long */
    uint64_t dropped_out;   /**< frames not sent: too many, or to a name that is not known */
    uint64_t failed_out;    /**< frames that could not be delivered */
    uint64_t refused_peers; /**< peers for which there was no room */
    uint64_t namesakes;     /**< frames from elsewhere under this node's own id */
    uint64_t out_of_memory; /**< what was left undone for want of memory */
} alldata_gossip_counters;

#define ALLDATA_GOSSIP_COUNTERS_INIT                                                               \
    {                                                                                              \
        (uint32_t)sizeof(alldata_gossip_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0                                                                                \
    }

/**
 * A node that listens, and does nothing else yet. allocator may be NULL. It publishes transport,
 * if it has an HTTP port, and location, if it has zone or region. Names in listen are looked up,
 * which may block. Thread-safe.
 *
 * REPLI_EINVALID: an option is wrong. REPLI_EBUSY: the port is in use. REPLI_EIO: it cannot listen
 * there. REPLI_EFULL: there are no more descriptors.
 */
REPLI_API int32_t alldata_gossip_new(const alldata_gossip_options *options,
                                     const repli_allocator *allocator, alldata_gossip **ret_gossip,
                                     repli_error *err);
/** Stop and free. NULL is fine. Waits for a name that is being looked up, if there are threads. Not
 *  from an event. */
REPLI_API void alldata_gossip_free(alldata_gossip *gossip);

/** Have it driven by threads of its own: one that gossips, one that looks up names. REPLI_ESTATE:
 *  it was started or dispatched before. Thread-safe. */
REPLI_API int32_t alldata_gossip_start(alldata_gossip *gossip, repli_error *err);

/** The descriptor to wait for: readable when there is something to dispatch, deadlines included.
 *  The same for life; -1 in a forked child. Thread-safe. */
REPLI_API int32_t alldata_gossip_fd(const alldata_gossip *gossip);
/** When there is something to dispatch, in CLOCK_MONOTONIC ns. Thread-safe. */
REPLI_API uint64_t alldata_gossip_deadline(alldata_gossip *gossip);
/** Do what there is to do, without waiting, and tell of events. One thread at a time. A host name,
 *  where an address would do, is looked up in here, which may block. REPLI_EBUSY: it is being
 *  dispatched. REPLI_ESTATE: it has threads of its own. */
REPLI_API int32_t alldata_gossip_dispatch(alldata_gossip *gossip, repli_error *err);

/** The port that it listens on. Thread-safe. */
REPLI_API int32_t alldata_gossip_port(const alldata_gossip *gossip);

/**
 * Publish a value, JSON of size bytes other than null, of up to 4096 bytes; others learn of it
 * within a few rounds. A node publishes up to five keys, of up to 64 bytes, transport and location
 * included. REPLI_EINVALID: key or value is not fit. REPLI_EFULL: too many keys or bytes.
 * Thread-safe.
 */
REPLI_API int32_t alldata_gossip_set(alldata_gossip *gossip, const char *key, const char *json,
                                     size_t size, repli_error *err);
/** Append the value of a peer's key, or of this node's own if id is its, to ret_json.
 *  REPLI_ENOTFOUND: there is no such peer or key. Thread-safe. */
REPLI_API int32_t alldata_gossip_get(alldata_gossip *gossip, const char *id, const char *key,
                                     repli_buf *ret_json, repli_error *err);
/** Call fn for each peer, in no order; hearsay is none. Thread-safe. */
REPLI_API int32_t alldata_gossip_peers(alldata_gossip *gossip, alldata_peer_fn fn, void *user_data,
                                       repli_error *err);
/** Fill in the counters as far as the caller knows them. Thread-safe. */
REPLI_API int32_t alldata_gossip_count(alldata_gossip *gossip, alldata_gossip_counters *counters,
                                       repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
