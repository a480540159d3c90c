#include "alldata/node/state.h"

#include <string.h>

#include "alldata/export.h"
#include "alldata/repair/merge.h"
#include "alldata/repair/serve.h"
#include "base/error.h"

/* What a node does for the whole cluster: repairing and reading. */

int32_t alldata_node_repair(alldata_node *node, const char *interval, alldata_repaired_fn done,
                            void *user_data, repli_error *err) {
    int64_t start;
    const int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    if (node->repair != NULL)
        return alldata__repair_ask(node->repair, interval, done, user_data, err);
    if (interval != NULL && !alldata__interval_start(interval, strlen(interval), &start))
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "\"%.40s\" is no name of an interval, such as 20261121T000000",
                            interval);
    atomic_fetch_add(&node->repairs_alone, 1);
    if (done != NULL)
        done(user_data, REPLI_OK, 0, 0, 0);
    return REPLI_OK;
}

void alldata__whole_status(alldata_node *node, alldata_node_status *status) {
    alldata__repair_counters counters = {.rounds = 0};
    if (node->repair != NULL)
        alldata__repair_count(node->repair, &counters);
    const uint64_t alone = atomic_load(&node->repairs_alone);
    status->repairs_asked = counters.asked + alone;
    status->repairs_done = counters.answered + alone;
    status->missing = counters.missing;
    status->repaired_ns = counters.whole_ns;
    status->repairing = counters.running;
}

int32_t alldata_node_serve(alldata_node *node, const char *target, repli_buf *ret_text,
                           repli_error *err) {
    const alldata__source source = {
        .storage = node->storage, .digests = node->digests, .id = node->identity.id};
    int32_t code = alldata__node_check(node, err);
    if (code == REPLI_OK && (target == NULL || ret_text == NULL))
        code = repli__error(err, REPLI_EINVALID, ALLDATA__NODE, "target or text is missing");
    return code == REPLI_OK ? alldata__serve(&source, target, ret_text, err) : code;
}

/* Reading. */

struct alldata_cluster_scan {
    alldata_node *node;
    alldata__merge *merge;
};

/* Members that are asked, while the list is made. */
typedef struct listing {
    const repli__mem *mem;
    alldata__member *items;
    size_t count, capacity;
    int lacks;
} listing;

static int32_t take_member(const alldata_peer *peer, void *user_data) {
    listing *all = user_data;
    if (repli__grow(all->mem, (void **)&all->items, &all->capacity, all->count,
                    sizeof(*all->items)) != REPLI_OK) {
        all->lacks = 1;
        return 1;
    }
    const int serves = peer->http_host != NULL && peer->http_port != 0;
    alldata__member *to = &all->items[all->count++];
    *to = (alldata__member){
        .id = repli__strdup(all->mem, peer->id),
        .host = serves ? repli__strdup(all->mem, peer->http_host) : NULL,
        .port = peer->http_port,
        .answers = serves && peer->native && peer->state == ALLDATA_PEER_LIVE,
    };
    all->lacks |= to->id == NULL || (serves && to->host == NULL);
    return all->lacks;
}

static void drop_listing(listing *all) {
    for (size_t i = 0; i < all->count; i++) {
        repli__free(all->mem, (char *)all->items[i].id);
        repli__free(all->mem, (char *)all->items[i].host);
    }
    repli__free(all->mem, all->items);
}

/* Who is to be asked. The listing is dropped in any case. */
static int32_t list_members(alldata_node *node, listing *ret_all, alldata__cluster *ret_cluster,
                            repli_error *err) {
    int32_t code = REPLI_OK;
    *ret_all = (listing){.mem = &node->mem};
    if (node->gossip != NULL)
        code = alldata_gossip_peers(node->gossip, take_member, ret_all, err);
    if (code == REPLI_OK && ret_all->lacks)
        code = repli__error_nomem(err, ALLDATA__NODE, "reading events of all nodes");
    *ret_cluster = (alldata__cluster){
        .storage = node->storage,
        .transport = node->transport,
        .members = ret_all->items,
        .count = ret_all->count,
        .replication_factor = node->replication_factor,
    };
    return code;
}

static int32_t begin(alldata_node *node, const alldata_scan_options *options,
                     alldata__merge **ret_merge, repli_error *err) {
    listing all;
    alldata__cluster cluster;
    int32_t code = list_members(node, &all, &cluster, err);
    if (code == REPLI_OK)
        code = alldata__merge_new(&cluster, options, &node->mem, ret_merge, err);
    drop_listing(&all);
    return code;
}

int32_t alldata_cluster_export(alldata_node *node, const char *interval, const char *path,
                               repli_error *err) {
    listing all;
    alldata__cluster cluster;
    int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    code = list_members(node, &all, &cluster, err);
    if (code == REPLI_OK)
        code = alldata__merge_export(&cluster, interval, path, &node->mem, err);
    drop_listing(&all);
    return code;
}

int32_t alldata_cluster_scan_new(alldata_node *node, const alldata_scan_options *options,
                                 alldata_cluster_scan **ret_scan, repli_error *err) {
    static const alldata_scan_options everything = ALLDATA_SCAN_OPTIONS_INIT;
    int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    alldata_cluster_scan *scan = repli__calloc(&node->mem, 1, sizeof(*scan));
    if (scan == NULL)
        return repli__error_nomem(err, ALLDATA__NODE, "reading events of all nodes");
    scan->node = node;
    code = begin(node, options != NULL ? options : &everything, &scan->merge, err);
    if (code == REPLI_OK)
        *ret_scan = scan;
    else
        repli__free(&node->mem, scan);
    return code;
}

int32_t alldata_cluster_scan_next(alldata_cluster_scan *scan, alldata_record *ret_record,
                                  repli_error *err) {
    const int32_t code = alldata__node_check(scan->node, err);
    return code == REPLI_OK ? alldata__merge_next(scan->merge, ret_record, err) : code;
}

int32_t alldata_cluster_scan_try(alldata_cluster_scan *scan, alldata_record *ret_record,
                                 repli_error *err) {
    const int32_t code = alldata__node_check(scan->node, err);
    return code == REPLI_OK ? alldata__merge_try(scan->merge, ret_record, err) : code;
}

int32_t alldata_cluster_scan_set_ready(alldata_cluster_scan *scan, alldata_ready_fn ready,
                                       void *user_data, repli_error *err) {
    const int32_t code = alldata__node_check(scan->node, err);
    if (code == REPLI_OK)
        alldata__merge_tell(scan->merge, ready, user_data);
    return code;
}

void alldata_cluster_scan_free(alldata_cluster_scan *scan) {
    if (scan == NULL)
        return;
    const repli__mem mem = scan->node->mem;
    /* Its requests are the parent's. */
    if (alldata__owner_is_self(&scan->node->owner))
        alldata__merge_free(scan->merge);
    repli__free(&mem, scan);
}

/* Exports, in pieces. */

struct alldata_exporter {
    alldata_node *node;
    alldata__merge *merge;
    alldata__draft *draft;
};

static int32_t try_next(void *merge, alldata_record *ret_record, repli_error *err) {
    return alldata__merge_try(merge, ret_record, err);
}

static int32_t begin_export(alldata_exporter *exporter, const char *interval, const char *path,
                            repli_error *err) {
    listing all;
    alldata__cluster cluster;
    const repli__mem *mem = &exporter->node->mem;
    int32_t code = list_members(exporter->node, &all, &cluster, err);
    if (code == REPLI_OK)
        code = alldata__merge_interval(&cluster, interval, path, mem, &exporter->merge, err);
    drop_listing(&all);
    if (code != REPLI_OK)
        return code;
    const alldata__export what = {
        .interval = interval, .next = try_next, .source = exporter->merge};
    return alldata__draft_new(mem, &what, path, &exporter->draft, err);
}

int32_t alldata_exporter_new(alldata_node *node, const char *interval, const char *path,
                             alldata_ready_fn ready, void *user_data,
                             alldata_exporter **ret_exporter, repli_error *err) {
    int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    alldata_exporter *exporter = repli__calloc(&node->mem, 1, sizeof(*exporter));
    if (exporter == NULL)
        return repli__error_nomem(err, ALLDATA__NODE, "exporting an interval");
    exporter->node = node;
    code = begin_export(exporter, interval, path, err);
    if (code != REPLI_OK) {
        alldata_exporter_free(exporter);
        return code;
    }
    alldata__merge_tell(exporter->merge, ready, user_data);
    *ret_exporter = exporter;
    return REPLI_OK;
}

int32_t alldata_exporter_step(alldata_exporter *exporter, repli_error *err) {
    const int32_t code = alldata__node_check(exporter->node, err);
    return code == REPLI_OK ? alldata__draft_write(exporter->draft, err) : code;
}

void alldata_exporter_free(alldata_exporter *exporter) {
    if (exporter == NULL)
        return;
    const repli__mem mem = exporter->node->mem;
    const int is_ours = alldata__owner_is_self(&exporter->node->owner);
    if (is_ours)
        alldata__merge_free(exporter->merge);
    alldata__draft_free(exporter->draft, is_ours);
    repli__free(&mem, exporter);
}
