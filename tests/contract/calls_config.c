#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

char nowhere;

/* A configuration is made for each call, so that any number of threads may call at once. */

static void *malloc_none(size_t size, void *user_data) {
    (void)size, (void)user_data;
    return NULL;
}

static void *realloc_none(void *ptr, size_t size, void *user_data) {
    (void)ptr, (void)size, (void)user_data;
    return NULL;
}

static void free_none(void *ptr, void *user_data) {
    (void)ptr, (void)user_data;
}

const repli_allocator *no_memory(void) {
    static const repli_allocator none = {.struct_size = sizeof(repli_allocator),
                                         .malloc_fn = malloc_none,
                                         .realloc_fn = realloc_none,
                                         .free_fn = free_none};
    return &none;
}

/* Memory that runs out when told to. */
typedef struct purse {
    repli_allocator allocator;
    int empty;
} purse;

static void *malloc_purse(size_t size, void *user_data) {
    return ((const purse *)user_data)->empty ? NULL : malloc(size);
}

static void *realloc_purse(void *ptr, size_t size, void *user_data) {
    return ((const purse *)user_data)->empty ? NULL : realloc(ptr, size);
}

static void free_purse(void *ptr, void *user_data) {
    (void)user_data;
    free(ptr);
}

#define PURSE(name)                                                                                \
    purse name = {{sizeof(repli_allocator), 0, malloc_purse, realloc_purse, free_purse, NULL}, 0}; \
    name.allocator.user_data = &(name)

/* DO on a new configuration, with WITH as the allocator; its code. */
#define ON_CONFIG(with, doing)                                                                     \
    (void)w;                                                                                       \
    repli_config *config = NULL;                                                                   \
    REQUIRE(repli_config_new(with, &config, NULL) == REPLI_OK);                                    \
    const int32_t code = (doing);                                                                  \
    repli_config_free(config);                                                                     \
    return code

int32_t call_repli_config_new(world *w, repli_error *err) {
    (void)w;
    PURSE(memory);
    repli_config *config = NULL;
    const int32_t code = repli_config_new(&memory.allocator, &config, err);
    memory.allocator.malloc_fn = NULL; /* it was copied */
    if (code == REPLI_OK)
        REQUIRE(repli_config_set_str(config, "node_id", "n", NULL) == REPLI_OK);
    repli_config_free(config);
    return code;
}

int32_t fail_repli_config_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    repli_config *config = UNSET;
    const repli_allocator half = {.struct_size = sizeof(half), .malloc_fn = malloc_none};
    const int32_t code = repli_config_new(&half, &config, err);
    REQUIRE(config == UNSET);
    return code;
}

int32_t fail_repli_config_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    repli_config *config = UNSET;
    const int32_t code = repli_config_new(no_memory(), &config, err);
    REQUIRE(config == UNSET);
    return code;
}

int32_t call_repli_config_free(world *w, repli_error *err) {
    (void)err;
    repli_config_free(NULL);
    ON_CONFIG(NULL, REPLI_OK);
}

int32_t call_repli_config_keys(world *w, repli_error *err) {
    (void)w, (void)err;
    size_t count = 0;
    for (const repli_config_key *const *key = repli_config_keys(); *key != NULL; key++)
        count += (*key)->name != NULL && (*key)->summary != NULL;
    REQUIRE(count > 10);
    return REPLI_OK;
}

int32_t call_repli_config_set_str(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_str(config, "node_id", "n", err));
}

int32_t fail_repli_config_set_str_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_str(config, "no.such", "n", err));
}

int32_t fail_repli_config_set_str_REPLI_ENOMEM(world *w, repli_error *err) {
    PURSE(memory);
    ON_CONFIG(&memory.allocator,
              (memory.empty = 1, repli_config_set_str(config, "node_id", "n", err)));
}

int32_t call_repli_config_set_int(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_int(config, "actions.queue_limit", 5, err));
}

int32_t fail_repli_config_set_int_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_int(config, "actions.queue_limit", -5, err));
}

int32_t call_repli_config_set_bool(world *w, repli_error *err) {
    /* There is no key of that type yet: that it is told so is all there is to see. */
    (void)err;
    ON_CONFIG(NULL, repli_config_set_bool(config, "node_id", 1, NULL) == REPLI_EINVALID ? REPLI_OK
                                                                                        : __LINE__);
}

int32_t fail_repli_config_set_bool_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_bool(config, "node_id", 1, err));
}

static const char *const command[] = {"true"};

int32_t call_repli_config_set_strs(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_strs(config, "version.command", command, 1, err));
}

int32_t fail_repli_config_set_strs_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_strs(config, "version.command", command, 0, err));
}

int32_t fail_repli_config_set_strs_REPLI_ENOMEM(world *w, repli_error *err) {
    PURSE(memory);
    ON_CONFIG(&memory.allocator, (memory.empty = 1, repli_config_set_strs(config, "version.command",
                                                                          command, 1, err)));
}

static const repli_driver *no_entry(uint32_t host_abi) {
    (void)host_abi;
    return NULL;
}

int32_t call_repli_config_set_driver(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_driver(config, repli_driver_fake_entry, err));
}

int32_t fail_repli_config_set_driver_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_driver(config, NULL, err));
}

int32_t fail_repli_config_set_driver_REPLI_EABI(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_driver(config, no_entry, err));
}

static const char *drivers(char path[512]) {
    const char *build = getenv("BUILD");
    snprintf(path, 512, "%s/drivers", build != NULL ? build : "build");
    return path;
}

int32_t call_repli_config_load_driver(world *w, repli_error *err) {
    char path[512];
    char name[] = "fake";
    drivers(path);
    ON_CONFIG(NULL, repli_config_load_driver(config, name, path, err));
}

int32_t fail_repli_config_load_driver_REPLI_EINVALID(world *w, repli_error *err) {
    REQUIRE(call_repli_config_load_driver(w, NULL) == REPLI_OK);
    ON_CONFIG(NULL, repli_config_load_driver(config, "No Name", NULL, err));
}

int32_t fail_repli_config_load_driver_REPLI_ENOTFOUND(world *w, repli_error *err) {
    char path[512];
    ON_CONFIG(NULL, repli_config_load_driver(config, "nosuch", drivers(path), err));
}

/* A file of that mode, with nothing in it. */
static int32_t load_file(world *w, mode_t mode, repli_error *err) {
    char directory[128];
    char path[192];
    snprintf(directory, sizeof(directory), "%s/drivers-XXXXXX", w->host.directory);
    REQUIRE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/driver_empty.so", directory);
    const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && fchmod(fd, mode) == 0 && close(fd) == 0);
    ON_CONFIG(NULL, repli_config_load_driver(config, path, NULL, err));
}

int32_t fail_repli_config_load_driver_REPLI_EPERMISSION(world *w, repli_error *err) {
    return load_file(w, 0666, err);
}

int32_t fail_repli_config_load_driver_REPLI_EIO(world *w, repli_error *err) {
    return load_file(w, 0600, err);
}

int32_t call_repli_config_driver(world *w, repli_error *err) {
    (void)err;
    ON_CONFIG(NULL,
              repli_config_driver(config) == NULL &&
                      repli_config_set_driver(config, repli_driver_fake_entry, NULL) == REPLI_OK &&
                      strcmp(repli_config_driver(config)->name, "fake") == 0
                  ? REPLI_OK
                  : __LINE__);
}

static int32_t set_driver_config(repli_config *config, const char *json, repli_error *err) {
    REQUIRE(repli_config_set_driver(config, repli_driver_fake_entry, NULL) == REPLI_OK);
    char *copy = strdup(json);
    REQUIRE(copy != NULL);
    const int32_t code = repli_config_set_driver_config(config, copy, strlen(json), err);
    memset(copy, 'x', strlen(json));
    free(copy);
    return code;
}

int32_t call_repli_config_set_driver_config(world *w, repli_error *err) {
    ON_CONFIG(NULL, set_driver_config(config, "{\"shard_count\": 2}", err));
}

int32_t fail_repli_config_set_driver_config_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, set_driver_config(config, "{\"no_such\": 2}", err));
}

int32_t fail_repli_config_set_driver_config_REPLI_ESTATE(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_driver_config(config, "{}", 2, err));
}

int32_t fail_repli_config_set_driver_config_REPLI_ENOMEM(world *w, repli_error *err) {
    PURSE(memory);
    ON_CONFIG(&memory.allocator, (memory.empty = 1, set_driver_config(config, "{}", err)));
}

static void no_log(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)level, (void)origin, (void)message, (void)user_data;
}

int32_t call_repli_config_set_log(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_log(config, REPLI_LOG_INFO, no_log, NULL, err));
}

int32_t fail_repli_config_set_log_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_log(config, 99, no_log, NULL, err));
}

int32_t call_repli_config_set_run_mode(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_run_mode(config, REPLI_RUN_LENT, err));
}

int32_t fail_repli_config_set_run_mode_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, repli_config_set_run_mode(config, -1, err));
}

static int32_t no_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    return REPLI_OK;
}

static int32_t add_action(repli_config *config, const char *name, repli_error *err) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = name;
    kind.summary = "does nothing";
    const int32_t code = repli_config_add_action(config, &kind, NULL, no_step, NULL, err);
    SCRIBBLE(kind);
    return code;
}

int32_t call_repli_config_add_action(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_action(config, "example.com/nothing", err));
}

int32_t fail_repli_config_add_action_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_action(config, "agent.replicante.io/mine", err));
}

int32_t fail_repli_config_add_action_REPLI_ECONFLICT(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_action(config, "example.com/nothing", NULL) == REPLI_OK
                        ? add_action(config, "example.com/nothing", err)
                        : __LINE__);
}

int32_t fail_repli_config_add_action_REPLI_ENOMEM(world *w, repli_error *err) {
    PURSE(memory);
    ON_CONFIG(&memory.allocator, (memory.empty = 1, add_action(config, "example.com/n", err)));
}

static int32_t add_external(repli_config *config, const char *name, repli_error *err) {
    char program[] = "true";
    const char *argv[] = {program, NULL};
    repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
    external.name = name;
    external.action = argv;
    external.check = argv;
    const int32_t code = repli_config_add_external_action(config, &external, err);
    SCRIBBLE(external);
    SCRIBBLE(argv);
    SCRIBBLE(program);
    return code;
}

int32_t call_repli_config_add_external_action(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_external(config, "backup", err));
}

int32_t fail_repli_config_add_external_action_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_external(config, "no/name", err));
}

int32_t fail_repli_config_add_external_action_REPLI_ECONFLICT(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_external(config, "backup", NULL) == REPLI_OK
                        ? add_external(config, "backup", err)
                        : __LINE__);
}

int32_t fail_repli_config_add_external_action_REPLI_ENOMEM(world *w, repli_error *err) {
    PURSE(memory);
    ON_CONFIG(&memory.allocator, (memory.empty = 1, add_external(config, "backup", err)));
}

static int32_t add_hook(repli_config *config, const char *name, repli_error *err) {
    char program[] = "program";
    char type[] = "role";
    const char *argv[] = {program, NULL};
    const char *types[] = {type, NULL};
    repli_hook hook = REPLI_HOOK_INIT;
    hook.name = name;
    hook.command = argv;
    hook.events = types;
    const int32_t code = repli_config_add_hook(config, &hook, err);
    SCRIBBLE(hook);
    SCRIBBLE(argv);
    SCRIBBLE(types);
    SCRIBBLE(program);
    SCRIBBLE(type);
    return code;
}

int32_t call_repli_config_add_hook(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_hook(config, "proxy", err));
}

int32_t fail_repli_config_add_hook_REPLI_EINVALID(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_hook(config, "no/name", err));
}

int32_t fail_repli_config_add_hook_REPLI_ECONFLICT(world *w, repli_error *err) {
    ON_CONFIG(NULL, add_hook(config, "proxy", NULL) == REPLI_OK ? add_hook(config, "proxy", err)
                                                                : __LINE__);
}

int32_t fail_repli_config_add_hook_REPLI_ENOMEM(world *w, repli_error *err) {
    PURSE(memory);
    ON_CONFIG(&memory.allocator, (memory.empty = 1, add_hook(config, "proxy", err)));
}
