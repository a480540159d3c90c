#ifndef REPLI_DRIVER_SINK_H
#define REPLI_DRIVER_SINK_H

#include <replicante/driver.h>

#include "base/arena.h"

/* What a sink takes; an emit function that does not fit the call returns REPLI_EINVALID. */
enum {
    REPLI__SINK_NODE = 1,
    REPLI__SINK_STORE,
    REPLI__SINK_SHARDS,
    REPLI__SINK_KINDS,
    REPLI__SINK_STEP,
    REPLI__SINK_PLAN,
    REPLI__SINK_CLOSED /* its call has returned */
};

/* More than this is refused: a driver that emits more is in a loop, or has mistaken data for facts
 * about the node. */
#define REPLI__SINK_MAX_ADDRESSES 64u
#define REPLI__SINK_MAX_ATTRIBUTES 1024u
#define REPLI__SINK_MAX_SHARDS (4u << 20)
#define REPLI__SINK_MAX_KINDS 256u
#define REPLI__SINK_MAX_PLAN_STEPS 1024u
/* Bytes of a text for people, such as a reason: longer ones are cut, not refused. */
#define REPLI__SINK_MAX_PROSE 1000u

typedef struct repli__shard_index repli__shard_index;

/*
 * Collects what a driver emits in one call, validated and copied. The first thing refused is kept
 * in error, and nothing is taken after it, so that a driver which ignores the code of an emit
 * function does not get away with it.
 */
struct repli_sink {
    int32_t takes; /* REPLI__SINK_* */
    repli__arena arena;
    repli_error error;

    int32_t status; /* 0: none emitted */
    const char *status_reason;
    repli_store_version version; /* number NULL: none emitted */
    repli_address *addresses;
    size_t address_count, address_capacity;
    repli_attribute *attributes; /* sorted by name, unique */
    size_t attribute_count, attribute_capacity;
    const char *cluster_id;
    repli_shard *shards; /* in the order of emission */
    size_t shard_count, shard_capacity;
    repli_action_kind *kinds;
    size_t kind_count, kind_capacity;
    repli_outcome outcome; /* phase 0: none emitted */
    int32_t ended;         /* of a FAILED one, by the library's own kinds: REPLI_ENDED_*, or 0 */
    repli_plan_step *plan; /* in the order of emission */
    size_t plan_count, plan_capacity;
    repli__shard_index *index; /* finds repeated shard ids */
};

void repli__sink_init(repli_sink *sink, int32_t takes, const repli__mem *mem);
void repli__sink_dispose(repli_sink *sink);
/* Give the shards away: *ret_shards is to be freed with the sink's allocator, and *ret_arena, which
 * is to be disposed, holds their texts. The sink is left without any. */
void repli__sink_take_shards(repli_sink *sink, repli_shard **ret_shards, size_t *ret_count,
                             repli__arena *ret_arena);
/* After the call: report what was refused, and what is missing. Returns the driver's own code if
 * that is not REPLI_OK, else what the sink has to say. On failure err is filled unless the driver
 * did so; give it one that was empty before the call. May be called again. */
int32_t repli__sink_finish(repli_sink *sink, int32_t driver_code, repli_error *err);

/* Nothing is taken any more, from a driver that kept the sink. */
void repli__sink_close(repli_sink *sink);

#endif
