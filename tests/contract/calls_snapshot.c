#include <stdatomic.h>
#include <string.h>

#include "calls_agent.h"

/* Status. */

int32_t call_repli_agent_snapshot(world *w, repli_error *err) {
    repli_snapshot *snapshot = UNSET;
    const int32_t code = repli_agent_snapshot(w->host.agent, &snapshot, err);
    if (code != REPLI_OK)
        REQUIRE(snapshot == UNSET);
    else
        repli_snapshot_unref(snapshot);
    return code;
}

static void count_observation(void *user_data, repli_snapshot *snapshot) {
    (void)snapshot;
    atomic_fetch_add((atomic_int *)user_data, 1);
}

int32_t call_repli_agent_observe(world *w, repli_error *err) {
    atomic_int told = 0;
    const int32_t code =
        repli_agent_observe(w->host.agent, 0, 20000, count_observation, &told, err);
    for (int i = 0; code == REPLI_OK && i < PARTY_TURNS && atomic_load(&told) == 0; i++)
        pause_ms(5);
    REQUIRE(atomic_load(&told) == (code == REPLI_OK));
    return code;
}

int32_t fail_repli_agent_observe_REPLI_EINVALID(world *w, repli_error *err) {
    return repli_agent_observe(w->host.agent, 0, 0, NULL, NULL, err);
}

int32_t fail_repli_agent_observe_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    atomic_int told = 0;
    DONE_WITH(own, repli_agent_observe(own.agent, 0, 0, count_observation, &told, err));
}

int32_t fail_repli_agent_observe_REPLI_ENOMEM(world *w, repli_error *err) {
    atomic_int told = 0;
    WITHOUT_MEMORY(repli_agent_observe(own.agent, 0, 0, count_observation, &told, err));
}

/* Snapshots. */

int32_t call_repli_snapshot_ref(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_snapshot_ref(w->snapshot) == w->snapshot);
    repli_snapshot_unref(w->snapshot);
    return REPLI_OK;
}

int32_t call_repli_snapshot_unref(world *w, repli_error *err) {
    repli_snapshot_unref(NULL);
    return call_repli_snapshot_ref(w, err);
}

int32_t call_repli_snapshot_node(world *w, repli_error *err) {
    (void)err;
    REQUIRE(strcmp(repli_snapshot_node(w->snapshot)->node_id, "node-1") == 0);
    return REPLI_OK;
}

int32_t call_repli_snapshot_store(world *w, repli_error *err) {
    const repli_store_extras *store = repli_snapshot_store(w->snapshot, err);
    REQUIRE(store != NULL && strcmp(store->cluster_id, "fake-cluster") == 0);
    return REPLI_OK;
}

int32_t call_repli_snapshot_shards(world *w, repli_error *err) {
    const repli_shards *shards = repli_snapshot_shards(w->snapshot, err);
    REQUIRE(shards != NULL && shards->shard_count == 1);
    return REPLI_OK;
}

#define JSON(text) ((text) != NULL && strlen(text) == size && size > 1)

int32_t call_repli_snapshot_node_json(world *w, repli_error *err) {
    (void)err;
    size_t size = 0;
    const char *text = repli_snapshot_node_json(w->snapshot, &size);
    REQUIRE(JSON(text) && repli_snapshot_node_json(w->snapshot, NULL) == text);
    return REPLI_OK;
}

int32_t call_repli_snapshot_store_json(world *w, repli_error *err) {
    size_t size = 0;
    const char *text = repli_snapshot_store_json(w->snapshot, &size, err);
    REQUIRE(JSON(text) && repli_snapshot_store_json(w->snapshot, NULL, err) == text);
    return REPLI_OK;
}

int32_t call_repli_snapshot_shards_json(world *w, repli_error *err) {
    size_t size = 0;
    const char *text = repli_snapshot_shards_json(w->snapshot, &size, err);
    REQUIRE(JSON(text) && repli_snapshot_shards_json(w->snapshot, NULL, err) == text);
    return REPLI_OK;
}

/* What TAKE says of a snapshot of a node that was never observed. */
#define BEFORE_ANY(take)                                                                           \
    (void)w;                                                                                       \
    MAKE(own);                                                                                     \
    repli_snapshot *snapshot = NULL;                                                               \
    REQUIRE(repli_agent_snapshot(own.agent, &snapshot, NULL) == REPLI_OK);                         \
    repli_error error = REPLI_ERROR_INIT;                                                          \
    size_t size = 4711;                                                                            \
    REQUIRE((take) == NULL && size == 4711);                                                       \
    repli_snapshot_unref(snapshot);                                                                \
    if (err != NULL)                                                                               \
        *err = error;                                                                              \
    DONE_WITH(own, error.code)

int32_t fail_repli_snapshot_store_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_store(snapshot, &error));
}

int32_t fail_repli_snapshot_shards_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_shards(snapshot, &error));
}

int32_t fail_repli_snapshot_store_json_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_store_json(snapshot, &size, &error));
}

int32_t fail_repli_snapshot_shards_json_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_shards_json(snapshot, &size, &error));
}

int32_t call_repli_snapshot_time_ns(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_snapshot_time_ns(w->snapshot) > INT64_C(1700000000000000000));
    return REPLI_OK;
}

int32_t call_repli_snapshot_age_ms(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_snapshot_age_ms(w->snapshot) >= 0);
    return REPLI_OK;
}
