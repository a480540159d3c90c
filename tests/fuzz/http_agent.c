#include "http_agent.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <replicante/model.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "base/json_check.h"

enum { INPUTS = 2000 };

/* The driver: healthy, with two shards, and an action of which all arguments are good. */

typedef struct instance {
    const repli_host *host;
} instance;

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    (void)config_json;
    (void)config_size;
    instance *self = host->alloc(host, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    self->host = host;
    *ret_self = self;
    return REPLI_OK;
}

static void close_store(void *self) {
    const repli_host *host = ((instance *)self)->host;
    host->release(host, self);
}

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return ((instance *)self)->host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
}

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return ((instance *)self)->host->emit_cluster_id(sink, "one");
}

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "shard";
    shard.role = REPLI_ROLE_PRIMARY;
    return ((instance *)self)->host->emit_shard(sink, &shard);
}

static int32_t describe(void *self, repli_sink *sink, repli_error *err) {
    (void)err;
    const repli_action_kind kind = {.struct_size = sizeof(kind),
                                    .kind = "fuzz.test/echo",
                                    .summary = "gives its arguments back"};
    return ((instance *)self)->host->emit_action_kind(sink, &kind);
}

static int32_t validate(void *self, const char *kind, const char *args_json, size_t args_size,
                        repli_error *err) {
    (void)self;
    (void)kind;
    (void)err;
    HOLDS(strlen(args_json) == args_size);
    HOLDS(repli__json_check(args_json, args_size, REPLI__VALUE_DEPTH, "args", NULL) == REPLI_OK);
    return REPLI_OK;
}

static int32_t step(void *self, repli_op *op, const repli_step *now, repli_sink *sink,
                    repli_error *err) {
    (void)op;
    (void)err;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = now->number == 0 ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE;
    outcome.payload_json = now->action->args_json;
    return ((instance *)self)->host->emit_outcome(sink, &outcome);
}

static const repli_driver *entry(uint32_t host_abi) {
    static const repli_driver driver = {
        .struct_size = sizeof(driver),
        .abi_version = REPLI_DRIVER_ABI,
        .name = "fuzz",
        .version = "1.0.0",
        .store_id = "fuzz",
        .summary = "a store that does not exist",
        .open = open_store,
        .close = close_store,
        .node_info = node_info,
        .store_info = store_info,
        .shards = shards,
        .actions_describe = describe,
        .action_validate = validate,
        .action_step = step,
    };
    (void)host_abi;
    return &driver;
}

/* The agent. */

static repli_agent *agent;
static unsigned inputs;
static void (*before_end)(void);
static void (*after_start)(repli_agent *);

static void start(void) {
    repli_error error = REPLI_ERROR_INIT;
    repli_config *config;
    HOLDS(repli_config_new(NULL, &config, &error) == REPLI_OK);
    HOLDS(repli_config_set_str(config, "node_id", "node-1", &error) == REPLI_OK);
    HOLDS(repli_config_set_str(config, "store_path", fuzz_path("http.db"), &error) == REPLI_OK);
    HOLDS(repli_config_set_str(config, "store_synchronous", "normal", &error) == REPLI_OK);
    HOLDS(repli_config_set_int(config, "actions.queue_limit", 50, &error) == REPLI_OK);
    HOLDS(repli_config_set_driver(config, entry, &error) == REPLI_OK);
    HOLDS_FOR(repli_agent_new(config, &agent, &error) == REPLI_OK, error.message);
    HOLDS_FOR(repli_agent_start(agent, &error) == REPLI_OK, error.message);
    repli_config_free(config);
    inputs = 0;
    if (after_start != NULL)
        after_start(agent);
}

static void end(void) {
    if (agent == NULL)
        return;
    if (before_end != NULL)
        before_end();
    HOLDS(repli_agent_stop(agent, 60000, NULL) == REPLI_OK);
    repli_agent_free(agent);
    agent = NULL;
    unlink(fuzz_path("http.db"));
    unlink(fuzz_path("http.db-wal"));
    unlink(fuzz_path("http.db-shm"));
}

repli_agent *http_agent(void) {
    if (agent != NULL && ++inputs > INPUTS)
        end();
    if (agent == NULL) {
        static int first = 1;
        fuzz_directory();
        if (first)
            HOLDS(atexit(end) == 0); /* before the directory goes */
        first = 0;
        start();
    }
    return agent;
}

void http_agent_notify(void (*before)(void), void (*after)(repli_agent *agent)) {
    before_end = before;
    after_start = after;
}

static int is_text(const char *body, size_t size) {
    return memchr(body, '\0', size) == NULL && repli__utf8_check(body, size) == size;
}

void http_agent_expect(int32_t status, const char *content_type, const char *body, size_t size) {
    HOLDS(status >= 200 && status < 600);
    HOLDS((content_type == NULL) == (size == 0));
    if (size == 0)
        return;
    HOLDS(is_text(body, size));
    if (strcmp(content_type, "application/json") != 0) {
        HOLDS_FOR(strncmp(content_type, "text/plain", 10) == 0, content_type);
        return;
    }
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(repli__json_check(body, size, REPLI__DOCUMENT_DEPTH, "the body", &error) == REPLI_OK,
              error.message);
    if (status < 400)
        return;
    repli_error told = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_error_from_json(body, size, &told, &error) == REPLI_OK, error.message);
    HOLDS(told.message[0] != '\0');
}
