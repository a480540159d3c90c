#include "v1.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * host FILE NAME CONFIG ARGUMENTS: what a library of the first release does with a driver, and no
 * more: calls each method once, runs the action it describes to its end, prints what comes.
 */

struct v1_op {
    uint64_t deadline_ns;
};

struct v1_sink {
    char kind[64];
    int32_t phase;
    char payload[128];
};

static void fail(const char *what, const v1_error *err) {
    fprintf(stderr, "%s: %s\n", what, err != NULL ? err->message : "");
    exit(1);
}

/* A record of a driver that is not older than the first release has at least these bytes. */
static void expect_size(const void *record, size_t least) {
    uint32_t size;
    memcpy(&size, record, sizeof(size));
    if (size < least)
        fail("a record is too small", NULL);
}

static void host_log(const v1_host *host, int32_t level, const char *message) {
    (void)host;
    printf("log %d %s\n", level, message);
}

static void *host_alloc(const v1_host *host, size_t size) {
    (void)host;
    return malloc(size);
}

static void *host_resize(const v1_host *host, void *ptr, size_t size) {
    (void)host;
    return realloc(ptr, size);
}

static void host_release(const v1_host *host, void *ptr) {
    (void)host;
    free(ptr);
}

static uint64_t host_now_ns(const v1_host *host) {
    (void)host;
    return 1;
}

static uint64_t host_deadline_ns(const v1_op *op) {
    return op->deadline_ns;
}

static int32_t host_cancelled(const v1_op *op) {
    (void)op;
    return 0;
}

static const char *host_running_action(const v1_op *op) {
    (void)op;
    return NULL;
}

static int32_t host_error(const v1_host *host, v1_error *err, int32_t code, const char *native,
                          const char *message, const char *cause) {
    (void)host;
    if (err != NULL) {
        err->code = code;
        snprintf(err->native, sizeof(err->native), "%s", native != NULL ? native : "");
        snprintf(err->message, sizeof(err->message), "%s", message);
        snprintf(err->cause, sizeof(err->cause), "%s", cause != NULL ? cause : "");
    }
    return code;
}

static int32_t emit_status(v1_sink *sink, int32_t status, const char *reason) {
    (void)sink;
    printf("status %d %s\n", status, reason != NULL ? reason : "");
    return 0;
}

static int32_t emit_version(v1_sink *sink, const v1_version *version) {
    (void)sink;
    expect_size(version, sizeof(*version));
    printf("version %s\n", version->number);
    return 0;
}

static int32_t emit_address(v1_sink *sink, const v1_address *address) {
    (void)sink;
    expect_size(address, sizeof(*address));
    printf("address %s %s\n", address->name, address->address);
    return 0;
}

static int32_t emit_attribute(v1_sink *sink, const v1_attribute *attribute) {
    (void)sink;
    expect_size(attribute, sizeof(*attribute));
    printf("attribute %s %d %s %lld %g\n", attribute->name, attribute->type,
           attribute->string != NULL ? attribute->string : "", (long long)attribute->integer,
           attribute->real);
    return 0;
}

static int32_t emit_cluster_id(v1_sink *sink, const char *cluster_id) {
    (void)sink;
    printf("cluster %s\n", cluster_id);
    return 0;
}

static int32_t emit_shard(v1_sink *sink, const v1_shard *shard) {
    (void)sink;
    expect_size(shard, sizeof(*shard));
    printf("shard %s %d %lld\n", shard->id, shard->role, (long long)shard->commit_offset);
    return 0;
}

static int32_t emit_action_kind(v1_sink *sink, const v1_action_kind *kind) {
    expect_size(kind, sizeof(*kind));
    printf("kind %s\n", kind->kind);
    snprintf(sink->kind, sizeof(sink->kind), "%s", kind->kind);
    return 0;
}

static int32_t emit_outcome(v1_sink *sink, const v1_outcome *outcome) {
    expect_size(outcome, sizeof(*outcome));
    printf("outcome %d %s\n", outcome->phase,
           outcome->payload_json != NULL ? outcome->payload_json : "");
    sink->phase = outcome->phase;
    if (outcome->payload_json != NULL)
        snprintf(sink->payload, sizeof(sink->payload), "%s", outcome->payload_json);
    return 0;
}

static int32_t no_run(const v1_host *host, const v1_op *op, const v1_command *command, char *output,
                      size_t output_size, int32_t *ret_exit_code, v1_error *err) {
    (void)op;
    (void)output;
    (void)output_size;
    (void)ret_exit_code;
    expect_size(command, sizeof(*command));
    return host_error(host, err, V1_ENOTSUP, NULL, "no processes", NULL);
}

static int32_t no_start(const v1_host *host, const v1_command *command, v1_process *ret_process,
                        v1_error *err) {
    expect_size(command, sizeof(*command));
    expect_size(ret_process, sizeof(*ret_process));
    return host_error(host, err, V1_ENOTSUP, NULL, "no processes", NULL);
}

static int32_t no_poll(const v1_host *host, v1_process *process, v1_error *err) {
    (void)process;
    return host_error(host, err, V1_ENOTSUP, NULL, "no processes", NULL);
}

static int32_t no_signal(const v1_host *host, const v1_process *process, int32_t signal_number,
                         v1_error *err) {
    (void)process;
    (void)signal_number;
    return host_error(host, err, V1_ENOTSUP, NULL, "no processes", NULL);
}

/* Enough of JSON for objects of plain strings and numbers: where the value of path begins. */
static const char *value_of(const char *json, const char *path) {
    char name[64];
    snprintf(name, sizeof(name), "\"%s\":", path);
    const char *at = strstr(json, name);
    return at != NULL ? at + strlen(name) : NULL;
}

static int32_t json_string(const v1_host *host, const char *json, size_t size, const char *path,
                           char *ret_text, size_t text_size, v1_error *err) {
    (void)size;
    const char *value = value_of(json, path);
    if (value == NULL || value[0] != '"')
        return host_error(host, err, V1_ENOTFOUND, NULL, path, NULL);
    snprintf(ret_text, text_size, "%.*s", (int)strcspn(value + 1, "\""), value + 1);
    return 0;
}

static int32_t json_integer(const v1_host *host, const char *json, size_t size, const char *path,
                            int64_t *ret_value, v1_error *err) {
    (void)size;
    const char *value = value_of(json, path);
    if (value == NULL)
        return host_error(host, err, V1_ENOTFOUND, NULL, path, NULL);
    *ret_value = strtoll(value, NULL, 10);
    return 0;
}

static int32_t json_boolean(const v1_host *host, const char *json, size_t size, const char *path,
                            int32_t *ret_value, v1_error *err) {
    (void)size;
    const char *value = value_of(json, path);
    if (value == NULL)
        return host_error(host, err, V1_ENOTFOUND, NULL, path, NULL);
    *ret_value = value[0] == 't';
    return 0;
}

static const v1_host table = {
    sizeof(v1_host), V1_DRIVER_ABI, host_log,         host_alloc,     host_resize,
    host_release,    host_now_ns,   host_deadline_ns, host_cancelled, host_running_action,
    host_error,      emit_status,   emit_version,     emit_address,   emit_attribute,
    emit_cluster_id, emit_shard,    emit_action_kind, emit_outcome,   no_run,
    no_start,        no_poll,       no_signal,        json_string,    json_integer,
    json_boolean};

static const v1_driver *load(const char *file, const char *name) {
    char symbol[64];
    const v1_driver *(*entry)(uint32_t host_abi) = NULL;
    snprintf(symbol, sizeof(symbol), "repli_driver_%s_entry", name);
    void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    void *address = object != NULL ? dlsym(object, symbol) : NULL;
    if (address == NULL)
        fail(dlerror(), NULL);
    memcpy(&entry, &address, sizeof(entry));
    const v1_driver *driver = entry(V1_DRIVER_ABI);
    if (driver == NULL || driver->abi_version != V1_DRIVER_ABI)
        fail("another interface", NULL);
    expect_size(driver, sizeof(*driver));
    return driver;
}

static void act(const v1_driver *driver, void *self, const char *arguments) {
    v1_error err = {.struct_size = sizeof(err)};
    v1_sink sink = {.phase = V1_RUNNING};
    v1_op op = {.deadline_ns = 2};
    if (driver->actions_describe(self, &sink, &err) != 0 ||
        driver->action_validate(self, sink.kind, arguments, strlen(arguments), &err) != 0)
        fail("the action", &err);
    for (uint64_t number = 0; sink.phase == V1_RUNNING; number++) {
        char payload[sizeof(sink.payload)];
        memcpy(payload, sink.payload, sizeof(payload));
        const v1_action action = {.struct_size = sizeof(action),
                                  .phase = V1_RUNNING,
                                  .id = "01890000-0000-7000-8000-000000000000",
                                  .kind = sink.kind,
                                  .args_json = arguments,
                                  .requester = "host",
                                  .finished_ns = V1_TIME_NONE,
                                  .payload_json = payload[0] != '\0' ? payload : NULL};
        const v1_step step = {sizeof(step), 0, number, &action};
        if (driver->action_step(self, &op, &step, &sink, &err) != 0)
            fail("action_step", &err);
    }
}

int main(int argc, char **argv) {
    if (argc != 5)
        fail("usage: host FILE NAME CONFIG ARGUMENTS", NULL);
    const v1_driver *driver = load(argv[1], argv[2]);
    v1_error err = {.struct_size = sizeof(err)};
    v1_sink sink = {.phase = 0};
    v1_op op = {.deadline_ns = 2};
    void *self = NULL;
    if (driver->open(&table, argv[3], strlen(argv[3]), &self, &err) != 0)
        fail("open", &err);
    if (driver->node_info(self, &op, &sink, &err) != 0)
        fail("node_info", &err);
    if (driver->store_info(self, &op, &sink, &err) != 0)
        fail("store_info", &err);
    if (driver->shards(self, &op, &sink, &err) != 0)
        fail("shards", &err);
    act(driver, self, argv[4]);
    driver->close(self);
    return 0;
}
