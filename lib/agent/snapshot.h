#ifndef REPLI_AGENT_SNAPSHOT_H
#define REPLI_AGENT_SNAPSHOT_H

#include <replicante/agent.h>

#include "base/mem.h"
#include "driver/sink.h"

/*
 * What a snapshot is made of. All but the shards is copied, and the JSON is encoded at once: what
 * clients get is a matter of reading. A snapshot keeps its allocator by value, since it may outlive
 * the agent it came from.
 */
typedef struct repli__snapshot_parts {
    repli_node node;
    const repli_store_extras *store; /* or NULL, and then */
    const repli_error *store_error;  /* why */
    repli_sink *shards;              /* they are taken from it; or NULL, and then */
    const repli_error *shards_error; /* why */
    uint64_t started_ns;             /* monotonic begin of the observation; 0: there was none */
    uint64_t finished_ns;            /* monotonic end of it */
    int64_t time_ns;                 /* the same by the calendar */
} repli__snapshot_parts;

int32_t repli__snapshot_new(const repli__snapshot_parts *parts, const repli__mem *mem,
                            repli_snapshot **ret_snapshot, repli_error *err);

/* Monotonic begin of the observation behind it; 0 if there was none yet. */
uint64_t repli__snapshot_started_ns(const repli_snapshot *snapshot);
/* Monotonic end of that observation. */
uint64_t repli__snapshot_finished_ns(const repli_snapshot *snapshot);

#endif
