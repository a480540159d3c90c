#include "agent/snapshot.h"

#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/doc.h"

struct repli_snapshot {
    atomic_uint references;
    repli__mem mem;
    repli__arena arena;
    repli__arena shards_arena; /* texts of the shards, as they were emitted */

    repli_node node;
    repli_store_extras store;
    repli_shards shards;
    repli_error store_error;  /* code REPLI_OK: store is there */
    repli_error shards_error; /* code REPLI_OK: shards is there */

    repli_buf node_json;
    repli_buf store_json;
    repli_buf shards_json;

    uint64_t started_ns;
    uint64_t finished_ns;
    int64_t time_ns;
};

static int32_t copy_text(repli__arena *arena, const char **text) {
    if (*text == NULL)
        return REPLI_OK;
    *text = repli__arena_strdup(arena, *text);
    return *text != NULL ? REPLI_OK : REPLI_ENOMEM;
}

static int32_t copy_attributes(repli__arena *arena, const repli_attribute **attributes,
                               size_t count) {
    repli_attribute *copies = repli__arena_calloc(arena, count, sizeof(*copies));
    if (copies == NULL)
        return REPLI_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (repli__attribute_copy(arena, &copies[i], &(*attributes)[i]) != REPLI_OK)
            return REPLI_ENOMEM;
    *attributes = copies;
    return REPLI_OK;
}

static int32_t copy_addresses(repli__arena *arena, const repli_address **addresses, size_t count) {
    repli_address *copies = repli__arena_calloc(arena, count, sizeof(*copies));
    if (copies == NULL)
        return REPLI_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (repli__address_copy(arena, &copies[i], &(*addresses)[i]) != REPLI_OK)
            return REPLI_ENOMEM;
    *addresses = copies;
    return REPLI_OK;
}

/* Each of these turns a shallow copy into a deep one. */

static int32_t copy_node(repli__arena *arena, repli_node *node) {
    const char **texts[] = {&node->status_reason,
                            &node->node_id,
                            &node->store_id,
                            &node->agent_version.number,
                            &node->agent_version.checkout,
                            &node->agent_version.taint,
                            &node->store_version.number,
                            &node->store_version.checkout,
                            &node->store_version.extra};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (copy_text(arena, texts[i]) != REPLI_OK)
            return REPLI_ENOMEM;
    if (copy_addresses(arena, &node->addresses, node->address_count) != REPLI_OK)
        return REPLI_ENOMEM;
    return copy_attributes(arena, &node->attributes, node->attribute_count);
}

static int32_t copy_store(repli__arena *arena, repli_store_extras *store) {
    if (copy_text(arena, &store->cluster_id) != REPLI_OK)
        return REPLI_ENOMEM;
    return copy_attributes(arena, &store->attributes, store->attribute_count);
}

/* Of these there may be many. */
static void take_shards(repli_snapshot *snapshot, repli_sink *sink) {
    repli_shard *shards;
    snapshot->shards.struct_size = (uint32_t)sizeof(snapshot->shards);
    repli__sink_take_shards(sink, &shards, &snapshot->shards.shard_count, &snapshot->shards_arena);
    snapshot->shards.shards = shards;
    snapshot->shards_arena.mem = &snapshot->mem;
}

static int32_t fill(repli_snapshot *snapshot, const repli__snapshot_parts *parts,
                    repli_error *err) {
    repli__arena *arena = &snapshot->arena;
    snapshot->node = parts->node;
    int32_t code = copy_node(arena, &snapshot->node);
    if (parts->store != NULL) {
        snapshot->store = *parts->store;
        if (code == REPLI_OK)
            code = copy_store(arena, &snapshot->store);
    } else {
        repli__error_copy(&snapshot->store_error, parts->store_error);
    }
    if (parts->shards != NULL) {
        take_shards(snapshot, parts->shards);
    } else {
        repli__error_copy(&snapshot->shards_error, parts->shards_error);
    }
    if (code != REPLI_OK)
        return repli__error_nomem(err, "agent", "making a snapshot");

    code = repli_node_to_json(&snapshot->node, &snapshot->node_json, err);
    if (code == REPLI_OK && parts->store != NULL)
        code = repli_store_extras_to_json(&snapshot->store, &snapshot->store_json, err);
    if (code == REPLI_OK && parts->shards != NULL)
        code = repli_shards_to_json(&snapshot->shards, &snapshot->shards_json, err);
    repli__buf_trim(&snapshot->shards_json);
    return code;
}

int32_t repli__snapshot_new(const repli__snapshot_parts *parts, const repli__mem *mem,
                            repli_snapshot **ret_snapshot, repli_error *err) {
    repli_snapshot *snapshot = repli__calloc(mem, 1, sizeof(*snapshot));
    if (snapshot == NULL)
        return repli__error_nomem(err, "agent", "making a snapshot");
    atomic_init(&snapshot->references, 1);
    snapshot->mem = *mem;
    repli__arena_init(&snapshot->arena, &snapshot->mem);
    repli__arena_init(&snapshot->shards_arena, &snapshot->mem);
    snapshot->node_json.allocator = &snapshot->mem;
    snapshot->store_json.allocator = &snapshot->mem;
    snapshot->shards_json.allocator = &snapshot->mem;
    snapshot->store_error = (repli_error)REPLI_ERROR_INIT;
    snapshot->shards_error = (repli_error)REPLI_ERROR_INIT;
    snapshot->started_ns = parts->started_ns;
    snapshot->finished_ns = parts->finished_ns;
    snapshot->time_ns = parts->time_ns;
    const int32_t code = fill(snapshot, parts, err);
    if (code != REPLI_OK) {
        repli_snapshot_unref(snapshot);
        return code;
    }
    *ret_snapshot = snapshot;
    return REPLI_OK;
}

repli_snapshot *repli_snapshot_ref(repli_snapshot *snapshot) {
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void repli_snapshot_unref(repli_snapshot *snapshot) {
    if (snapshot == NULL ||
        atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) > 1)
        return;
    const repli__mem mem = snapshot->mem;
    repli_buf_dispose(&snapshot->node_json);
    repli_buf_dispose(&snapshot->store_json);
    repli_buf_dispose(&snapshot->shards_json);
    repli__free(&mem, (void *)snapshot->shards.shards);
    repli__arena_dispose(&snapshot->shards_arena);
    repli__arena_dispose(&snapshot->arena);
    repli__free(&mem, snapshot);
}

const repli_node *repli_snapshot_node(const repli_snapshot *snapshot) {
    return &snapshot->node;
}

const repli_store_extras *repli_snapshot_store(const repli_snapshot *snapshot, repli_error *err) {
    if (snapshot->store_error.code == REPLI_OK)
        return &snapshot->store;
    repli__error_copy(err, &snapshot->store_error);
    return NULL;
}

const repli_shards *repli_snapshot_shards(const repli_snapshot *snapshot, repli_error *err) {
    if (snapshot->shards_error.code == REPLI_OK)
        return &snapshot->shards;
    repli__error_copy(err, &snapshot->shards_error);
    return NULL;
}

static const char *json_of(const repli_buf *json, const repli_error *error, size_t *ret_size,
                           repli_error *err) {
    if (error->code != REPLI_OK) {
        repli__error_copy(err, error);
        return NULL;
    }
    if (ret_size != NULL)
        *ret_size = json->size;
    return json->data;
}

const char *repli_snapshot_node_json(const repli_snapshot *snapshot, size_t *ret_size) {
    static const repli_error none = REPLI_ERROR_INIT;
    return json_of(&snapshot->node_json, &none, ret_size, NULL);
}

const char *repli_snapshot_store_json(const repli_snapshot *snapshot, size_t *ret_size,
                                      repli_error *err) {
    return json_of(&snapshot->store_json, &snapshot->store_error, ret_size, err);
}

const char *repli_snapshot_shards_json(const repli_snapshot *snapshot, size_t *ret_size,
                                       repli_error *err) {
    return json_of(&snapshot->shards_json, &snapshot->shards_error, ret_size, err);
}

int64_t repli_snapshot_time_ns(const repli_snapshot *snapshot) {
    return snapshot->time_ns;
}

int64_t repli_snapshot_age_ms(const repli_snapshot *snapshot) {
    const uint64_t now = repli__mono_ns();
    return now > snapshot->finished_ns
               ? (int64_t)((now - snapshot->finished_ns) / (uint64_t)REPLI__NS_PER_MS)
               : 0;
}

uint64_t repli__snapshot_started_ns(const repli_snapshot *snapshot) {
    return snapshot->started_ns;
}

uint64_t repli__snapshot_finished_ns(const repli_snapshot *snapshot) {
    return snapshot->finished_ns;
}
