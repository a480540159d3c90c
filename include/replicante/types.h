#ifndef REPLICANTE_TYPES_H
#define REPLICANTE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The datastore model: what an agent says about one node.
 *
 * Text is UTF-8 and NUL-terminated. Whoever fills a record sets struct_size to its sizeof first
 * (the *_INIT macros do) and keeps ownership of everything it points to: the receiver copies.
 * Records only grow at their end. Those that stand in arrays or inside other records do not grow as
 * long as the soname stays, so that what the library hands out can be indexed; a new fact about
 * them gets a function of its own.
 */

/** Status of the node, as far as the agent can tell. */
enum {
    REPLI_STATUS_UNAVAILABLE = 1,     /**< the agent cannot talk to the store */
    REPLI_STATUS_NOT_IN_CLUSTER = 2,  /**< runs, but belongs to no cluster */
    REPLI_STATUS_JOINING_CLUSTER = 3, /**< is becoming a member */
    REPLI_STATUS_LEAVING_CLUSTER = 4, /**< is ceasing to be a member */
    REPLI_STATUS_UNHEALTHY = 5,       /**< a fault is confirmed */
    REPLI_STATUS_HEALTHY = 6,         /**< works as it should */
    REPLI_STATUS_UNKNOWN = 7          /**< could not be told; needs a reason */
};

/** Role of this node for one shard. */
enum {
    REPLI_ROLE_PRIMARY = 1,    /**< makes the updates */
    REPLI_ROLE_SECONDARY = 2,  /**< holds an up to date copy and applies updates */
    REPLI_ROLE_RECOVERING = 3, /**< holds a copy that is being synchronised */
    REPLI_ROLE_OTHER = 4       /**< anything else; needs a reason */
};

/** Type of an attribute's value. */
enum {
    REPLI_VALUE_NULL = 0,
    REPLI_VALUE_STRING = 1,
    REPLI_VALUE_INTEGER = 2,
    REPLI_VALUE_REAL = 3,
    REPLI_VALUE_BOOLEAN = 4
};

/** Units with a spelling of their own on the wire; any other non-empty text is a unit as well. */
#define REPLI_UNIT_SECONDS "seconds"
#define REPLI_UNIT_MILLISECONDS "milliseconds"

/**
 * A named fact. The name is scoped, "domain/name" such as "postgresql.org/timeline"; the domain
 * replicante.io and all below it belong to the library.
 */
typedef struct repli_attribute {
    uint32_t struct_size;
    int32_t type;       /**< REPLI_VALUE_* */
    const char *name;   /**< scoped name */
    const char *string; /**< for REPLI_VALUE_STRING */
    int64_t integer;    /**< for REPLI_VALUE_INTEGER; 0 or 1 for REPLI_VALUE_BOOLEAN */
    double real;        /**< for REPLI_VALUE_REAL; finite */
} repli_attribute;

#define REPLI_ATTRIBUTE_INIT                                                                       \
    { (uint32_t)sizeof(repli_attribute), REPLI_VALUE_NULL, NULL, NULL, 0, 0 }

/** One address of the node under its name: "client", "member" or any other. */
typedef struct repli_address {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    const char *address; /**< such as "host:port" */
} repli_address;

#define REPLI_ADDRESS_INIT                                                                         \
    { (uint32_t)sizeof(repli_address), 0, NULL, NULL }

/** Version of the store's software. */
typedef struct repli_store_version {
    uint32_t struct_size;
    uint32_t reserved;
    const char *number;   /**< semantic version, such as "15.3.0" */
    const char *checkout; /**< revision it was built from, or NULL */
    const char *extra;    /**< anything else, or NULL */
} repli_store_version;

#define REPLI_STORE_VERSION_INIT                                                                   \
    { (uint32_t)sizeof(repli_store_version), 0, NULL, NULL, NULL }

/** Version of the agent. */
typedef struct repli_agent_version {
    uint32_t struct_size;
    uint32_t reserved;
    const char *number;   /**< semantic version */
    const char *checkout; /**< revision it was built from, or "unknown" */
    const char *taint;    /**< "clean", or how the sources differ from the checkout */
} repli_agent_version;

#define REPLI_AGENT_VERSION_INIT                                                                   \
    { (uint32_t)sizeof(repli_agent_version), 0, NULL, NULL, NULL }

/**
 * One shard on this node. A store without sharding has one.
 * An offset never goes back but for a lost write, and its unit does not change.
 */
typedef struct repli_shard {
    uint32_t struct_size;
    int32_t role;            /**< REPLI_ROLE_* */
    const char *id;          /**< the same on all nodes of the cluster */
    const char *role_reason; /**< for REPLI_ROLE_OTHER; else NULL */
    int64_t commit_offset;
    const char *commit_offset_unit; /**< NULL: the store has no offset */
    int64_t lag;
    const char *lag_unit; /**< NULL: the lag is not known here */
} repli_shard;

#define REPLI_SHARD_INIT                                                                           \
    { (uint32_t)sizeof(repli_shard), 0, NULL, NULL, 0, NULL, 0, NULL }

/** Everything known about a node, even while its store is down. */
typedef struct repli_node {
    uint32_t struct_size;
    int32_t status;            /**< REPLI_STATUS_* */
    const char *status_reason; /**< required for REPLI_STATUS_UNKNOWN; NULL if there is none */
    const char *node_id;
    const char *store_id; /**< which software, such as "postgresql" */
    repli_agent_version agent_version;
    repli_store_version store_version; /**< number is NULL while it could not be found out */
    const repli_address *addresses;
    size_t address_count;
    const repli_attribute *attributes; /**< ordered by name, unique */
    size_t attribute_count;
} repli_node;

/** What only a running store can tell. */
typedef struct repli_store_extras {
    uint32_t struct_size;
    uint32_t reserved;
    const char *cluster_id;
    const repli_attribute *attributes; /**< ordered by name, unique */
    size_t attribute_count;
} repli_store_extras;

/** The shards of a node. */
typedef struct repli_shards {
    uint32_t struct_size;
    uint32_t reserved;
    const repli_shard *shards;
    size_t shard_count;
} repli_shards;

/** Phase of an action. DONE and FAILED are final and never change. */
enum {
    REPLI_PHASE_NEW = 1,     /**< waits for its turn */
    REPLI_PHASE_RUNNING = 2, /**< is being stepped; at most one action is */
    REPLI_PHASE_DONE = 3,
    REPLI_PHASE_FAILED = 4
};

/** How an action that is DONE or FAILED came to its end. */
enum {
    REPLI_ENDED_DONE = 1,
    REPLI_ENDED_FAILED = 2,    /**< it could not be done, and the error says why */
    REPLI_ENDED_TIMED_OUT = 3, /**< its deadline passed: unless the error says otherwise, its effect
                                    is unknown */
    REPLI_ENDED_CANCELLED = 4, /**< on request */
    REPLI_ENDED_INTERRUPTED = 5 /**< the agent stopped while it ran, and it could not be resumed:
                                     its effect is unknown */
};

/** A value for times that are not set: INT64_MIN. Times are nanoseconds since 1970 in UTC. */
#define REPLI_TIME_NONE INT64_MIN

/** A string under a name. */
typedef struct repli_header {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    const char *value;
} repli_header;

#define REPLI_HEADER_INIT                                                                          \
    { (uint32_t)sizeof(repli_header), 0, NULL, NULL }

/** A change in an action's life. */
typedef struct repli_transition {
    uint32_t struct_size;
    int32_t phase;            /**< REPLI_PHASE_* reached */
    int64_t time_ns;          /**< when, UTC since 1970 */
    const char *payload_json; /**< progress at that time, or NULL */
    const char *error_json;   /**< or NULL */
} repli_transition;

/** One action asked of the agent: the request and what became of it. */
typedef struct repli_action {
    uint32_t struct_size;
    int32_t phase;         /**< REPLI_PHASE_* */
    const char *id;        /**< UUID in its canonical lower-case form */
    const char *kind;      /**< "domain/name" */
    const char *args_json; /**< never NULL; "null" when there are none */
    const char *requester; /**< who asked, such as "AGENT_API" */
    const repli_header *headers;
    size_t header_count;
    int64_t created_ns;              /**< given with the request, or the time it came */
    int64_t scheduled_ns;            /**< when the agent had it on disk */
    int64_t finished_ns;             /**< REPLI_TIME_NONE until the phase is final */
    const char *payload_json;        /**< progress, owned by the action's implementation; or NULL */
    const char *error_json;          /**< {"error_msg", "error_cause"?, "error_trail"?}, or NULL */
    const repli_transition *history; /**< newest first */
    size_t history_count;
    /* Times that are 0 are not set, as if they were REPLI_TIME_NONE. */
    int64_t deadline_ns;         /**< when it ends at the latest, done or not */
    int64_t not_before_ns;       /**< it waits at least until then */
    int64_t cancel_requested_ns; /**< when it was asked to end while it ran */
    int32_t outcome;             /**< REPLI_ENDED_*; 0 until the phase is final */
    int32_t reserved;
} repli_action;

/** What an event tells of. More types may come: who does not know one skips it. */
enum {
    REPLI_EVENT_STATUS = 1,     /**< the node's status */
    REPLI_EVENT_ROLE = 2,       /**< its role for the shard that is the subject */
    REPLI_EVENT_MEMBERSHIP = 3, /**< subject "cluster": its id; "node": whether it is a member */
    REPLI_EVENT_VERSION = 4,    /**< subject "store" or "agent": its software's version */
    REPLI_EVENT_ACTION = 5,     /**< an action's phase */
    REPLI_EVENT_AGENT = 6,      /**< the agent itself: "started" or "stopped" */
    REPLI_EVENT_MAINTENANCE = 7 /**< the owner of the maintenance, with its reason */
};

/** It happened while no agent watched: found by the first observation after a start. */
#define REPLI_EVENT_AWAY (1u << 0)

/** A change, as the agent's log of events has it. */
typedef struct repli_event {
    uint32_t struct_size;
    int32_t type;    /**< REPLI_EVENT_* */
    int64_t number;  /**< from 1 on, without gaps, never given twice */
    int64_t time_ns; /**< when it was written down, UTC since 1970 */
    uint32_t flags;  /**< REPLI_EVENT_AWAY */
    uint32_t reserved;
    const char *node_id;
    const char *subject;   /**< what changed, by type; NULL: there is just one, or count tells */
    const char *old_value; /**< as on the wire, such as "Secondary"; NULL: was not there */
    const char *new_value; /**< NULL: is not there any more */
    const char *reason;    /**< why, for people; or NULL */
    int64_t count;         /**< of shards that changed so, where there are too many; else 1 */
    const char *cause;     /**< "observed", "action", "request" or "agent" */
    const char *action_id; /**< the action itself, or the one that ran meanwhile; or NULL */
    const char *action_kind;
} repli_event;

#define REPLI_EVENT_INIT                                                                           \
    {                                                                                              \
        (uint32_t)sizeof(repli_event), 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL, \
            NULL                                                                                   \
    }

/** An entry of the list of queued or finished actions. */
typedef struct repli_action_summary {
    uint32_t struct_size;
    int32_t phase;
    const char *id;
    const char *kind;
} repli_action_summary;

/**
 * Maintenance: somebody holds actions up. What runs goes on, and what is scheduled waits for the
 * end, but for kinds that are allowed in it.
 */
typedef struct repli_maintenance {
    uint32_t struct_size;
    uint32_t reserved;
    const char *owner;  /**< who holds them up; 255 bytes at most */
    const char *reason; /**< why: one line of 1024 bytes at most, or NULL */
    int64_t since_ns;   /**< when it began; the agent sets it */
    int64_t until_ns;   /**< when it ends by itself; REPLI_TIME_NONE: not before it is ended */
    /** Kinds that run all the same, NULL-terminated; one that ends with '*' is the beginning of
     *  several. From the agent's configuration; may be NULL. */
    const char *const *allowed;
} repli_maintenance;

#define REPLI_MAINTENANCE_INIT                                                                     \
    { (uint32_t)sizeof(repli_maintenance), 0, NULL, NULL, REPLI_TIME_NONE, REPLI_TIME_NONE, NULL }

#ifdef __cplusplus
}
#endif

#endif
