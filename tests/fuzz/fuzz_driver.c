#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "base/utf8.h"
#include "driver/check.h"
#include "driver/instance.h"
#include "fuzz.h"
#include "base/json_check.h"

/* A driver gone wrong: its table has any size, version, texts and gaps, and its methods emit
 * anything. What is taken over is fit for a client; the rest is refused with a reason. */

enum { KEYS_MAX = 6, RECORDS_MAX = 24 };

static repli__log messages;

static void take_message(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)level;
    (void)user_data;
    HOLDS(strcmp(origin, "driver.good") == 0);
    HOLDS_FOR(repli__utf8_check(message, strlen(message)) == strlen(message), message);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    repli__log_init(&messages);
    repli__log_set(&messages, REPLI_LOG_DEBUG, take_message, NULL);
    return 0;
}

/* What the methods below emit; they have no other way to know. */
static fuzz_input *emitted;
static const repli_host *host;

/* The input's text, or none, or one that is good. */
static const char *some_text(fuzz_input *input, const char *good) {
    switch (fuzz_byte(input) % 4) {
    case 0: return NULL;
    case 1: return fuzz_text(input, NULL);
    default: return good;
    }
}

/* As large as it says, or is; so that whoever reads past that is seen. */
static const void *sized(fuzz_input *input, void *record, size_t size) {
    const uint8_t kind = fuzz_byte(input);
    uint32_t claimed = (uint32_t)size;
    if (kind >= 250)
        claimed = (uint32_t)fuzz_number(input, 1);
    else if (kind >= 240)
        claimed += fuzz_byte(input);
    const size_t room = claimed > sizeof(uint32_t) ? claimed : sizeof(uint32_t);
    char *whole = calloc(1, room > size ? room : size);
    HOLDS(whole != NULL);
    memcpy(record, &claimed, sizeof(claimed));
    memcpy(whole, record, size);
    void *kept = fuzz_keep(input, whole, room);
    free(whole);
    return kept;
}

/* Emitting. */

static int32_t emit_attribute(fuzz_input *input, repli_sink *sink) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.type = (int32_t)fuzz_byte(input) % 7 - 1;
    attribute.name = some_text(input, fuzz_byte(input) % 2 ? "a.test/one" : "b.test/two");
    attribute.string = some_text(input, "text");
    attribute.integer = fuzz_byte(input) % 2 ? fuzz_integer(input) : fuzz_byte(input) % 3;
    const uint64_t bits = fuzz_number(input, 8);
    memcpy(&attribute.real, &bits, sizeof(bits));
    return host->emit_attribute(sink, sized(input, &attribute, sizeof(attribute)));
}

static int32_t emit_shard(fuzz_input *input, repli_sink *sink) {
    repli_shard shard = REPLI_SHARD_INIT;
    shard.role = (int32_t)fuzz_byte(input) % 7 - 1;
    shard.id = some_text(input, "shard");
    shard.role_reason = some_text(input, NULL);
    shard.commit_offset = fuzz_integer(input);
    shard.commit_offset_unit = some_text(input, "bytes");
    shard.lag = fuzz_integer(input);
    shard.lag_unit = some_text(input, REPLI_UNIT_SECONDS);
    return host->emit_shard(sink, sized(input, &shard, sizeof(shard)));
}

static int32_t emit_version(fuzz_input *input, repli_sink *sink) {
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = some_text(input, "1.2.3");
    version.checkout = some_text(input, NULL);
    version.extra = some_text(input, NULL);
    return host->emit_version(sink, sized(input, &version, sizeof(version)));
}

static int32_t emit_address(fuzz_input *input, repli_sink *sink) {
    repli_address address = REPLI_ADDRESS_INIT;
    address.name = some_text(input, "client");
    address.address = some_text(input, "127.0.0.1:1");
    return host->emit_address(sink, sized(input, &address, sizeof(address)));
}

static int32_t emit_kind(fuzz_input *input, repli_sink *sink) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = some_text(input, "a.test/work");
    kind.summary = some_text(input, "works");
    kind.arguments = some_text(input, NULL);
    return host->emit_action_kind(sink, sized(input, &kind, sizeof(kind)));
}

static int32_t emit_outcome(fuzz_input *input, repli_sink *sink) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = (int32_t)fuzz_byte(input) % 6;
    outcome.payload_json = some_text(input, "{}");
    outcome.error = some_text(input, NULL);
    outcome.error_cause = some_text(input, NULL);
    outcome.next_step_ms = fuzz_integer(input);
    return host->emit_outcome(sink, sized(input, &outcome, sizeof(outcome)));
}

/* What the host table offers besides. What it did not find stays as it was. */
static void ask_host(fuzz_input *input) {
    size_t size;
    const char *json = fuzz_text(input, &size);
    const char *path = fuzz_text(input, NULL);
    repli_error error = REPLI_ERROR_INIT;
    const size_t room = fuzz_byte(input);
    char *text = fuzz_keep(input, "", 0);
    if (room > 0)
        text = fuzz_keep(input, memset((char[256]){0}, 'x', room), room);
    int32_t code = host->json_string(host, json, size, path, text, room, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK ? strnlen(text, room) < room : room == 0 || text[0] == 'x');

    int64_t integer = 7;
    error = (repli_error)REPLI_ERROR_INIT;
    code = host->json_integer(host, json, size, path, &integer, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK || integer == 7);

    int32_t boolean = 7;
    error = (repli_error)REPLI_ERROR_INIT;
    code = host->json_boolean(host, json, size, path, &boolean, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK ? boolean == 0 || boolean == 1 : boolean == 7);
    host->log(host, fuzz_byte(input), json);
}

static int32_t emit_something(fuzz_input *input, repli_sink *sink, uint8_t kind) {
    switch (kind) {
    case 0: return host->emit_attribute(sink, NULL);
    case 1: {
        const int32_t status = (int32_t)fuzz_byte(input) % 10 - 1;
        return host->emit_status(sink, status, some_text(input, "because"));
    }
    case 2: return emit_version(input, sink);
    case 3: return emit_address(input, sink);
    case 4: return emit_attribute(input, sink);
    case 5: return host->emit_cluster_id(sink, some_text(input, "one"));
    case 6: return emit_shard(input, sink);
    case 7: return emit_kind(input, sink);
    case 8: return emit_outcome(input, sink);
    default: ask_host(input); return REPLI_OK;
    }
}

/* Emit what usually fits the call, or anything, and return what came of it, or anything. */
static int32_t emit(repli_sink *sink, const uint8_t *fitting, size_t count, repli_error *err) {
    fuzz_input *input = emitted;
    int32_t code = REPLI_OK;
    const int goes_on = fuzz_byte(input) % 4 == 0;
    for (int i = 0; i < RECORDS_MAX && input->size > 0; i++) {
        const uint8_t choice = fuzz_byte(input);
        if (choice == 0xff)
            break;
        const int any = choice >= 0xf0;
        const int32_t got =
            emit_something(input, sink, any ? choice % 10 : fitting[choice % count]);
        HOLDS(got <= REPLI_OK);
        code = got != REPLI_OK ? got : code;
        if (code != REPLI_OK && !goes_on)
            return code;
    }
    switch (fuzz_byte(input)) {
    case 1: return (int32_t)fuzz_integer(input);
    case 2:
        return host->error(host, err, (int32_t)fuzz_integer(input), some_text(input, NULL),
                           some_text(input, "it did not work"), some_text(input, NULL));
    case 3: return REPLI_OK;
    default: return code;
    }
}

/* The driver. */

static int32_t open_any(const repli_host *table, const char *config_json, size_t config_size,
                        void **ret_self, repli_error *err) {
    HOLDS(strlen(config_json) == config_size);
    HOLDS(repli__json_check(config_json, config_size, REPLI__DOCUMENT_DEPTH, "it", NULL) ==
          REPLI_OK);
    host = table;
    *ret_self = NULL;
    return fuzz_byte(emitted) != 1 ? REPLI_OK
                                   : host->error(host, err, REPLI_EINVALID, NULL, "no", NULL);
}

static void close_any(void *self) {
    (void)self;
}

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    static const uint8_t fitting[] = {1, 2, 3, 4};
    (void)self;
    (void)op;
    return emit(sink, fitting, sizeof(fitting), err);
}

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    static const uint8_t fitting[] = {4, 5};
    (void)self;
    (void)op;
    return emit(sink, fitting, sizeof(fitting), err);
}

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    static const uint8_t fitting[] = {6};
    (void)self;
    (void)op;
    return emit(sink, fitting, sizeof(fitting), err);
}

static int32_t describe(void *self, repli_sink *sink, repli_error *err) {
    static const uint8_t fitting[] = {7};
    (void)self;
    return emit(sink, fitting, sizeof(fitting), err);
}

static int32_t validate(void *self, const char *kind, const char *args_json, size_t args_size,
                        repli_error *err) {
    (void)self;
    (void)kind;
    HOLDS(strlen(args_json) == args_size);
    return host->error(host, err, (int32_t)fuzz_integer(emitted), NULL, some_text(emitted, "no"),
                       NULL);
}

static int32_t step(void *self, repli_op *op, const repli_step *now, repli_sink *sink,
                    repli_error *err) {
    static const uint8_t fitting[] = {8};
    (void)self;
    (void)op;
    (void)now;
    return emit(sink, fitting, sizeof(fitting), err);
}

static void cancel(void *self, repli_op *op) {
    (void)self;
    (void)op;
}

/* Its table. */

static const repli_config_key *key_of(fuzz_input *input) {
    repli_config_key key = {.struct_size = sizeof(key)};
    key.type = (int32_t)fuzz_byte(input) % 7;
    key.flags = fuzz_byte(input) % 5;
    key.name = some_text(input, "section.key");
    key.default_text = some_text(input, NULL);
    key.choices = some_text(input, key.type == REPLI_CONFIG_CHOICE ? "one|two" : NULL);
    key.min = fuzz_integer(input);
    key.max = fuzz_integer(input);
    key.summary = some_text(input, "a key");
    return sized(input, &key, sizeof(key));
}

static const repli_config_key *const *keys_of(fuzz_input *input) {
    const repli_config_key *keys[KEYS_MAX + 1] = {NULL};
    const uint8_t count = fuzz_byte(input);
    if (count >= 128)
        return NULL;
    for (int i = 0; i < count % (KEYS_MAX + 1); i++)
        keys[i] = key_of(input);
    return fuzz_keep(input, keys, (size_t)(count % (KEYS_MAX + 1) + 1) * sizeof(keys[0]));
}

#define UNLESS(bit, function) (missing >> (bit)&1 ? NULL : (function))

static const repli_driver *table_of(fuzz_input *input) {
    /* Most are whole, or nothing would come after the first check. */
    const uint16_t missing = fuzz_byte(input) % 4 == 0 ? (uint16_t)fuzz_number(input, 2) : 0;
    repli_driver driver = {
        .struct_size = sizeof(driver),
        .abi_version = fuzz_byte(input) == 1 ? (uint32_t)fuzz_number(input, 4) : REPLI_DRIVER_ABI,
        .capabilities = fuzz_byte(input) == 1 ? fuzz_number(input, 8) : REPLI_CAP_CANCEL,
        .name = "good",
        .version = "1.0.0",
        .store_id = "good",
        .summary = "a driver",
        .config_keys = keys_of(input),
        .open = UNLESS(0, open_any),
        .close = UNLESS(1, close_any),
        .node_info = UNLESS(2, node_info),
        .store_info = UNLESS(3, store_info),
        .shards = UNLESS(4, shards),
        .actions_describe = UNLESS(5, describe),
        .action_validate = UNLESS(6, validate),
        .action_step = UNLESS(7, step),
        .cancel = UNLESS(8, cancel),
    };
    if (missing >> 9 & 1)
        driver.name = some_text(input, "other");
    if (missing >> 10 & 1)
        driver.version = some_text(input, "1");
    if (missing >> 11 & 1)
        driver.store_id = some_text(input, "");
    if (missing >> 12 & 1)
        driver.summary = some_text(input, "");
    return sized(input, &driver, sizeof(driver));
}

static int check_table(const repli_driver *driver, repli__driver_table *ret_table) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__driver_check(driver, "good", ret_table, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK || code == REPLI_EABI || code == REPLI_EINVALID);
    if (code != REPLI_OK)
        return 0;
    const repli_driver *table = &ret_table->driver;
    HOLDS(table->open && table->close && table->node_info && table->store_info && table->shards);
    HOLDS(table->actions_describe && table->action_validate && table->action_step && table->cancel);
    HOLDS(ret_table->has_actions == (driver->action_step != NULL));
    return 1;
}

/* What was taken, as a client gets it. */

static void expect_node(const repli_sink *sink) {
    repli_node node = {
        .struct_size = sizeof(node),
        .status = sink->status,
        .status_reason = sink->status_reason,
        .node_id = "node-1",
        .store_id = "good",
        .agent_version = {sizeof(repli_agent_version), 0, "1.0.0", "unknown", "clean"},
        .store_version = sink->version,
        .addresses = sink->addresses,
        .address_count = sink->address_count,
        .attributes = sink->attributes,
        .attribute_count = sink->attribute_count,
    };
    repli_buf json = REPLI_BUF_INIT;
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_node_to_json(&node, &json, &error) == REPLI_OK, error.message);
    repli_buf_dispose(&json);
}

static void expect_store(const repli_sink *sink) {
    repli_store_extras extras = {.struct_size = sizeof(extras),
                                 .cluster_id = sink->cluster_id,
                                 .attributes = sink->attributes,
                                 .attribute_count = sink->attribute_count};
    repli_buf json = REPLI_BUF_INIT;
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_store_extras_to_json(&extras, &json, &error) == REPLI_OK, error.message);
    repli_buf_dispose(&json);
}

static void expect_shards(const repli_sink *sink) {
    repli_shards list = {
        .struct_size = sizeof(list), .shards = sink->shards, .shard_count = sink->shard_count};
    repli_buf json = REPLI_BUF_INIT;
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_shards_to_json(&list, &json, &error) == REPLI_OK, error.message);
    repli_buf_dispose(&json);
}

static void expect_kinds(const repli_sink *sink) {
    for (size_t i = 0; i < sink->kind_count; i++) {
        HOLDS(repli_scoped_name_validate(sink->kinds[i].kind, NULL) == REPLI_OK);
        HOLDS(sink->kinds[i].summary != NULL && sink->kinds[i].summary[0] != '\0');
    }
}

static void expect_outcome(const repli_sink *sink) {
    const repli_outcome *outcome = &sink->outcome;
    HOLDS((outcome->phase == REPLI_PHASE_FAILED) == (outcome->error != NULL));
    const repli_action action = {.struct_size = sizeof(action),
                                 .phase = REPLI_PHASE_RUNNING,
                                 .id = "00000000-0000-7000-8000-000000000001",
                                 .kind = "a.test/work",
                                 .args_json = "null",
                                 .requester = "AGENT_API",
                                 .finished_ns = REPLI_TIME_NONE,
                                 .payload_json = outcome->payload_json};
    repli_buf json = REPLI_BUF_INIT;
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_action_to_json(&action, &json, &error) == REPLI_OK, error.message);
    repli_buf_dispose(&json);
}

static void call(repli__instance *instance, int32_t takes, void (*expect)(const repli_sink *)) {
    const repli_action action = {.struct_size = sizeof(action), .args_json = "null"};
    const repli_step now = {.struct_size = sizeof(now), .action = &action};
    repli_op op = {.deadline_ns = UINT64_MAX};
    repli_sink sink;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code;
    repli__sink_init(&sink, takes, NULL);
    switch (takes) {
    case REPLI__SINK_NODE: code = repli__instance_node_info(instance, &op, &sink, &error); break;
    case REPLI__SINK_STORE: code = repli__instance_store_info(instance, &op, &sink, &error); break;
    case REPLI__SINK_SHARDS: code = repli__instance_shards(instance, &op, &sink, &error); break;
    case REPLI__SINK_KINDS: code = repli__instance_actions_describe(instance, &sink, &error); break;
    default: code = repli__instance_action_step(instance, &op, &now, &sink, &error); break;
    }
    fuzz_outcome(code, &error);
    if (code == REPLI_OK)
        expect(&sink);
    repli__sink_dispose(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = FUZZ_INPUT(data, size);
    repli__driver_table table;
    emitted = &input;
    if (check_table(table_of(&input), &table)) {
        repli__instance *instance = NULL;
        repli_error error = REPLI_ERROR_INIT;
        const char *config = some_text(&input, "{}");
        const int32_t code =
            repli__instance_open(&table, config, config != NULL ? strlen(config) : 0,
                                 &repli__mem_default, &messages, &instance, &error);
        fuzz_outcome(code, &error);
        if (code == REPLI_OK) {
            call(instance, REPLI__SINK_NODE, expect_node);
            call(instance, REPLI__SINK_STORE, expect_store);
            call(instance, REPLI__SINK_SHARDS, expect_shards);
            call(instance, REPLI__SINK_KINDS, expect_kinds);
            call(instance, REPLI__SINK_STEP, expect_outcome);
            error = (repli_error)REPLI_ERROR_INIT;
            fuzz_outcome(repli__instance_action_validate(instance, "a.test/work", "{}", 2, &error),
                         &error);
            repli__instance_close(instance);
        }
    }
    fuzz_input_end(&input);
    return 0;
}
