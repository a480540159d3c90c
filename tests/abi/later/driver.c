#include <replicante/driver.h>

#include <stdio.h>
#include <string.h>

/*
 * A driver of a release to come. It is compiled against headers in which every structure that may
 * grow has grown (grow.awk), also sends larger records than those of today, and looks whether its
 * host knows what it would like to use.
 */

/* A record with members that nobody knows yet. */
#define LARGER(type)                                                                               \
    struct {                                                                                       \
        type known;                                                                                \
        const char *unknown;                                                                       \
    }

static int32_t open_instance(const repli_host *host, const char *config_json, size_t config_size,
                             void **ret_self, repli_error *err) {
    int64_t port;
    const int32_t code = host->json_integer(host, config_json, config_size, "port", &port, err);
    if (code != REPLI_OK)
        return code;
    host->log(host, REPLI_LOG_INFO, "opened");
    *ret_self = (void *)host;
    return REPLI_OK;
}

static void close_instance(void *self) {
    (void)self;
}

static int32_t emit_attribute(const repli_host *host, repli_sink *sink, repli_attribute attribute) {
    LARGER(repli_attribute) larger = {attribute, "unknown"};
    larger.known.struct_size = sizeof(larger);
    return host->emit_attribute(sink, &larger.known);
}

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    const repli_host *host = self;
    const int knows = host->struct_size >= offsetof(repli_host, grown) + sizeof(host->grown);
    LARGER(repli_store_version) version = {{sizeof(version), 0, "3.2.1", NULL, NULL}, "unknown"};
    LARGER(repli_address) address = {{sizeof(address), 0, "client", "127.0.0.1:7"}, "unknown"};
    int32_t code = host->emit_version(sink, &version.known);
    if (code == REPLI_OK)
        code = host->emit_address(sink, &address.known);
    if (code == REPLI_OK)
        code = emit_attribute(
            host, sink,
            (repli_attribute){.type = REPLI_VALUE_STRING,
                              .name = "abi.test/text",
                              .string = knows ? "of later for later" : "of later for v1"});
    if (code == REPLI_OK)
        code = emit_attribute(
            host, sink,
            (repli_attribute){.type = REPLI_VALUE_INTEGER, .name = "abi.test/port", .integer = 7});
    return code == REPLI_OK ? host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL) : code;
}

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    const repli_host *host = self;
    int32_t code = emit_attribute(
        host, sink,
        (repli_attribute){.type = REPLI_VALUE_REAL, .name = "abi.test/load", .real = 0.5});
    if (code == REPLI_OK)
        code = emit_attribute(
            host, sink,
            (repli_attribute){.type = REPLI_VALUE_BOOLEAN, .name = "abi.test/leads", .integer = 1});
    return code == REPLI_OK ? host->emit_cluster_id(sink, "cluster-1") : code;
}

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    const repli_host *host = self;
    LARGER(repli_shard)
    shard = {{sizeof(shard), REPLI_ROLE_PRIMARY, "one", NULL, 42, "bytes", 0, NULL}, "unknown"};
    int32_t code = host->emit_shard(sink, &shard.known);
    shard.known.id = "two";
    shard.known.commit_offset = 43;
    return code == REPLI_OK ? host->emit_shard(sink, &shard.known) : code;
}

static int32_t actions_describe(void *self, repli_sink *sink, repli_error *err) {
    (void)err;
    const repli_action_kind kind = {.struct_size = sizeof(kind),
                                    .kind = "abi.test/count",
                                    .summary = "Counts",
                                    .grown = {1, 2}};
    return ((const repli_host *)self)->emit_action_kind(sink, &kind);
}

static int32_t action_validate(void *self, const char *kind, const char *args_json,
                               size_t args_size, repli_error *err) {
    (void)kind;
    const repli_host *host = self;
    repli_error own = {.struct_size = sizeof(own)};
    int64_t to;
    if (host->json_integer(host, args_json, args_size, "to", &to, &own) == REPLI_OK)
        return REPLI_OK;
    return host->error(host, err, REPLI_EINVALID, "N1", "how far to count is missing", "no number");
}

static int32_t run_process(const repli_host *host, const repli_op *op, repli_error *err) {
    const char *const argv[] = {"sleep", "60", NULL};
    const repli_command command = {.struct_size = sizeof(command), .argv = argv, .grown = {1, 2}};
    repli_process process = {.struct_size = sizeof(process), .grown = {1, 2}};
    int32_t code = host->process_start(host, &command, &process, err);
    if (code == REPLI_ENOTSUP)
        return REPLI_OK;
    if (code == REPLI_OK)
        code = host->process_signal(host, &process, 9, err);
    while (code == REPLI_OK && process.state == REPLI_PROCESS_RUNNING && !host->cancelled(op))
        code = host->process_poll(host, &process, err);
    return code;
}

static int32_t action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                           repli_error *err) {
    const repli_host *host = self;
    const repli_action *action = step->action;
    const char *payload = action->payload_json != NULL ? action->payload_json : "{}";
    int64_t at = 0;
    int64_t to = 0;
    host->json_integer(host, payload, strlen(payload), "at", &at, NULL);
    int32_t code =
        host->json_integer(host, action->args_json, strlen(action->args_json), "to", &to, err);
    if (code == REPLI_OK && at == 0)
        code = run_process(host, op, err);
    if (code != REPLI_OK)
        return code;
    char next[32];
    snprintf(next, sizeof(next), "{\"at\":%d}", (int)at + 1);
    const repli_outcome outcome = {.struct_size = sizeof(outcome),
                                   .phase = at + 1 < to ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE,
                                   .payload_json = next,
                                   .grown = {1, 2}};
    return host->emit_outcome(sink, &outcome);
}

static const repli_config_key port_key = {.struct_size = sizeof(port_key),
                                          .type = REPLI_CONFIG_INTEGER,
                                          .name = "port",
                                          .default_text = "80",
                                          .min = 1,
                                          .max = 65535,
                                          .summary = "port of it",
                                          .grown = {1, 2}};
static const repli_config_key *const keys[] = {&port_key, NULL};

static const repli_driver table = {.struct_size = sizeof(repli_driver),
                                   .abi_version = REPLI_DRIVER_ABI,
                                   .capabilities = UINT64_C(1) << 63,
                                   .name = "later",
                                   .version = "1.0.0",
                                   .store_id = "later",
                                   .summary = "A driver of a release to come",
                                   .config_keys = keys,
                                   .open = open_instance,
                                   .close = close_instance,
                                   .node_info = node_info,
                                   .store_info = store_info,
                                   .shards = shards,
                                   .actions_describe = actions_describe,
                                   .action_validate = action_validate,
                                   .action_step = action_step,
                                   .grown = {1, 2}};

REPLI_DRIVER_EXPORT const repli_driver *repli_driver_later_entry(uint32_t host_abi);

const repli_driver *repli_driver_later_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &table : NULL;
}
