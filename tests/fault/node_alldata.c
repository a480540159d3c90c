#include <stdio.h>

#include "operation.h"

static int64_t noon(void *user_data) {
    (void)user_data;
    return INT64_C(1795262400000000000); /* 2026-11-21T12:00:00Z */
}

/* A node. */

static int32_t open_node(const world *w, alldata_node **ret_node, repli_error *err) {
    char path[128];
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    snprintf(path, sizeof(path), "%s/node", w->directory);
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.location = path;
    options.interval = "PT1H";
    options.clock = noon;
    return alldata_node_new(&options, &w->memory, ret_node, err);
}

static int32_t make_node(world *w, repli_error *err) {
    alldata_node *node;
    const int32_t code = open_node(w, &node, err);
    if (code == REPLI_OK)
        w->made = node;
    return code;
}

static void drop_node(void *made) {
    alldata_node_free(made);
}

static int32_t count_node_interval(void *user_data, const alldata_node_interval *interval) {
    *(uint64_t *)user_data += interval->events;
    return 0;
}

static int32_t put_and_wait(alldata_node *node, repli_error *err) {
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = "1";
    put.event_size = 1;
    return alldata_node_put_wait(node, &put, NULL, err);
}

static void take_nothing(void *user_data, const alldata_put_result *results, size_t count) {
    (void)user_data;
    (void)results;
    (void)count;
}

/* What was acknowledged counts, whether it was counted at once or is so later. */
static int32_t use_node(world *w, repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    alldata_put put = ALLDATA_PUT_INIT;
    alldata_node *node;
    repli_buf text = {NULL, 0, 0, &w->memory};
    uint64_t events = 0;
    put.event = "2";
    put.event_size = 1;
    put.key = "20200101T000000000000000001";
    put.flags = ALLDATA_PUT_LATE;
    int32_t code = open_node(w, &node, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_node_start(node, err);
    if (code == REPLI_OK)
        code = put_and_wait(node, err);
    if (code == REPLI_OK)
        code = alldata_node_put(node, &put, 1, take_nothing, NULL, err);
    if (code == REPLI_OK)
        code = alldata_node_dispatch(node, err);
    if (code == REPLI_OK)
        code = alldata_node_intervals(node, count_node_interval, &events, err);
    if (code == REPLI_OK)
        code = alldata_node_serve(node, "/_alldata/intervals", &text, err);
    alldata_buf_dispose(&text);
    if (code == REPLI_OK)
        code = alldata_node_repair(node, NULL, NULL, NULL, err);
    EXPECT(w, alldata_node_status_get(node, &status, NULL) == REPLI_OK);
    EXPECT(w, code != REPLI_OK || events >= 1 || status.uncounted > 0);
    EXPECT(w, alldata_node_fd(node) >= 0 && alldata_node_deadline(node) != UINT64_MAX);
    EXPECT(w, alldata_node_storage(node) != NULL && alldata_node_coordinator(node) != NULL);
    alldata_node_free(node);
    return code;
}

static void be_told(void *user_data) {
    (void)user_data;
}

/* Behind the one event there is. */
static int32_t try_on(world *w, alldata_cluster_scan *scan, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error end = REPLI_ERROR_INIT;
    EXPECT(w, alldata_cluster_scan_set_ready(scan, be_told, w, NULL) == REPLI_OK);
    const int32_t code = alldata_cluster_scan_try(scan, &record, &end);
    if (code == REPLI_EDONE)
        return REPLI_OK;
    *err = end;
    return code;
}

/* Over what is there. */
static int32_t export_on(alldata_node *node, const char *path, repli_error *err) {
    alldata_exporter *exporter;
    repli_error end = REPLI_ERROR_INIT;
    int32_t code =
        alldata_exporter_new(node, "20261101T000000", path, be_told, NULL, &exporter, err);
    if (code != REPLI_OK)
        return code;
    do
        code = alldata_exporter_step(exporter, &end);
    while (code == REPLI_OK);
    alldata_exporter_free(exporter);
    if (code == REPLI_EDONE)
        return REPLI_OK;
    *err = end;
    return code;
}

static int32_t scan_cluster(world *w, repli_error *err) {
    char path[128];
    alldata_node *node;
    alldata_cluster_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code = open_node(w, &node, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_node_start(node, err);
    if (code == REPLI_OK)
        code = put_and_wait(node, err);
    if (code == REPLI_OK)
        code = alldata_cluster_scan_new(node, NULL, &scan, err);
    if (code == REPLI_OK)
        code = alldata_cluster_scan_next(scan, &record, err);
    EXPECT(w, code != REPLI_OK || record.event_size == 1);
    if (code == REPLI_OK)
        code = try_on(w, scan, err);
    alldata_cluster_scan_free(scan);
    snprintf(path, sizeof(path), "%s/whole", w->directory);
    if (code == REPLI_OK)
        code = alldata_cluster_export(node, "20261101T000000", path, err);
    if (code == REPLI_OK)
        code = export_on(node, path, err);
    alldata_node_free(node);
    return code;
}

static int32_t call_nobody(void *self, const alldata_call *call, repli_error *err) {
    (void)self;
    (void)call;
    (void)err;
    return REPLI_EREFUSED;
}

static void cancel_nothing(void *self, void *user_data) {
    (void)self;
    (void)user_data;
}

/* One that is to have peers, and finds none. */
static int32_t use_peers(world *w, repli_error *err) {
    static alldata_transport transport = {
        .struct_size = sizeof(transport), .begin = call_nobody, .cancel = cancel_nothing};
    char path[128];
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    alldata_node *node;
    snprintf(path, sizeof(path), "%s/node", w->directory);
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.location = path;
    options.clock = noon;
    options.transport = &transport;
    options.gossip_listen = "127.0.0.1:0";
    int32_t code = alldata_node_new(&options, &w->memory, &node, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_node_set_http_port(node, 8880, err);
    if (code == REPLI_OK)
        code = alldata_node_start(node, err);
    if (code == REPLI_OK)
        code = alldata_node_join(node, "127.0.0.1:9", err);
    EXPECT(w, alldata_node_gossip(node) != NULL);
    EXPECT(w, alldata_node_forget(node, "ad2", NULL, NULL) == REPLI_ENOTFOUND);
    alldata_node_free(node);
    return code;
}

/* Membership. */

static int32_t open_gossip(world *w, alldata_gossip **ret_gossip, repli_error *err) {
    static const char *const seeds[] = {"127.0.0.1:9"};
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    options.id = "ad1";
    options.listen = "127.0.0.1:0";
    options.seeds = seeds;
    options.seed_count = 1;
    options.http_port = 8881;
    options.zone = "A";
    return alldata_gossip_new(&options, &w->memory, ret_gossip, err);
}

static int32_t make_gossip(world *w, repli_error *err) {
    alldata_gossip *gossip;
    const int32_t code = open_gossip(w, &gossip, err);
    if (code == REPLI_OK)
        w->made = gossip;
    return code;
}

static void drop_gossip(void *made) {
    alldata_gossip_free(made);
}

static int32_t count_peer(const alldata_peer *peer, void *user_data) {
    (void)peer;
    (*(int *)user_data)++;
    return 0;
}

/* What is not sent for want of memory is sent another time. */
static int32_t use_gossip(world *w, repli_error *err) {
    alldata_gossip_counters counters = ALLDATA_GOSSIP_COUNTERS_INIT;
    alldata_gossip *gossip;
    int peers = 0;
    int32_t code = open_gossip(w, &gossip, err);
    if (code != REPLI_OK)
        return code;
    EXPECT(w, alldata_gossip_port(gossip) > 0);
    EXPECT(w, alldata_gossip_fd(gossip) >= 0);
    EXPECT(w, alldata_gossip_deadline(gossip) != UINT64_MAX);
    code = alldata_gossip_set(gossip, "weight", "1", 1, err);
    if (code == REPLI_OK)
        code = alldata_gossip_get(gossip, "ad1", "weight", &w->text, err);
    if (code == REPLI_OK)
        code = alldata_gossip_dispatch(gossip, err);
    EXPECT(w, alldata_gossip_peers(gossip, count_peer, &peers, NULL) == REPLI_OK && peers == 0);
    EXPECT(w, alldata_gossip_count(gossip, &counters, NULL) == REPLI_OK);
    EXPECT(w, code != REPLI_OK || alldata_gossip_start(gossip, NULL) == REPLI_ESTATE);
    alldata_gossip_free(gossip);
    return code;
}

const operation alldata_node_operations[] = {
    {.name = "make a node",
     .functions = "alldata_node_new alldata_node_free",
     .also = REPLI_EINTERNAL,
     .act = make_node,
     .drop = drop_node},
    {.name = "use a node",
     .functions = "alldata_node_start alldata_node_put alldata_node_put_wait "
                  "alldata_node_dispatch alldata_node_intervals alldata_node_status_get "
                  "alldata_node_fd alldata_node_deadline alldata_node_storage "
                  "alldata_node_coordinator alldata_node_serve alldata_node_repair "
                  "alldata_buf_dispose",
     .also = REPLI_EINTERNAL,
     .act = use_node},
    {.name = "read from all nodes",
     .functions = "alldata_cluster_scan_new alldata_cluster_scan_next alldata_cluster_scan_try "
                  "alldata_cluster_scan_set_ready alldata_cluster_scan_free "
                  "alldata_cluster_export alldata_exporter_new alldata_exporter_step "
                  "alldata_exporter_free",
     .also = REPLI_EINTERNAL,
     .act = scan_cluster},
    {.name = "use a node that has peers",
     .functions = "alldata_node_set_http_port alldata_node_join alldata_node_forget "
                  "alldata_node_gossip",
     .also = REPLI_EINTERNAL,
     .act = use_peers},
    {.name = "make a membership",
     .functions = "alldata_gossip_new alldata_gossip_free",
     .act = make_gossip,
     .drop = drop_gossip},
    {.name = "use a membership",
     .functions = "alldata_gossip_port alldata_gossip_fd alldata_gossip_deadline "
                  "alldata_gossip_set alldata_gossip_get alldata_gossip_dispatch "
                  "alldata_gossip_peers alldata_gossip_count alldata_gossip_start",
     .act = use_gossip},
    {.name = NULL},
};
