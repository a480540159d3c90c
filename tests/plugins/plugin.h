#ifndef PLUGIN_H
#define PLUGIN_H

#include <string.h>

#include <replicante/driver.h>

/* A driver that does next to nothing, of which each plugin changes something. */

static const repli_host *plugin_host;

static int32_t plugin_open(const repli_host *host, const char *config_json, size_t config_size,
                           void **ret_self, repli_error *err) {
    (void)config_json;
    (void)config_size;
    (void)err;
    plugin_host = host;
    *ret_self = NULL;
    return REPLI_OK;
}

static void plugin_close(void *self) {
    (void)self;
}

static int32_t plugin_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)op;
    (void)err;
    return plugin_host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
}

static int32_t plugin_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)op;
    (void)err;
    return plugin_host->emit_cluster_id(sink, "plugin");
}

static int32_t plugin_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)op;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static repli_driver plugin_table = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .version = "1.0.0",
    .store_id = "plugin",
    .summary = "A driver for tests of the loader",
    .open = plugin_open,
    .close = plugin_close,
    .node_info = plugin_node_info,
    .store_info = plugin_store_info,
    .shards = plugin_shards,
};

/* PLUGIN(NAME) { …; } is the body of NAME's entry function, before which table is a proper one. */
#define PLUGIN(plugin_name)                                                                        \
    REPLI_DRIVER_EXPORT const repli_driver *repli_driver_##plugin_name##_entry(uint32_t host_abi); \
    static const repli_driver *changed(repli_driver *table, uint32_t host_abi);                    \
    const repli_driver *repli_driver_##plugin_name##_entry(uint32_t host_abi) {                    \
        plugin_table.name = #plugin_name;                                                          \
        return changed(&plugin_table, host_abi);                                                   \
    }                                                                                              \
    static const repli_driver *changed(repli_driver *table, uint32_t host_abi)

#endif
