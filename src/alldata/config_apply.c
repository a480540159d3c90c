#include <dlfcn.h>
#include <string.h>

#include "config.h"
#include "logsink.h"

static int is_given(const struct config *config, const char *name) {
    return settings_find(&config->all, name)->origin > SETTING_DEFAULT;
}

static int32_t commit_of(const char *word) {
    if (strcmp(word, "one") == 0)
        return ALLDATA_COMMIT_ONE;
    return strcmp(word, "all") == 0 ? ALLDATA_COMMIT_ALL : ALLDATA_COMMIT_QUORUM;
}

/* Loaded only where it is wanted: with the client library of NATS it would take half of the memory
 * that a node does without. */
static void apply_nats(struct config *config, struct problems *problems) {
    const struct setting *setting = settings_find(&config->all, "storage.module");
    typedef const alldata_storage_module *(*module_fn)(void);
    module_fn module = NULL;
    void *library = dlopen(CONFIG_NATS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "alldata_nats_module") : NULL;
    if (config->node.events == NULL)
        problems_error(problems, setting->at,
                       "storage.location is missing: nats wants the URL of its servers");
    if (symbol == NULL) {
        problems_error(problems, setting->at, "storage.module: cannot load nats: %s", dlerror());
        return;
    }
    memcpy(&module, &symbol, sizeof(module));
    config->node.module = module();
}

static void apply_module(struct config *config, struct problems *problems) {
    struct settings *all = &config->all;
    alldata_setting *list = NULL;
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct setting *setting = &all->list[i];
        if (setting->owner != CONFIG_MODULE || setting->origin <= SETTING_DEFAULT)
            continue;
        list = pool_grow(&all->pool, list, count, sizeof(*list));
        if (list == NULL) {
            problems_nomem(problems);
            return;
        }
        list[count++] = (alldata_setting){.struct_size = (uint32_t)sizeof(*list),
                                          .name = setting->key->name,
                                          .value = setting->text};
    }
    config->node.settings = list;
    config->node.setting_count = count;
    config->node.events = settings_some(all, "storage.location");
    if (strcmp(settings_text(all, "storage.module"), "nats") == 0)
        apply_nats(config, problems);
}

static void apply_storage(struct config *config, struct problems *problems) {
    const struct settings *all = &config->all;
    config->node.location = settings_text(all, "data_dir");
    config->node.interval = settings_text(all, "storage.interval");
    config->node.put_flags = settings_number(all, "storage.sync") ? ALLDATA_PUT_SYNC : 0;
    config->node.max_waiting_bytes = (uint64_t)settings_number(all, "limits.waiting_bytes");
    apply_module(config, problems);
}

/* Who asks for replicas without saying how to meet others has forgotten something. */
static void apply_peers(struct config *config, struct problems *problems) {
    const struct settings *all = &config->all;
    const struct setting *factor = settings_find(all, "replication.factor");
    config->has_peers = is_given(config, "gossip.bind") || is_given(config, "gossip.seeds") ||
                        is_given(config, "peers.bind");
    if (!config->has_peers && factor->number > 1)
        problems_error(problems, factor->at,
                       "replication.factor is %d, but this node has no peers: gossip.seeds says "
                       "where others are, gossip.bind and peers.bind where this one is",
                       (int)factor->number);
    if (!config->has_peers)
        return;
    const struct setting *seeds = settings_find(all, "gossip.seeds");
    config->node.gossip_listen = settings_text(all, "gossip.bind");
    config->node.gossip_advertise = settings_some(all, "gossip.advertise");
    config->node.http_host = settings_some(all, "peers.advertise");
    config->node.seeds = seeds->items;
    config->node.seed_count = seeds->item_count;
    config->node.round_ms = (uint32_t)settings_number(all, "gossip.round_ms");
}

static void apply_replication(struct config *config, struct problems *problems) {
    const struct settings *all = &config->all;
    alldata_node_options *node = &config->node;
    node->replication_factor = (int32_t)settings_number(all, "replication.factor");
    node->commit = commit_of(settings_text(all, "replication.commit"));
    node->other_zones = (int32_t)settings_number(all, "replication.other_zones");
    node->other_regions = (int32_t)settings_number(all, "replication.other_regions");
    node->timeout_ms = (uint64_t)settings_number(all, "replication.timeout_ms");
    node->peer_timeout_ms = (uint64_t)settings_number(all, "replication.peer_timeout_ms");
    const int32_t others = node->other_zones + node->other_regions;
    if (others >= node->replication_factor && others > 0)
        problems_error(problems, settings_find(all, "replication.factor")->at,
                       "replication.factor is %d: with %d in other zones and regions none would "
                       "be on this node",
                       (int)node->replication_factor, (int)others);
}

static void apply_repair(struct config *config) {
    const struct settings *all = &config->all;
    const int64_t interval_s = settings_number(all, "repair.interval_s");
    config->node.repair_interval_ms = interval_s > 0 ? (uint64_t)interval_s * 1000 : UINT64_MAX;
    config->node.repair_settle_ms = (uint64_t)settings_number(all, "repair.settle_ms");
    config->node.repair_bytes_per_s = (uint64_t)settings_number(all, "repair.bytes_per_s");
}

void config_apply(struct config *config, struct problems *problems) {
    const struct settings *all = &config->all;
    config->node = (alldata_node_options)ALLDATA_NODE_OPTIONS_INIT;
    config->node.id = settings_some(all, "node_id");
    config->node.cluster = settings_some(all, "cluster");
    config->node.zone = settings_some(all, "zone");
    config->node.region = settings_some(all, "region");
    apply_storage(config, problems);
    apply_peers(config, problems);
    apply_replication(config, problems);
    apply_repair(config);
    config->stop_timeout_ms = settings_number(all, "stop_timeout") * 1000;
    config->log_level = logsink_level(settings_text(all, "log.level"));
    config->log_mode = settings_text(all, "log.mode");
}
