/*
 * A datastore that does not exist, for tests: what it says is taken from its configuration, and
 * from a script, which is a JSON file with the same keys that is read anew at each call. So a test
 * changes the store's behaviour by replacing the script.
 */

#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY(key_name, key_type, key_default, ...)                                                  \
    static const repli_config_key key_##key_name = {                                               \
        .struct_size = sizeof(repli_config_key),                                                   \
        .type = key_type,                                                                          \
        .name = #key_name,                                                                         \
        .default_text = key_default,                                                               \
        __VA_ARGS__,                                                                               \
    }

KEY(script, REPLI_CONFIG_STRING, NULL, .summary = "JSON file with keys that override these");
KEY(calls_file, REPLI_CONFIG_STRING, NULL, .summary = "file that gets a line for each call");
KEY(status, REPLI_CONFIG_CHOICE, "healthy",
    .choices = "unavailable|not_in_cluster|joining|leaving|unhealthy|healthy|unknown",
    .summary = "status of the node");
KEY(reason, REPLI_CONFIG_STRING, NULL, .summary = "reason of the status");
KEY(role, REPLI_CONFIG_CHOICE, "primary", .choices = "primary|secondary|recovering|other",
    .summary = "role of the node for each shard");
KEY(version, REPLI_CONFIG_STRING, "1.2.3", .summary = "version of the store; empty: not known");
KEY(cluster_id, REPLI_CONFIG_STRING, "fake-cluster", .summary = "id of the cluster");
KEY(address, REPLI_CONFIG_STRING, "127.0.0.1:1", .summary = "client address");
KEY(shard_count, REPLI_CONFIG_INTEGER, "1", .min = 0, .max = 4000000,
    .summary = "number of shards");
KEY(offset, REPLI_CONFIG_INTEGER, "100", .min = INT64_MIN, .max = INT64_MAX,
    .summary = "commit offset of each shard, bytes");
KEY(lag, REPLI_CONFIG_INTEGER, "-1", .min = -1, .max = INT64_MAX,
    .summary = "replication lag of each shard, milliseconds; -1: not known");
KEY(calls, REPLI_CONFIG_CHOICE, "all", .choices = "all|node_info|store_info|shards",
    .summary = "which calls the next three are about");
KEY(delay_ms, REPLI_CONFIG_INTEGER, "0", .min = 0, .max = 3600000,
    .summary = "time a call takes, milliseconds");
KEY(fail, REPLI_CONFIG_INTEGER, "0", .min = -100, .max = 1,
    .summary = "code that a call returns, such as -1 for REPLI_EREFUSED");
KEY(hang, REPLI_CONFIG_BOOLEAN, "false",
    .summary = "calls last until the script says otherwise, whatever their deadline");
KEY(password, REPLI_CONFIG_STRING, NULL, .flags = REPLI_CONFIG_SECRET,
    .summary = "a secret that is good for nothing");

static const repli_config_key *const keys[] = {
    &key_script,     &key_calls_file, &key_status,      &key_reason,   &key_role, &key_version,
    &key_cluster_id, &key_address,    &key_shard_count, &key_offset,   &key_lag,  &key_calls,
    &key_delay_ms,   &key_fail,       &key_hang,        &key_password, NULL};

enum { TEXT_SIZE = 1024, SCRIPT_SIZE = 16384 };

/* The settings of one call. */
typedef struct settings {
    const fake *self;
    char script[SCRIPT_SIZE];
    size_t script_size;
} settings;

static void read_script(settings *s) {
    const repli_host *host = s->self->host;
    char path[PATH_MAX];
    s->script_size = 0;
    if (host->json_string(host, s->self->config, s->self->config_size, "script", path, sizeof(path),
                          NULL) != REPLI_OK)
        return;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return;
    const ssize_t size = read(fd, s->script, sizeof(s->script));
    s->script_size = size > 0 ? (size_t)size : 0;
    close(fd);
}

static const char *text_of(const settings *s, const char *key, char text[TEXT_SIZE]) {
    const repli_host *host = s->self->host;
    text[0] = '\0';
    if (s->script_size == 0 ||
        host->json_string(host, s->script, s->script_size, key, text, TEXT_SIZE, NULL) != REPLI_OK)
        host->json_string(host, s->self->config, s->self->config_size, key, text, TEXT_SIZE, NULL);
    return text;
}

static int64_t integer_of(const settings *s, const char *key) {
    const repli_host *host = s->self->host;
    int64_t value = 0;
    if (s->script_size == 0 ||
        host->json_integer(host, s->script, s->script_size, key, &value, NULL) != REPLI_OK)
        host->json_integer(host, s->self->config, s->self->config_size, key, &value, NULL);
    return value;
}

static int32_t boolean_of(const settings *s, const char *key) {
    const repli_host *host = s->self->host;
    int32_t value = 0;
    if (s->script_size == 0 ||
        host->json_boolean(host, s->script, s->script_size, key, &value, NULL) != REPLI_OK)
        host->json_boolean(host, s->self->config, s->self->config_size, key, &value, NULL);
    return value;
}

static void pause_ms(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

int32_t fake_sleep(const fake *self, const repli_op *op, int64_t ms, repli_error *err) {
    const repli_host *host = self->host;
    const uint64_t end_ns = host->now_ns(host) + (uint64_t)ms * 1000000u;
    while (host->now_ns(host) < end_ns) {
        if (host->cancelled(op)) {
            const int late = host->now_ns(host) >= host->deadline_ns(op);
            return host->error(host, err, late ? REPLI_ETIMEOUT : REPLI_ECANCELLED, NULL,
                               late ? "the fake store did not answer in time"
                                    : "the fake store was told to stop",
                               NULL);
        }
        pause_ms(2);
    }
    return REPLI_OK;
}

static void note_call(const settings *s, const char *call) {
    char path[TEXT_SIZE];
    if (text_of(s, "calls_file", path)[0] == '\0')
        return;
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1)
        return;
    char line[64];
    const int size = snprintf(line, sizeof(line), "%s\n", call);
    if (size > 0 && write(fd, line, (size_t)size) != size)
        s->self->host->log(s->self->host, REPLI_LOG_WARNING, "cannot note a call");
    close(fd);
}

/* What every call about the store begins with: be as slow and as broken as was asked for. */
static int32_t begin(settings *s, void *self, const repli_op *op, const char *call,
                     repli_error *err) {
    s->self = self;
    read_script(s);
    note_call(s, call);
    char calls[TEXT_SIZE];
    text_of(s, "calls", calls);
    if (strcmp(calls, "all") != 0 && strcmp(calls, call) != 0)
        return REPLI_OK;
    while (boolean_of(s, "hang")) {
        pause_ms(5);
        read_script(s);
    }
    const repli_host *host = s->self->host;
    const int32_t code = fake_sleep(s->self, op, integer_of(s, "delay_ms"), err);
    if (code != REPLI_OK)
        return code;
    const int32_t fail = (int32_t)integer_of(s, "fail");
    if (fail == REPLI_OK || fail > 0)
        return fail;
    return host->error(host, err, fail, "FAKE1", "the fake store was told to fail", call);
}

static int32_t choice(const char *const words[], const char *word) {
    int32_t number = 1;
    while (words[number - 1] != NULL && strcmp(words[number - 1], word) != 0)
        number++;
    return number;
}

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    static const char *const statuses[] = {"unavailable", "not_in_cluster", "joining", "leaving",
                                           "unhealthy",   "healthy",        "unknown", NULL};
    settings s;
    int32_t code = begin(&s, self, op, "node_info", err);
    const repli_host *host = s.self->host;
    char text[TEXT_SIZE];
    /* The version and the address are known even while the store is down. */
    if (text_of(&s, "version", text)[0] != '\0') {
        repli_store_version version = REPLI_STORE_VERSION_INIT;
        version.number = text;
        const int32_t emitted = host->emit_version(sink, &version);
        code = code == REPLI_OK ? emitted : code;
    }
    if (text_of(&s, "address", text)[0] != '\0') {
        repli_address address = REPLI_ADDRESS_INIT;
        address.name = "client";
        address.address = text;
        const int32_t emitted = host->emit_address(sink, &address);
        code = code == REPLI_OK ? emitted : code;
    }
    if (code != REPLI_OK)
        return code;
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = "fake.test/kind";
    attribute.type = REPLI_VALUE_STRING;
    attribute.string = "fake";
    code = host->emit_attribute(sink, &attribute);
    if (code != REPLI_OK)
        return code;
    char reason[TEXT_SIZE];
    text_of(&s, "reason", reason);
    return host->emit_status(sink, choice(statuses, text_of(&s, "status", text)),
                             reason[0] != '\0' ? reason : NULL);
}

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    settings s;
    int32_t code = begin(&s, self, op, "store_info", err);
    if (code != REPLI_OK)
        return code;
    const repli_host *host = s.self->host;
    char text[TEXT_SIZE];
    code = host->emit_cluster_id(sink, text_of(&s, "cluster_id", text));
    if (code != REPLI_OK)
        return code;
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = "fake.test/shards";
    attribute.type = REPLI_VALUE_INTEGER;
    attribute.integer = integer_of(&s, "shard_count");
    return host->emit_attribute(sink, &attribute);
}

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    static const char *const roles[] = {"primary", "secondary", "recovering", "other", NULL};
    settings s;
    int32_t code = begin(&s, self, op, "shards", err);
    if (code != REPLI_OK)
        return code;
    char text[TEXT_SIZE];
    repli_shard shard = REPLI_SHARD_INIT;
    shard.role = choice(roles, text_of(&s, "role", text));
    shard.role_reason = shard.role == REPLI_ROLE_OTHER ? "told to" : NULL;
    shard.commit_offset = integer_of(&s, "offset");
    shard.commit_offset_unit = "bytes";
    shard.lag = integer_of(&s, "lag");
    shard.lag_unit = shard.lag >= 0 ? REPLI_UNIT_MILLISECONDS : NULL;
    const int64_t count = integer_of(&s, "shard_count");
    for (int64_t i = 0; i < count && code == REPLI_OK; i++) {
        char id[40];
        snprintf(id, sizeof(id), "shard-%lld", (long long)i);
        shard.id = id;
        code = s.self->host->emit_shard(sink, &shard);
    }
    return code;
}

static int32_t fake_open(const repli_host *host, const char *config_json, size_t config_size,
                         void **ret_self, repli_error *err) {
    fake *self = host->alloc(host, sizeof(*self));
    char *config = host->alloc(host, config_size + 1);
    if (self == NULL || config == NULL) {
        host->release(host, self);
        host->release(host, config);
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    }
    memcpy(config, config_json, config_size);
    config[config_size] = '\0';
    *self = (fake){.host = host, .config = config, .config_size = config_size};
    *ret_self = self;
    return REPLI_OK;
}

static void fake_close(void *self) {
    fake *closed = self;
    const repli_host *host = closed->host;
    host->release(host, closed->config);
    host->release(host, closed);
}

static const repli_driver driver = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .name = "fake",
    .version = "1.0.0",
    .store_id = "fake",
    .summary = "A store that does not exist, for tests",
    .config_keys = keys,
    .open = fake_open,
    .close = fake_close,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
    .actions_describe = fake_actions_describe,
    .action_validate = fake_action_validate,
    .action_step = fake_action_step,
    .action_plan = fake_action_plan,
};

REPLI_DRIVER_EXPORT const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

const repli_driver *repli_driver_fake_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
