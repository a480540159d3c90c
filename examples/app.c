/* The host is the datastore here: a counter in its memory, a driver that tells of it, and an action
 * that changes it. Whatever the loop, the agent is made the same way, without a file. */
#include "app.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The datastore. Atomic because one host lets the agent have threads. */
static atomic_llong counter;

/* Its driver. */

static int32_t store_open(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    (void)config_json, (void)config_size, (void)err;
    *ret_self = (void *)host; /* all that it needs to remember */
    return REPLI_OK;
}

static void store_close(void *self) {
    (void)self;
}

static int32_t node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op, (void)err;
    const repli_host *host = self;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = "1.0.0";
    const int32_t code = host->emit_version(sink, &version);
    return code == REPLI_OK ? host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL) : code;
}

static int32_t store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op, (void)err;
    const repli_host *host = self;
    return host->emit_cluster_id(sink, "example");
}

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op, (void)err;
    const repli_host *host = self;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "counter";
    shard.role = REPLI_ROLE_PRIMARY;
    shard.commit_offset = atomic_load(&counter);
    shard.commit_offset_unit = "additions";
    return host->emit_shard(sink, &shard);
}

static const repli_driver driver = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .name = "counter",
    .version = "1.0.0",
    .store_id = "counter",
    .summary = "A counter in the host's memory",
    .open = store_open,
    .close = store_close,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
};

static const repli_driver *driver_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}

/* An action of the host's own. */

static int32_t add(void *user_data, const repli_host *host, repli_op *op, const repli_step *step,
                   repli_sink *sink, repli_error *err) {
    (void)user_data, (void)op;
    const char *args = step->action->args_json;
    int64_t by = 1;
    int32_t code = host->json_integer(host, args, strlen(args), "by", &by, err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    atomic_fetch_add(&counter, by);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return host->emit_outcome(sink, &outcome);
}

static int32_t add_action(repli_config *config, repli_error *err) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/add";
    kind.summary = "Add to the counter";
    kind.arguments = "by: how much (1)";
    return repli_config_add_action(config, &kind, NULL, add, NULL, err);
}

/* The agent. */

static int failed(const repli_error *err) {
    fprintf(stderr, "%s: %s\n", err->origin, err->message);
    return -1;
}

int app_new(app *app, const char *directory, int32_t run_mode) {
    repli_error err = REPLI_ERROR_INIT;
    repli_config *config = NULL;
    char store[4096];
    *app = (struct app){.agent = NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(store, sizeof(store), "%s/agent.db", directory);
    if (repli_config_new(NULL, &config, &err) == REPLI_OK &&
        repli_config_set_str(config, "node_id", "node-1", &err) == REPLI_OK &&
        repli_config_set_str(config, "store_path", store, &err) == REPLI_OK &&
        repli_config_set_run_mode(config, run_mode, &err) == REPLI_OK &&
        repli_config_set_driver(config, driver_entry, &err) == REPLI_OK &&
        add_action(config, &err) == REPLI_OK)
        repli_agent_new(config, &app->agent, &err);
    repli_config_free(config);
    return err.code == REPLI_OK ? 0 : failed(&err);
}

int app_start(app *app) {
    repli_error err = REPLI_ERROR_INIT;
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/add";
    request.args_json = "{\"by\": 5}";
    if (repli_agent_start(app->agent, &err) != REPLI_OK ||
        repli_agent_schedule(app->agent, &request, app->action, &err) != REPLI_OK)
        return failed(&err);
    printf("scheduled %s\n", app->action);
    return 0;
}

int app_serve(app *app) {
    repli_error err = REPLI_ERROR_INIT;
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    if (repli_http_server_new(app->agent, &options, &app->server, &err) != REPLI_OK)
        return failed(&err);
    printf("listening on http://127.0.0.1:%d\n", (int)repli_http_server_port(app->server));
    return 0;
}

void app_show(app *app) {
    repli_doc *doc;
    const repli_action *action;
    if (app->done || repli_agent_action(app->agent, app->action, &doc, &action, NULL) != REPLI_OK)
        return;
    app->done = action->phase == REPLI_PHASE_DONE || action->phase == REPLI_PHASE_FAILED;
    if (app->done)
        printf("%s %s: the counter is %lld\n", repli_phase_name(action->phase), action->id,
               atomic_load(&counter));
    repli_doc_free(doc);
}

void app_wait(app *app) {
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    for (app_show(app); !app->done; app_show(app))
        nanosleep(&moment, NULL);
}

void app_free(app *app) {
    repli_http_server_free(app->server, 1000);
    repli_agent_stop(app->agent, 5000, NULL);
    repli_agent_free(app->agent);
    puts("stopped");
}

/* Hosts that drive the agent. */

void app_dispatch(app *app) {
    repli_error err = REPLI_ERROR_INIT;
    if (repli_agent_dispatch(app->agent, &err) != REPLI_OK)
        failed(&err);
    app_show(app);
}

int app_ms_until(uint64_t deadline_ns) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (deadline_ns == UINT64_MAX)
        return -1;
    if (deadline_ns <= now_ns)
        return 0;
    const uint64_t ms = (deadline_ns - now_ns - 1) / 1000000u + 1;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}
