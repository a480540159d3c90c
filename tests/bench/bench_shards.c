/*
 * bench_shards DIRECTORY: a driver with 100,000 shards. One observation of it, in which they are
 * emitted, validated, compared with those before, and encoded, beside jansson printing the same
 * document from a tree that is there already.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <replicante/agent.h>

#include "base/clock.h"
#include "figures.h"
#include "plain.h"
#include "queue.h"

enum { SHARDS = 100000 };

/* Counts what it gives away. */

typedef struct meter {
    pthread_mutex_t mutex;
    size_t now, peak;
} meter;

typedef union block {
    size_t size;
    max_align_t align;
} block;

static void count(meter *it, size_t more, size_t less) {
    pthread_mutex_lock(&it->mutex);
    it->now += more - less;
    if (it->now > it->peak)
        it->peak = it->now;
    pthread_mutex_unlock(&it->mutex);
}

static void *metered_realloc(void *ptr, size_t size, void *user_data) {
    block *old = ptr != NULL ? (block *)ptr - 1 : NULL;
    const size_t before = old != NULL ? old->size : 0;
    block *it = realloc(old, sizeof(block) + size);
    if (it == NULL)
        return NULL;
    it->size = size;
    count(user_data, size, before);
    return it + 1;
}

static void *metered_malloc(size_t size, void *user_data) {
    return metered_realloc(NULL, size, user_data);
}

static void metered_free(void *ptr, void *user_data) {
    if (ptr == NULL)
        return;
    count(user_data, 0, ((block *)ptr - 1)->size);
    free((block *)ptr - 1);
}

/* The driver. */

static int64_t offset; /* moves on with each observation */

static int32_t open_driver(const repli_host *host, const char *config_json, size_t config_size,
                           void **ret_self, repli_error *err) {
    (void)config_json;
    (void)config_size;
    (void)err;
    *ret_self = (void *)host;
    return REPLI_OK;
}

static void close_driver(void *self) {
    (void)self;
}

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return ((const repli_host *)self)->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
}

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return ((const repli_host *)self)->emit_cluster_id(sink, "bench");
}

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    char id[32];
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = id;
    shard.commit_offset_unit = "bytes";
    shard.lag_unit = REPLI_UNIT_MILLISECONDS;
    int32_t code = REPLI_OK;
    offset += 1000;
    for (int i = 0; i < SHARDS && code == REPLI_OK; i++) {
        snprintf(id, sizeof(id), "topic-%d/partition-%d", i / 64, i % 64);
        shard.role = i % 3 == 0 ? REPLI_ROLE_PRIMARY : REPLI_ROLE_SECONDARY;
        shard.commit_offset = offset * 1000 + i;
        shard.lag = i % 3 == 0 ? 0 : i % 1000;
        code = ((const repli_host *)self)->emit_shard(sink, &shard);
    }
    return code;
}

static const repli_driver *entry(uint32_t host_abi) {
    static const repli_driver driver = {
        .struct_size = sizeof(repli_driver),
        .abi_version = REPLI_DRIVER_ABI,
        .name = "bench",
        .version = "1.0.0",
        .store_id = "bench",
        .summary = "many shards",
        .open = open_driver,
        .close = close_driver,
        .node_info = node_info,
        .store_info = store_info,
        .shards = shards,
    };
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}

/* Observations. */

static repli_agent *open_agent(const char *path, const repli_allocator *allocator) {
    repli_error error = REPLI_ERROR_INIT;
    repli_config *config;
    repli_agent *agent;
    plain_remove(path);
    queue_need(repli_config_new(allocator, &config, &error), &error);
    queue_need(repli_config_set_str(config, "node_id", "bench", &error), &error);
    queue_need(repli_config_set_str(config, "store_path", path, &error), &error);
    queue_need(repli_config_set_int(config, "observe.interval_ms", 3600000, &error), &error);
    queue_need(repli_config_set_int(config, "observe.timeout_ms", 60000, &error), &error);
    queue_need(repli_config_set_driver(config, entry, &error), &error);
    queue_need(repli_agent_new(config, &agent, &error), &error);
    repli_config_free(config);
    return agent;
}

typedef struct answer {
    pthread_mutex_t mutex;
    pthread_cond_t here;
    repli_snapshot *snapshot;
} answer;

static void observed(void *user_data, repli_snapshot *snapshot) {
    answer *it = user_data;
    pthread_mutex_lock(&it->mutex);
    it->snapshot = repli_snapshot_ref(snapshot);
    pthread_cond_signal(&it->here);
    pthread_mutex_unlock(&it->mutex);
}

static repli_snapshot *observe(repli_agent *agent, int64_t max_age_ms) {
    answer it = {.mutex = PTHREAD_MUTEX_INITIALIZER, .here = PTHREAD_COND_INITIALIZER};
    repli_error error = REPLI_ERROR_INIT;
    queue_need(repli_agent_observe(agent, max_age_ms, 60000, observed, &it, &error), &error);
    pthread_mutex_lock(&it.mutex);
    while (it.snapshot == NULL)
        pthread_cond_wait(&it.here, &it.mutex);
    pthread_mutex_unlock(&it.mutex);
    return it.snapshot;
}

static double observation_ms(repli_agent *agent) {
    const uint64_t since = repli__mono_ns();
    repli_snapshot *snapshot = observe(agent, 0);
    const double spent = (double)(repli__mono_ns() - since) / 1e6;
    repli_snapshot_unref(snapshot);
    return spent;
}

static double print_ms(const json_t *tree) {
    const uint64_t since = repli__mono_ns();
    char *text = json_dumps(tree, JSON_COMPACT);
    const double spent = (double)(repli__mono_ns() - since) / 1e6;
    free(text);
    return spent;
}

/* The tree of what an observation encodes; printed, it must be the same text. */
static json_t *tree_of(repli_agent *agent, size_t *ret_size) {
    repli_error error = REPLI_ERROR_INIT;
    repli_snapshot *snapshot = observe(agent, 3600000);
    const char *json = repli_snapshot_shards_json(snapshot, ret_size, &error);
    queue_need(error.code, &error);
    json_t *tree = json_loadb(json, *ret_size, 0, NULL);
    char *again = json_dumps(tree, JSON_COMPACT);
    if (again == NULL || strcmp(again, json) != 0) {
        fputs("bench_shards: jansson prints another document\n", stderr);
        exit(1);
    }
    free(again);
    repli_snapshot_unref(snapshot);
    return tree;
}

static void bench_time(repli_agent *agent, const json_t *tree) {
    figures both = {0};
    for (int i = 0; i < figures_rounds(); i++) {
        const double ours = observation_ms(agent);
        figures_add(&both, ours, print_ms(tree));
    }
    figures_head("library", "jansson");
    figures_print(&both, "emitted, validated, compared, encoded / printed", "ms", AT_MOST(2));
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: bench_shards DIRECTORY\n");
        return 2;
    }
    meter memory = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    const repli_allocator allocator = {.struct_size = sizeof(allocator),
                                       .malloc_fn = metered_malloc,
                                       .realloc_fn = metered_realloc,
                                       .free_fn = metered_free,
                                       .user_data = &memory};
    const char *path = queue_path(argv[1], "bench-shards.db");
    repli_agent *agent = open_agent(path, &allocator);
    const size_t before = memory.now;
    repli_error error = REPLI_ERROR_INIT;
    queue_need(repli_agent_start(agent, &error), &error);
    repli_snapshot_unref(observe(agent, 3600000));
    const size_t first_peak = memory.peak;
    size_t size;
    json_t *tree = tree_of(agent, &size);
    const size_t held = memory.now;

    printf("%d shards from a driver, a document of %.1f MiB, beside jansson %s\n\n", SHARDS,
           (double)size / (1 << 20), JANSSON_VERSION);
    bench_time(agent, tree);
    figures_head("library", "document");
    const double document = (double)size / (1 << 20);
    figures_line("memory at most, first observation", (double)(first_peak - before) / (1 << 20),
                 document, "MiB", AT_MOST(3));
    figures_line("memory at most, with the one before still there",
                 (double)(memory.peak - before) / (1 << 20), document, "MiB", NO_TARGET);
    figures_line("memory held in between", (double)(held - before) / (1 << 20), document, "MiB",
                 NO_TARGET);
    json_decref(tree);
    repli_agent_free(agent);
    plain_remove(path);
    return 0;
}
