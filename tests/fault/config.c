#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/agent.h>

#include "operation.h"

/* Configurations. */

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

static void drop_config(void *made) {
    repli_config_free(made);
}

static int32_t make(world *w, repli_error *err) {
    repli_config *config = w->made;
    const int32_t code = repli_config_new(&w->memory, &config, err);
    w->made = config;
    return code;
}

static void verify_made(world *w) {
    ck_assert_int_eq(repli_config_set_str(w->made, "node_id", "n", NULL), REPLI_OK);
    ck_assert_ptr_null(repli_config_driver(w->made));
}

static int32_t make_and_free(world *w, repli_error *err) {
    repli_config *config = NULL;
    const int32_t code = repli_config_new(&w->memory, &config, err);
    repli_config_free(config);
    return code;
}

static int32_t set_text(world *w, repli_error *err) {
    return repli_config_set_str(w->config, "address.client", "db1.example.com:5432", err);
}

static int32_t set_integer(world *w, repli_error *err) {
    return repli_config_set_int(w->config, "actions.queue_limit", 5, err);
}

/* The library's own keys have none, so that it is always refused; without need of memory. */
static int32_t set_boolean(world *w, repli_error *err) {
    (void)err;
    repli_error refusal = REPLI_ERROR_INIT;
    EXPECT(w, repli_config_set_bool(w->config, "node_id", 1, &refusal) == REPLI_EINVALID);
    EXPECT(w, refusal.code == REPLI_EINVALID);
    return REPLI_OK;
}

static int32_t set_list(world *w, repli_error *err) {
    static const char *const command[] = {"postgres", "--version"};
    return repli_config_set_strs(w->config, "version.command", command, 2, err);
}

static int32_t set_driver(world *w, repli_error *err) {
    return repli_config_set_driver(w->config, repli_driver_fake_entry, err);
}

static int32_t load_driver(world *w, repli_error *err) {
    const char *build = getenv("BUILD");
    char directory[512];
    snprintf(directory, sizeof(directory), "%s/drivers", build != NULL ? build : "build");
    return repli_config_load_driver(w->config, "fake", directory, err);
}

static void verify_driver(world *w) {
    ck_assert_str_eq(repli_config_driver(w->config)->name, "fake");
}

static int32_t configure_driver(world *w, repli_error *err) {
    static const char json[] = "{\"role\": \"secondary\", \"shard_count\": 3, \"hang\": false}";
    return repli_config_set_driver_config(w->config, json, sizeof(json) - 1, err);
}

static void take_log(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)level;
    (void)origin;
    (void)message;
    (void)user_data;
}

static int32_t set_log(world *w, repli_error *err) {
    return repli_config_set_log(w->config, REPLI_LOG_INFO, take_log, w, err);
}

static int32_t step(void *user_data, const repli_host *host, repli_op *op, const repli_step *step,
                    repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)host;
    (void)op;
    (void)step;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static int32_t add_action(world *w, repli_error *err) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/work";
    kind.summary = "work";
    kind.arguments = "none";
    return repli_config_add_action(w->config, &kind, NULL, step, w, err);
}

static int32_t add_hook(world *w, repli_error *err) {
    repli_hook hook = REPLI_HOOK_INIT;
    hook.name = "proxy";
    hook.command = (const char *const[]){"tell-proxy", "--quiet", NULL};
    hook.events = (const char *const[]){"role", NULL};
    return repli_config_add_hook(w->config, &hook, err);
}

static int32_t add_external(world *w, repli_error *err) {
    repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
    external.name = "backup";
    external.action = (const char *const[]){"make-backup", "--fast", NULL};
    external.check = (const char *const[]){"check-backup", NULL};
    return repli_config_add_external_action(w->config, &external, err);
}

static int32_t look(world *w, repli_error *err) {
    (void)err;
    EXPECT(w, repli_config_keys()[0] != NULL);
    EXPECT(w, strcmp(repli_config_driver(w->config)->name, "fake") == 0);
    return REPLI_OK;
}

const operation config_operations[] = {
    {.name = "make a configuration",
     .functions = "repli_config_new",
     .act = make,
     .verify = verify_made,
     .drop = drop_config},
    {.name = "free a configuration",
     .functions = "repli_config_new repli_config_free",
     .act = make_and_free},
    {.name = "set a text",
     .functions = "repli_config_set_str",
     .prepare = world_config,
     .act = set_text},
    {.name = "set a number",
     .functions = "repli_config_set_int",
     .prepare = world_config,
     .act = set_integer},
    {.name = "set a truth",
     .functions = "repli_config_set_bool",
     .prepare = world_config,
     .act = set_boolean},
    {.name = "set a list",
     .functions = "repli_config_set_strs",
     .prepare = world_config,
     .act = set_list},
    {.name = "set a driver",
     .functions = "repli_config_set_driver",
     .prepare = world_config,
     .act = set_driver,
     .verify = verify_driver},
    {.name = "load a driver",
     .functions = "repli_config_load_driver",
     .prepare = world_config,
     .act = load_driver,
     .verify = verify_driver},
    {.name = "configure the driver",
     .functions = "repli_config_set_driver_config",
     .prepare = world_config,
     .act = configure_driver},
    {.name = "set a log",
     .functions = "repli_config_set_log",
     .prepare = world_config,
     .act = set_log},
    {.name = "add an action",
     .functions = "repli_config_add_action",
     .prepare = world_config,
     .act = add_action},
    {.name = "add a hook",
     .functions = "repli_config_add_hook",
     .prepare = world_config,
     .act = add_hook},
    {.name = "add an external action",
     .functions = "repli_config_add_external_action",
     .prepare = world_config,
     .act = add_external},
    {.name = "look at a configuration",
     .functions = "repli_config_keys repli_config_driver",
     .prepare = world_config,
     .act = look},
    {.name = NULL},
};
