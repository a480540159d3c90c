/* A driver that does what none should: "mode" in its configuration says what. */

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <replicante/driver.h>

enum { HUGE_SIZE = 100 * 1024 * 1024 };

typedef struct unruly {
    const repli_host *host;
    char mode[64];
    repli_sink *kept; /* of a call that is over */
} unruly;

static const repli_config_key key_mode = {.struct_size = sizeof(repli_config_key),
                                          .type = REPLI_CONFIG_STRING,
                                          .name = "mode",
                                          .default_text = "",
                                          .summary = "what to do wrong"};
static const repli_config_key *const keys[] = {&key_mode, NULL};

static int is(const unruly *self, const char *mode) {
    return strcmp(self->mode, mode) == 0;
}

static void hang(void) {
    for (;;)
        pause();
}

static void crash(void) {
    raise(SIGSEGV);
}

/* Text that is not what text should be, by the end of the mode: "METHOD:FIELD:KIND". */
static const char *bad_text(const unruly *self) {
    static char *huge;
    const char *kind = strrchr(self->mode, ':');
    if (kind == NULL || strcmp(kind, ":null") == 0)
        return NULL;
    if (strcmp(kind, ":utf8") == 0)
        return "\xff\xfe";
    if (strcmp(kind, ":control") == 0)
        return "a\x1b[2J\nb";
    if (strcmp(kind, ":empty") == 0)
        return "";
    if (huge == NULL && (huge = malloc(HUGE_SIZE + 1)) != NULL) {
        memset(huge, 'x', HUGE_SIZE);
        huge[HUGE_SIZE] = '\0';
    }
    return huge;
}

/* The text of a field, bad if the mode is about it. */
static const char *text_for(const unruly *self, const char *field, const char *good) {
    const size_t size = strlen(field);
    return strncmp(self->mode, field, size) == 0 && self->mode[size] == ':' ? bad_text(self) : good;
}

static int32_t unruly_open(const repli_host *host, const char *config_json, size_t config_size,
                           void **ret_self, repli_error *err) {
    unruly *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return REPLI_ENOMEM;
    self->host = host;
    host->json_string(host, config_json, config_size, "mode", self->mode, sizeof(self->mode), NULL);
    if (is(self, "open:crash"))
        crash();
    if (is(self, "open:hang"))
        hang();
    if (is(self, "open:positive") || is(self, "open:silent")) {
        const int32_t code = is(self, "open:silent") ? INT_MIN : 7;
        free(self);
        return code;
    }
    if (is(self, "open:unended")) {
        free(self);
        memset(err, 'x', sizeof(*err));
        return REPLI_EREFUSED;
    }
    *ret_self = self;
    return REPLI_OK;
}

static void unruly_close(void *self) {
    if (is(self, "close:hang"))
        hang();
    free(self);
}

static int32_t emit_version(const unruly *self, repli_sink *sink) {
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = text_for(self, "version.number", "1.2.3");
    version.checkout = text_for(self, "version.checkout", NULL);
    if (is(self, "version:size"))
        version.struct_size = 5;
    return self->host->emit_version(sink, is(self, "version:none") ? NULL : &version);
}

static int32_t emit_address(const unruly *self, repli_sink *sink) {
    repli_address address = REPLI_ADDRESS_INIT;
    address.name = text_for(self, "address.name", "client");
    address.address = text_for(self, "address.address", "127.0.0.1:1");
    if (is(self, "address:size"))
        address.struct_size = 0;
    return self->host->emit_address(sink, &address);
}

static int32_t emit_attribute(const unruly *self, repli_sink *sink) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = text_for(self, "attribute.name", "unruly.test/a");
    attribute.type = REPLI_VALUE_STRING;
    attribute.string = text_for(self, "attribute.string", "a");
    if (is(self, "attribute:type"))
        attribute.type = 77;
    if (is(self, "attribute:nan") || is(self, "attribute:infinite")) {
        attribute.type = REPLI_VALUE_REAL;
        attribute.real = is(self, "attribute:nan") ? (double)NAN : -(double)INFINITY;
    }
    if (is(self, "attribute:reserved"))
        attribute.name = "agent.replicante.io/mine";
    return self->host->emit_attribute(sink, &attribute);
}

static void *emit_elsewhere(void *argument) {
    void **arguments = argument;
    const unruly *self = arguments[0];
    self->host->emit_status(arguments[1], REPLI_STATUS_HEALTHY, NULL);
    return NULL;
}

static int32_t emit_status(const unruly *self, repli_sink *sink) {
    if (is(self, "status:none"))
        return REPLI_OK;
    if (is(self, "status:unknown"))
        return self->host->emit_status(sink, REPLI_STATUS_UNKNOWN, NULL);
    if (is(self, "status:thread")) {
        void *arguments[] = {(void *)(uintptr_t)self, sink};
        pthread_t thread;
        if (pthread_create(&thread, NULL, emit_elsewhere, arguments) == 0)
            pthread_join(thread, NULL);
        return REPLI_OK;
    }
    return self->host->emit_status(sink, is(self, "status:value") ? 77 : REPLI_STATUS_UNHEALTHY,
                                   text_for(self, "reason", "it is so"));
}

static int32_t node_info(void *instance, repli_op *op, repli_sink *sink, repli_error *err) {
    unruly *self = instance;
    (void)op;
    self->kept = sink;
    if (is(self, "node_info:hang"))
        hang();
    if (is(self, "node_info:crash"))
        crash();
    if (is(self, "node_info:positive") || is(self, "node_info:silent"))
        return is(self, "node_info:silent") ? INT_MIN : INT_MAX;
    if (is(self, "node_info:unended")) {
        memset(err, 'x', sizeof(*err));
        return REPLI_EREFUSED;
    }
    if (is(self, "node_info:sink")) {
        self->host->emit_cluster_id(sink, "c");
        return REPLI_OK;
    }
    if (is(self, "node_info:endless"))
        for (int i = 0; self->host->emit_attribute(sink, NULL) != REPLI_OK && i < 1000000; i++)
            continue;
    int32_t code = emit_version(self, sink);
    if (code == REPLI_OK)
        code = emit_address(self, sink);
    if (code == REPLI_OK)
        code = emit_attribute(self, sink);
    return code == REPLI_OK ? emit_status(self, sink) : code;
}

static int32_t store_info(void *instance, repli_op *op, repli_sink *sink, repli_error *err) {
    unruly *self = instance;
    (void)op;
    (void)err;
    if (is(self, "store_info:late"))
        return self->host->emit_status(self->kept, REPLI_STATUS_HEALTHY, NULL);
    return self->host->emit_cluster_id(sink, text_for(self, "cluster_id", "unruly"));
}

static int32_t shards(void *instance, repli_op *op, repli_sink *sink, repli_error *err) {
    unruly *self = instance;
    (void)op;
    (void)err;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = text_for(self, "shard.id", "s");
    shard.role = is(self, "shard:role") ? -9 : REPLI_ROLE_PRIMARY;
    shard.commit_offset = is(self, "shard:offset") ? INT64_MIN : 1;
    shard.commit_offset_unit = text_for(self, "shard.unit", "bytes");
    if (is(self, "shard:lag")) {
        shard.lag = INT64_MIN + 5;
        shard.lag_unit = "bytes";
    }
    int32_t code = self->host->emit_shard(sink, &shard);
    if (code == REPLI_OK && is(self, "shard:twice"))
        code = self->host->emit_shard(sink, &shard);
    char id[24] = "many-";
    shard.id = id;
    for (uint32_t i = 0; is(self, "shard:endless") && code == REPLI_OK; i++) {
        for (int digit = 0; digit < 8; digit++)
            id[5 + digit] = "0123456789abcdef"[i >> (28 - 4 * digit) & 15];
        code = self->host->emit_shard(sink, &shard);
    }
    return code;
}

static int32_t actions_describe(void *instance, repli_sink *sink, repli_error *err) {
    const unruly *self = instance;
    (void)err;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = text_for(self, "kind.kind", "unruly.test/act");
    kind.summary = text_for(self, "kind.summary", "Acts up");
    const int32_t code = self->host->emit_action_kind(sink, &kind);
    return code == REPLI_OK && is(self, "kind:twice") ? self->host->emit_action_kind(sink, &kind)
                                                      : code;
}

static int32_t action_validate(void *instance, const char *kind, const char *args_json,
                               size_t args_size, repli_error *err) {
    const unruly *self = instance;
    (void)kind;
    (void)args_json;
    (void)args_size;
    (void)err;
    return is(self, "action_validate:positive") ? 3
           : is(self, "action_validate:silent") ? REPLI_EAUTH
                                                : REPLI_OK;
}

static int32_t action_step(void *instance, repli_op *op, const repli_step *step, repli_sink *sink,
                           repli_error *err) {
    unruly *self = instance;
    (void)op;
    (void)step;
    (void)err;
    if (is(self, "action_step:positive"))
        return 3;
    if (is(self, "action_step:crash"))
        crash();
    if (is(self, "action_step:hang"))
        hang();
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = is(self, "outcome:phase") ? INT_MIN : REPLI_PHASE_DONE;
    outcome.payload_json = text_for(self, "payload", "{\"a\":[1,2]}");
    if (is(self, "outcome:unbalanced"))
        outcome.payload_json = "{\"a\":[1,2}";
    if (is(self, "outcome:failed"))
        outcome.phase = REPLI_PHASE_FAILED;
    if (is(self, "outcome:size"))
        outcome.struct_size = 8;
    return self->host->emit_outcome(sink, &outcome);
}

static const repli_driver driver = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .name = "unruly",
    .version = "1.0.0",
    .store_id = "unruly",
    .summary = "A driver that does what none should, for tests",
    .config_keys = keys,
    .open = unruly_open,
    .close = unruly_close,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
    .actions_describe = actions_describe,
    .action_validate = action_validate,
    .action_step = action_step,
};

REPLI_DRIVER_EXPORT const repli_driver *repli_driver_unruly_entry(uint32_t host_abi);

const repli_driver *repli_driver_unruly_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
