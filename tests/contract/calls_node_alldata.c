#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

/* A node of one's own, and the one that all share. */

static alldata_node_options no_threads(void) {
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    options.run_mode = ALLDATA_RUN_DISPATCH;
    return options;
}

static int32_t open_node(const char *location, const alldata_node_options *more,
                         const repli_allocator *allocator, alldata_node **ret, repli_error *err) {
    char own[256];
    char id[] = "ad1";
    char cluster[] = "prod";
    char zone[] = "A";
    alldata_node_options options = *more;
    snprintf(own, sizeof(own), "%s", location);
    options.location = own;
    options.id = options.id != NULL ? options.id : id;
    options.cluster = cluster;
    options.zone = zone;
    const int32_t code = alldata_node_new(&options, allocator, ret, err);
    SCRIBBLE(own);
    SCRIBBLE(id);
    SCRIBBLE(cluster);
    SCRIBBLE(zone);
    SCRIBBLE(options);
    return code;
}

int32_t call_alldata_node_new(world *w, repli_error *err) {
    char path[256];
    const alldata_node_options options = no_threads();
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    alldata_node *node = UNSET;
    fresh_directory(w, path);
    const int32_t code = open_node(path, &options, NULL, &node, err);
    if (code == REPLI_OK) {
        REQUIRE(alldata_node_status_get(node, &status, NULL) == REPLI_OK);
        REQUIRE(strcmp(status.id, "ad1") == 0 && strcmp(status.cluster, "prod") == 0);
        REQUIRE(strcmp(status.zone, "A") == 0 && strcmp(status.location, path) == 0);
        alldata_node_free(node);
    }
    remove_directory(path);
    return code;
}

static int32_t open_badly(const char *location, const alldata_node_options *options,
                          const repli_allocator *allocator, repli_error *err) {
    alldata_node *node = UNSET;
    const int32_t code = open_node(location, options, allocator, &node, err);
    REQUIRE(node == UNSET);
    return code;
}

int32_t fail_alldata_node_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    const alldata_node_options options = no_threads();
    return open_badly("", &options, NULL, err);
}

int32_t fail_alldata_node_new_REPLI_ENOTFOUND(world *w, repli_error *err) {
    (void)w;
    const alldata_node_options options = no_threads();
    return open_badly("/nowhere/to/be/found", &options, NULL, err);
}

int32_t fail_alldata_node_new_REPLI_EBUSY(world *w, repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    const alldata_node_options options = no_threads();
    REQUIRE(alldata_node_status_get(w->node, &status, NULL) == REPLI_OK);
    return open_badly(status.location, &options, NULL, err);
}

int32_t fail_alldata_node_new_REPLI_EABI(world *w, repli_error *err) {
    char path[256];
    alldata_storage_module module = *alldata_storage_leveldb();
    alldata_node_options options = no_threads();
    module.abi_version++;
    options.module = &module;
    fresh_directory(w, path);
    const int32_t code = open_badly(path, &options, NULL, err);
    remove_directory(path);
    return code;
}

int32_t fail_alldata_node_new_REPLI_ENOMEM(world *w, repli_error *err) {
    char path[256];
    const alldata_node_options options = no_threads();
    fresh_directory(w, path);
    return open_badly(path, &options, no_memory(), err);
}

/* A directory that is there, but not as it should be. */
static int32_t open_other(const world *w, const char *id, const char *identity, repli_error *err) {
    char path[256];
    char file[300];
    alldata_node_options options = no_threads();
    alldata_node *node = NULL;
    fresh_directory(w, path);
    REQUIRE(open_node(path, &options, NULL, &node, NULL) == REPLI_OK);
    alldata_node_free(node);
    if (identity != NULL) {
        snprintf(file, sizeof(file), "%s/node", path);
        FILE *out = fopen(file, "w");
        REQUIRE(out != NULL && fputs(identity, out) >= 0 && fclose(out) == 0);
    }
    options.id = id;
    const int32_t code = open_badly(path, &options, NULL, err);
    remove_directory(path);
    return code;
}

int32_t fail_alldata_node_new_REPLI_ECONFLICT(world *w, repli_error *err) {
    return open_other(w, "ad2", NULL, err);
}

int32_t fail_alldata_node_new_REPLI_ECORRUPT(world *w, repli_error *err) {
    return open_other(w, "ad1", "{}", err);
}

int32_t call_alldata_node_free(world *w, repli_error *err) {
    alldata_node_free(NULL);
    if (!w->forked)
        return call_alldata_node_new(w, err);
    alldata_node_free(w->node);
    return REPLI_OK;
}

/* Driving it. */

typedef int32_t (*use_fn)(alldata_node *node, repli_error *err);

static int32_t use_own(world *w, int32_t run_mode, use_fn use, repli_error *err) {
    char path[256];
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    alldata_node *node = NULL;
    if (w->forked)
        return use(w->node, err);
    options.run_mode = run_mode;
    fresh_directory(w, path);
    REQUIRE(open_node(path, &options, NULL, &node, NULL) == REPLI_OK);
    const int32_t code = use(node, err);
    alldata_node_free(node);
    remove_directory(path);
    return code;
}

static int32_t start_twice(alldata_node *node, repli_error *err) {
    const int32_t code = alldata_node_start(node, err);
    return code == REPLI_OK ? alldata_node_start(node, err) : code;
}

static int32_t start_and_dispatch(alldata_node *node, repli_error *err) {
    const int32_t code = alldata_node_start(node, err);
    return code == REPLI_OK ? alldata_node_dispatch(node, err) : code;
}

int32_t call_alldata_node_start(world *w, repli_error *err) {
    return use_own(w, ALLDATA_RUN_THREADS, alldata_node_start, err);
}

int32_t fail_alldata_node_start_REPLI_ESTATE(world *w, repli_error *err) {
    return use_own(w, ALLDATA_RUN_THREADS, start_twice, err);
}

int32_t call_alldata_node_dispatch(world *w, repli_error *err) {
    return use_own(w, ALLDATA_RUN_DISPATCH, start_and_dispatch, err);
}

int32_t fail_alldata_node_dispatch_REPLI_ESTATE(world *w, repli_error *err) {
    return use_own(w, ALLDATA_RUN_THREADS, start_and_dispatch, err);
}

typedef struct nested {
    alldata_node *node;
    repli_error *err;
    int32_t code;
} nested;

static void dispatch_within(void *user_data, const alldata_put_result *results, size_t count) {
    nested *within = user_data;
    (void)results;
    (void)count;
    within->code = alldata_node_dispatch(within->node, within->err);
}

static alldata_put one(void) {
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = "1";
    put.event_size = 1;
    return put;
}

static int32_t dispatch_nested(alldata_node *node, repli_error *err) {
    nested within = {.node = node, .err = err};
    const alldata_put put = one();
    REQUIRE(alldata_node_start(node, NULL) == REPLI_OK);
    REQUIRE(alldata_node_put(node, &put, 1, dispatch_within, &within, NULL) == REPLI_OK);
    for (int i = 0; i < PARTY_TURNS && within.code == REPLI_OK; i++) {
        struct pollfd fd = {.fd = alldata_node_fd(node), .events = POLLIN};
        poll(&fd, 1, 5);
        REQUIRE(alldata_node_dispatch(node, NULL) == REPLI_OK);
    }
    return within.code;
}

int32_t fail_alldata_node_dispatch_REPLI_EBUSY(world *w, repli_error *err) {
    return use_own(w, ALLDATA_RUN_DISPATCH, dispatch_nested, err);
}

static int32_t look_at_fd(alldata_node *node, repli_error *err) {
    (void)err;
    REQUIRE(alldata_node_fd(node) >= 0);
    REQUIRE(alldata_node_deadline(node) != UINT64_MAX);
    return REPLI_OK;
}

int32_t call_alldata_node_fd(world *w, repli_error *err) {
    REQUIRE(alldata_node_fd(w->node) == -1);
    return w->forked ? REPLI_OK : use_own(w, ALLDATA_RUN_DISPATCH, look_at_fd, err);
}

int32_t call_alldata_node_deadline(world *w, repli_error *err) {
    REQUIRE(alldata_node_deadline(w->node) == UINT64_MAX);
    return w->forked ? REPLI_OK : use_own(w, ALLDATA_RUN_DISPATCH, look_at_fd, err);
}

/* Events. */

int32_t call_alldata_node_put_wait(world *w, repli_error *err) {
    char event[] = "{\"a\": 1}";
    char key[ALLDATA_KEY_SIZE] = "";
    alldata_put_result result = {.struct_size = sizeof(result)};
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = event;
    put.event_size = strlen(event);
    const int32_t code = alldata_node_put_wait(w->node, &put, &result, err);
    if (code != REPLI_OK)
        return code;
    REQUIRE(result.replicas == 1 && result.needed == 1 && result.error == NULL);
    REQUIRE(alldata_key_validate(result.key, strlen(result.key), NULL) == REPLI_OK);
    memcpy(key, result.key, sizeof(key));
    put.key = key;
    return alldata_node_put_wait(w->node, &put, NULL, err);
}

int32_t fail_alldata_node_put_wait_REPLI_EINVALID(world *w, repli_error *err) {
    alldata_put put = one();
    put.event = "{";
    return alldata_node_put_wait(w->node, &put, NULL, err);
}

int32_t fail_alldata_node_put_wait_REPLI_ECONFLICT(world *w, repli_error *err) {
    alldata_put_result result = {.struct_size = sizeof(result)};
    alldata_put put = one();
    REQUIRE(alldata_node_put_wait(w->node, &put, &result, NULL) == REPLI_OK);
    put.key = result.key;
    put.event = "2";
    return alldata_node_put_wait(w->node, &put, NULL, err);
}

typedef struct outcome {
    _Atomic int32_t code;
} outcome;

static void take_result(void *user_data, const alldata_put_result *results, size_t count) {
    outcome *to = user_data;
    to->code = count == 1 ? results->code : __LINE__;
}

int32_t call_alldata_node_put(world *w, repli_error *err) {
    outcome of = {1};
    char event[] = "1";
    alldata_put put = one();
    put.event = event;
    const int32_t code = alldata_node_put(w->node, &put, 1, take_result, &of, err);
    SCRIBBLE(event);
    SCRIBBLE(put);
    for (int i = 0; code == REPLI_OK && i < PARTY_TURNS && of.code == 1; i++)
        pause_ms(5);
    return code == REPLI_OK ? of.code : code;
}

int32_t fail_alldata_node_put_REPLI_EINVALID(world *w, repli_error *err) {
    return alldata_node_put(w->node, NULL, 1, take_result, NULL, err);
}

/* Peers. */

static int32_t refuse_call(void *self, const alldata_call *it, repli_error *err) {
    (void)self;
    (void)it;
    (void)err;
    return REPLI_EREFUSED;
}

static void cancel_calls(void *self, void *user_data) {
    (void)self;
    (void)user_data;
}

static alldata_transport nowhere_to_go = {
    .struct_size = (uint32_t)sizeof(nowhere_to_go),
    .begin = refuse_call,
    .cancel = cancel_calls,
};

static int32_t use_social(world *w, use_fn use, repli_error *err) {
    static const char *const seeds[] = {"127.0.0.1:9"};
    char path[256];
    alldata_node_options options = no_threads();
    alldata_node *node = NULL;
    if (w->forked)
        return use(w->node, err);
    options.transport = &nowhere_to_go;
    options.gossip_listen = "127.0.0.1:0";
    options.seeds = seeds;
    options.seed_count = 1;
    options.replication_factor = 3;
    fresh_directory(w, path);
    REQUIRE(open_node(path, &options, NULL, &node, NULL) == REPLI_OK);
    const int32_t code = use(node, err);
    alldata_node_free(node);
    remove_directory(path);
    return code;
}

static int32_t set_port(alldata_node *node, repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    const int32_t code = alldata_node_set_http_port(node, 8880, err);
    if (code != REPLI_OK)
        return code;
    REQUIRE(alldata_node_status_get(node, &status, NULL) == REPLI_OK);
    REQUIRE(strcmp(status.peers, "127.0.0.1:8880") == 0);
    return code;
}

static int32_t set_no_port(alldata_node *node, repli_error *err) {
    return alldata_node_set_http_port(node, 0, err);
}

int32_t call_alldata_node_set_http_port(world *w, repli_error *err) {
    return use_social(w, set_port, err);
}

int32_t fail_alldata_node_set_http_port_REPLI_EINVALID(world *w, repli_error *err) {
    return use_social(w, set_no_port, err);
}

int32_t fail_alldata_node_set_http_port_REPLI_ESTATE(world *w, repli_error *err) {
    return alldata_node_set_http_port(w->node, 8880, err);
}

static int32_t look_at_gossip(alldata_node *node, repli_error *err) {
    (void)err;
    REQUIRE(alldata_gossip_port(alldata_node_gossip(node)) > 0);
    return REPLI_OK;
}

int32_t call_alldata_node_gossip(world *w, repli_error *err) {
    REQUIRE(alldata_node_gossip(w->node) == NULL);
    return w->forked ? REPLI_OK : use_social(w, look_at_gossip, err);
}

static int32_t join(alldata_node *node, repli_error *err) {
    char address[] = "127.0.0.1:10";
    const int32_t code = alldata_node_join(node, address, err);
    SCRIBBLE(address);
    return code;
}

static int32_t join_seed(alldata_node *node, repli_error *err) {
    return alldata_node_join(node, "127.0.0.1:9", err);
}

static int32_t join_nobody(alldata_node *node, repli_error *err) {
    return alldata_node_join(node, "127.0.0.1", err);
}

int32_t call_alldata_node_join(world *w, repli_error *err) {
    return use_social(w, join, err);
}

int32_t fail_alldata_node_join_REPLI_EDONE(world *w, repli_error *err) {
    return use_social(w, join_seed, err);
}

int32_t fail_alldata_node_join_REPLI_EINVALID(world *w, repli_error *err) {
    return use_social(w, join_nobody, err);
}

int32_t fail_alldata_node_join_REPLI_ESTATE(world *w, repli_error *err) {
    return join(w->node, err);
}

static int32_t dispatch_until(alldata_node *node, alldata_gossip *other, int live, int dead) {
    for (int i = 0; i < PARTY_TURNS; i++) {
        alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
        struct pollfd fd = {.fd = alldata_node_fd(node), .events = POLLIN};
        REQUIRE(alldata_node_status_get(node, &status, NULL) == REPLI_OK);
        if (status.peers_live == (uint64_t)live && status.peers_dead == (uint64_t)dead)
            return REPLI_OK;
        poll(&fd, 1, 5);
        REQUIRE(alldata_node_dispatch(node, NULL) == REPLI_OK);
        if (other != NULL)
            REQUIRE(alldata_gossip_dispatch(other, NULL) == REPLI_OK);
    }
    return __LINE__;
}

/* Meets another, which dies unless it is to live. */
static int32_t forget_peer(alldata_node *node, int dies, repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    alldata_gossip *other = NULL;
    uint64_t hints = 4711;
    REQUIRE(alldata_node_start(node, NULL) == REPLI_OK);
    REQUIRE(alldata_node_status_get(node, &status, NULL) == REPLI_OK);
    options.id = "ad2";
    options.listen = "127.0.0.1:0";
    options.seeds = &status.gossip;
    options.seed_count = 1;
    options.round_ms = 50;
    REQUIRE(alldata_gossip_new(&options, NULL, &other, NULL) == REPLI_OK);
    REQUIRE(dispatch_until(node, other, 1, 0) == REPLI_OK);
    if (dies) {
        alldata_gossip_free(other);
        other = NULL;
        REQUIRE(dispatch_until(node, other, 0, 1) == REPLI_OK);
    }
    const int32_t code = alldata_node_forget(node, "ad2", &hints, err);
    alldata_gossip_free(other);
    REQUIRE((hints == 0) == (code == REPLI_OK));
    if (code == REPLI_OK)
        REQUIRE(dispatch_until(node, NULL, 0, 0) == REPLI_OK);
    return code;
}

static int32_t forget_dead(alldata_node *node, repli_error *err) {
    return forget_peer(node, 1, err);
}

static int32_t forget_living(alldata_node *node, repli_error *err) {
    return forget_peer(node, 0, err);
}

static int32_t forget_unknown(alldata_node *node, repli_error *err) {
    return alldata_node_forget(node, "ad3", NULL, err);
}

static int32_t forget_nobody(alldata_node *node, repli_error *err) {
    return alldata_node_forget(node, NULL, NULL, err);
}

int32_t call_alldata_node_forget(world *w, repli_error *err) {
    return use_social(w, w->forked ? forget_unknown : forget_dead, err);
}

int32_t fail_alldata_node_forget_REPLI_ECONFLICT(world *w, repli_error *err) {
    return use_social(w, forget_living, err);
}

int32_t fail_alldata_node_forget_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return use_social(w, forget_unknown, err);
}

int32_t fail_alldata_node_forget_REPLI_EINVALID(world *w, repli_error *err) {
    return use_social(w, forget_nobody, err);
}

int32_t fail_alldata_node_forget_REPLI_ESTATE(world *w, repli_error *err) {
    return alldata_node_forget(w->node, "ad2", NULL, err);
}

/* What there is to know. */

int32_t call_alldata_node_storage(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_node_storage(w->node) != NULL);
    return REPLI_OK;
}

int32_t call_alldata_node_coordinator(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_node_coordinator(w->node) != NULL);
    return REPLI_OK;
}

int32_t call_alldata_node_status_get(world *w, repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    const int32_t code = alldata_node_status_get(w->node, &status, err);
    REQUIRE((status.id == NULL) == (code != REPLI_OK));
    return code;
}

int32_t fail_alldata_node_status_get_REPLI_EINVALID(world *w, repli_error *err) {
    alldata_node_status status = {.struct_size = 8};
    return alldata_node_status_get(w->node, &status, err);
}

static int32_t count_open(void *user_data, const alldata_node_interval *interval) {
    *(int *)user_data += interval->state == ALLDATA_INTERVAL_OPEN;
    return 0;
}

int32_t call_alldata_node_intervals(world *w, repli_error *err) {
    int count = 0;
    const int32_t code = alldata_node_intervals(w->node, count_open, &count, err);
    REQUIRE((count >= 2) == (code == REPLI_OK));
    return code;
}

int32_t node_begin(world *w, repli_error *err) {
    char path[256];
    const alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    fresh_directory(w, path);
    const int32_t code = open_node(path, &options, NULL, &w->node, err);
    if (code != REPLI_OK || alldata_node_start(w->node, err) != REPLI_OK)
        return code;
    fresh_directory(w, path);
    if (alldata_exporter_new(w->node, "20261101T000000", path, NULL, NULL, &w->exporter, err) !=
        REPLI_OK)
        return err->code;
    return alldata_cluster_scan_new(w->node, NULL, &w->cluster_scan, err);
}

void node_end(world *w) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    char path[256] = "";
    if (w->node != NULL && alldata_node_status_get(w->node, &status, NULL) == REPLI_OK)
        snprintf(path, sizeof(path), "%s", status.location);
    alldata_cluster_scan_free(w->cluster_scan);
    alldata_exporter_free(w->exporter);
    alldata_node_free(w->node);
    if (path[0] != '\0')
        remove_directory(path);
}
