#include "v1.h"

#include <stdio.h>
#include <string.h>

/* A driver of the first release that uses all there was to use. */

typedef struct instance {
    const v1_host *host;
    int64_t port;
} instance;

static int32_t open_instance(const v1_host *host, const char *config_json, size_t config_size,
                             void **ret_self, v1_error *err) {
    instance *self = host->alloc(host, 1);
    if (self != NULL)
        self = host->resize(host, self, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, V1_ENOMEM, NULL, "out of memory", NULL);
    self->host = host;
    const int32_t code =
        host->json_integer(host, config_json, config_size, "port", &self->port, err);
    if (code != 0) {
        host->release(host, self);
        return code;
    }
    host->log(host, V1_LOG_INFO, "opened");
    *ret_self = self;
    return 0;
}

static void close_instance(void *opened) {
    instance *self = opened;
    self->host->release(self->host, self);
}

static int32_t node_info(void *opened, v1_op *op, v1_sink *sink, v1_error *err) {
    const instance *self = opened;
    const v1_host *host = self->host;
    if (host->cancelled(op) || host->now_ns(host) >= host->deadline_ns(op))
        return host->error(host, err, V1_EINVALID, NULL, "there is no time", NULL);
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%d", (int)self->port);
    const v1_version version = {sizeof(version), 0, "3.2.1", "checkout", NULL};
    const v1_address client = {sizeof(client), 0, "client", address};
    const v1_attribute text = {sizeof(text), V1_STRING, "abi.test/text", "of v1", 0, 0};
    const v1_attribute port = {sizeof(port), V1_INTEGER, "abi.test/port", NULL, self->port, 0};
    int32_t code = host->emit_version(sink, &version);
    if (code == 0)
        code = host->emit_address(sink, &client);
    if (code == 0)
        code = host->emit_attribute(sink, &text);
    if (code == 0)
        code = host->emit_attribute(sink, &port);
    return code == 0 ? host->emit_status(sink, V1_HEALTHY, NULL) : code;
}

static int32_t store_info(void *opened, v1_op *op, v1_sink *sink, v1_error *err) {
    (void)op;
    (void)err;
    const v1_host *host = ((instance *)opened)->host;
    const v1_attribute load = {sizeof(load), V1_REAL, "abi.test/load", NULL, 0, 0.5};
    const v1_attribute leads = {sizeof(leads), V1_BOOLEAN, "abi.test/leads", NULL, 1, 0};
    int32_t code = host->emit_attribute(sink, &load);
    if (code == 0)
        code = host->emit_attribute(sink, &leads);
    return code == 0 ? host->emit_cluster_id(sink, "cluster-1") : code;
}

static int32_t shards(void *opened, v1_op *op, v1_sink *sink, v1_error *err) {
    (void)op;
    (void)err;
    const v1_host *host = ((instance *)opened)->host;
    const v1_shard one = {sizeof(one), V1_PRIMARY, "one", NULL, 42, "bytes", 0, NULL};
    const v1_shard two = {sizeof(two), V1_PRIMARY, "two", NULL, 43, "bytes", 0, NULL};
    const int32_t code = host->emit_shard(sink, &one);
    return code == 0 ? host->emit_shard(sink, &two) : code;
}

static int32_t actions_describe(void *opened, v1_sink *sink, v1_error *err) {
    (void)err;
    const v1_action_kind kind = {sizeof(kind), 0, "abi.test/count", "Counts", "to: a number"};
    return ((instance *)opened)->host->emit_action_kind(sink, &kind);
}

static int32_t action_validate(void *opened, const char *kind, const char *args_json,
                               size_t args_size, v1_error *err) {
    (void)kind;
    const v1_host *host = ((instance *)opened)->host;
    int64_t to;
    if (host->json_integer(host, args_json, args_size, "to", &to, NULL) == 0)
        return 0;
    return host->error(host, err, V1_EINVALID, "N1", "how far to count is missing", "no number");
}

/* A host may have no processes to offer. */
static int32_t run_processes(const v1_host *host, const v1_op *op, v1_error *err) {
    const char *const echo[] = {"echo", "done", NULL};
    const char *const sleeper[] = {"sleep", "60", NULL};
    v1_command command = {.struct_size = sizeof(command), .argv = echo};
    struct {
        v1_process it;
        uint64_t guard[8]; /* is not the host's to write to */
    } process = {.it = {.struct_size = sizeof(process.it)}, .guard = {1, 2, 3, 4, 5, 6, 7, 8}};
    char output[16];
    int32_t exit_code;
    int32_t code = host->process_run(host, op, &command, output, sizeof(output), &exit_code, err);
    if (code == V1_ENOTSUP)
        return 0;
    if (code == 0 && (exit_code != 0 || strcmp(output, "done\n") != 0))
        return host->error(host, err, V1_EINVALID, NULL, "the echo is wrong", output);
    command.argv = sleeper;
    if (code == 0)
        code = host->process_start(host, &command, &process.it, err);
    if (code == 0)
        code = host->process_signal(host, &process.it, 9, err);
    while (code == 0 && process.it.state == V1_PROCESS_RUNNING && !host->cancelled(op))
        code = host->process_poll(host, &process.it, err);
    for (uint64_t i = 0; code == 0 && i < 8; i++)
        if (process.guard[i] != i + 1)
            return host->error(host, err, V1_EINVALID, NULL, "the guard was overwritten", NULL);
    if (code == 0 && process.it.exit_code != 128 + 9)
        return host->error(host, err, V1_EINVALID, NULL, "the process was not killed", NULL);
    return code;
}

static int32_t action_step(void *opened, v1_op *op, const v1_step *step, v1_sink *sink,
                           v1_error *err) {
    const v1_host *host = ((instance *)opened)->host;
    const v1_action *action = step->action;
    const char *payload = action->payload_json != NULL ? action->payload_json : "{}";
    int64_t at = 0;
    int64_t to = 0;
    host->json_integer(host, payload, strlen(payload), "at", &at, NULL);
    int32_t code =
        host->json_integer(host, action->args_json, strlen(action->args_json), "to", &to, err);
    if (code == 0 && at == 0)
        code = run_processes(host, op, err);
    if (code != 0)
        return code;
    char next[32];
    snprintf(next, sizeof(next), "{\"at\":%d}", (int)at + 1);
    const v1_outcome outcome = {
        sizeof(outcome), at + 1 < to ? V1_RUNNING : V1_DONE, next, NULL, NULL, 0};
    return host->emit_outcome(sink, &outcome);
}

static const v1_config_key port_key = {
    sizeof(port_key), V1_CONFIG_INTEGER, 0, 0, "port", "80", NULL, 1, 65535, "port of it"};
static const v1_config_key *const keys[] = {&port_key, NULL};

static const v1_driver table = {
    .struct_size = sizeof(v1_driver),
    .abi_version = V1_DRIVER_ABI,
    .name = "v1",
    .version = "1.0.0",
    .store_id = "v1",
    .summary = "A driver of the first release",
    .config_keys = keys,
    .open = open_instance,
    .close = close_instance,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
    .actions_describe = actions_describe,
    .action_validate = action_validate,
    .action_step = action_step,
};

__attribute__((visibility("default"))) const v1_driver *repli_driver_v1_entry(uint32_t host_abi);

const v1_driver *repli_driver_v1_entry(uint32_t host_abi) {
    return host_abi == V1_DRIVER_ABI ? &table : NULL;
}
