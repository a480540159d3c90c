/*
 * A driver as it was compiled against the first release: the layout of that release is written down
 * here, and not taken from the header of today. Never change it: it stands for the drivers that are
 * out there.
 */

#include <stddef.h>
#include <stdint.h>

struct frozen_host {
    uint32_t struct_size;
    uint32_t abi_version;
    void (*log)(const struct frozen_host *host, int32_t level, const char *message);
    void *(*alloc)(const struct frozen_host *host, size_t size);
    void *(*resize)(const struct frozen_host *host, void *ptr, size_t size);
    void (*release)(const struct frozen_host *host, void *ptr);
    uint64_t (*now_ns)(const struct frozen_host *host);
    uint64_t (*deadline_ns)(const void *op);
    int32_t (*cancelled)(const void *op);
    const char *(*running_action)(const void *op);
    int32_t (*error)(const struct frozen_host *host, void *err, int32_t code, const char *native,
                     const char *message, const char *cause);
    int32_t (*emit_status)(void *sink, int32_t status, const char *reason);
    int32_t (*emit_version)(void *sink, const void *version);
    int32_t (*emit_address)(void *sink, const void *address);
    int32_t (*emit_attribute)(void *sink, const void *attribute);
    int32_t (*emit_cluster_id)(void *sink, const char *cluster_id);
    int32_t (*emit_shard)(void *sink, const void *shard);
};

struct frozen_key {
    uint32_t struct_size;
    int32_t type;
    uint32_t flags;
    uint32_t reserved;
    const char *name;
    const char *default_text;
    const char *choices;
    int64_t min;
    int64_t max;
    const char *summary;
};

struct frozen_shard {
    uint32_t struct_size;
    int32_t role;
    const char *id;
    const char *role_reason;
    int64_t commit_offset;
    const char *commit_offset_unit;
    int64_t lag;
    const char *lag_unit;
};

struct frozen_attribute {
    uint32_t struct_size;
    int32_t type;
    const char *name;
    const char *string;
    int64_t integer;
    double real;
};

struct frozen_driver {
    uint32_t struct_size;
    uint32_t abi_version;
    uint64_t capabilities;
    const char *name;
    const char *version;
    const char *store_id;
    const char *summary;
    const struct frozen_key *const *config_keys;
    int32_t (*open)(const struct frozen_host *host, const char *config_json, size_t config_size,
                    void **ret_self, void *err);
    void (*close)(void *self);
    int32_t (*node_info)(void *self, void *op, void *sink, void *err);
    int32_t (*store_info)(void *self, void *op, void *sink, void *err);
    int32_t (*shards)(void *self, void *op, void *sink, void *err);
    int32_t (*actions_describe)(void *self, void *sink, void *err);
    int32_t (*action_validate)(void *self, const char *kind, const char *args_json,
                               size_t args_size, void *err);
    int32_t (*action_step)(void *self, void *op, const void *step, void *sink, void *err);
    void (*cancel)(void *self, void *op);
};

struct frozen {
    const struct frozen_host *host;
};

static int32_t frozen_open(const struct frozen_host *host, const char *config_json,
                           size_t config_size, void **ret_self, void *err) {
    (void)config_json;
    (void)config_size;
    struct frozen *self = host->alloc(host, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, -20, NULL, "out of memory", NULL);
    self->host = host;
    *ret_self = self;
    return 0;
}

static void frozen_close(void *self) {
    const struct frozen_host *host = ((struct frozen *)self)->host;
    host->release(host, self);
}

static int32_t frozen_node_info(void *self, void *op, void *sink, void *err) {
    (void)op;
    (void)err;
    const struct frozen_host *host = ((struct frozen *)self)->host;
    const struct frozen_attribute attribute = {
        sizeof(attribute), 2, "frozen.test/year", NULL, 1, 0};
    const int32_t code = host->emit_attribute(sink, &attribute);
    return code == 0 ? host->emit_status(sink, 6, NULL) : code;
}

static int32_t frozen_store_info(void *self, void *op, void *sink, void *err) {
    (void)op;
    (void)err;
    return ((struct frozen *)self)->host->emit_cluster_id(sink, "frozen-cluster");
}

static int32_t frozen_shards(void *self, void *op, void *sink, void *err) {
    (void)op;
    (void)err;
    const struct frozen_shard shard = {sizeof(shard), 1, "frozen", NULL, 42, "bytes", 0, NULL};
    return ((struct frozen *)self)->host->emit_shard(sink, &shard);
}

static const struct frozen_key key_port = {sizeof(key_port), 2, 0, 0, "port", "80", NULL, 1, 65535,
                                           "port of it"};
static const struct frozen_key *const keys[] = {&key_port, NULL};

static const struct frozen_driver table = {
    .struct_size = sizeof(struct frozen_driver),
    .abi_version = 1,
    .name = "frozen",
    .version = "1.0.0",
    .store_id = "frozen",
    .summary = "A driver of the first release",
    .config_keys = keys,
    .open = frozen_open,
    .close = frozen_close,
    .node_info = frozen_node_info,
    .store_info = frozen_store_info,
    .shards = frozen_shards,
};

__attribute__((visibility("default"))) const void *repli_driver_frozen_entry(uint32_t host_abi);

const void *repli_driver_frozen_entry(uint32_t host_abi) {
    return host_abi == 1 ? &table : NULL;
}
