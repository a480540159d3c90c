/* A Redis module: the agent inside redis-server, driven by the server's own event loop.
 *
 *   cc -shared -fPIC -fvisibility=hidden $(pkg-config --cflags replicante-agent-http) \
 *       -o replicante.so module.c driver.c $(pkg-config --libs replicante-agent-http)
 *   redis-server --loadmodule ./replicante.so node-id r-1 cluster-id demo \
 *       database /var/lib/redis/agent.db http 127.0.0.1:8010
 *
 * All of it runs in the server's main thread. See README.md.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <replicante/agent.h>
#include <replicante/http.h>

#include "module.h"

#define REDIS_DEFINE(type, name, parameters) type(*RedisModule_##name) parameters;
REDIS_FUNCTIONS(REDIS_DEFINE)

enum { STOP_MS = 1000 };

static struct {
    RedisModuleCtx *context;
    repli_config *config;
    repli_agent *agent;
    repli_http_server *http;
    int32_t fd;
} module;

RedisModuleCtx *module_context(void) {
    return module.context;
}

/* What the library takes from its host. */

static void *take(size_t size, void *user_data) {
    (void)user_data;
    return RedisModule_Alloc(size);
}

static void *resize(void *ptr, size_t size, void *user_data) {
    (void)user_data;
    return RedisModule_Realloc(ptr, size);
}

static void give_back(void *ptr, void *user_data) {
    (void)user_data;
    RedisModule_Free(ptr);
}

static const repli_allocator allocator = {
    sizeof(repli_allocator), 0, take, resize, give_back, NULL,
};

static void log_line(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)user_data;
    const char *name = level <= REPLI_LOG_WARNING ? "warning"
                       : level == REPLI_LOG_INFO  ? "notice"
                                                  : "debug";
    RedisModule_Log(module.context, name, "%s: %s", origin, message);
}

/* Configuration: the arguments of the module, NAME VALUE and so on. */

static const struct {
    const char *name;
    int required;
} arguments[] = {
    {"node-id", 1}, {"cluster-id", 1}, {"database", 1}, {"http", 0}, {"socket", 0},
};
enum { NODE_ID, CLUSTER_ID, DATABASE, HTTP, SOCKET, ARGUMENT_COUNT };

static char values[ARGUMENT_COUNT][256];

static int32_t refuse(const char *what, const char *name, repli_error *err) {
    snprintf(err->message, sizeof(err->message),
             "%s: \"%s\"; the arguments are node-id ID cluster-id ID database PATH "
             "[http HOST:PORT] [socket PATH]",
             what, name);
    return REPLI_EINVALID;
}

static int32_t set_argument(const char *name, const char *value, repli_error *err) {
    for (size_t i = 0; i < ARGUMENT_COUNT; i++) {
        if (strcmp(name, arguments[i].name) != 0)
            continue;
        const int size = snprintf(values[i], sizeof(values[i]), "%s", value);
        return size < (int)sizeof(values[i]) ? REPLI_OK : refuse("too long", value, err);
    }
    return refuse("there is no such argument", name, err);
}

static int32_t read_arguments(RedisModuleString **argv, int argc, repli_error *err) {
    int32_t code = REPLI_OK;
    memset(values, 0, sizeof(values));
    for (int i = 0; code == REPLI_OK && i < argc; i += 2) {
        const char *name = RedisModule_StringPtrLen(argv[i], NULL);
        code = i + 1 < argc ? set_argument(name, RedisModule_StringPtrLen(argv[i + 1], NULL), err)
                            : refuse("a value is missing", name, err);
    }
    for (size_t i = 0; code == REPLI_OK && i < ARGUMENT_COUNT; i++)
        if (values[i][0] == '\0' && arguments[i].required)
            code = refuse("an argument is missing", arguments[i].name, err);
    if (code == REPLI_OK && strpbrk(values[CLUSTER_ID], "\"\\") != NULL)
        code = refuse("this cannot be a cluster's id", values[CLUSTER_ID], err);
    return code;
}

static int32_t configure(repli_error *err) {
    char driver[300];
    const int size =
        snprintf(driver, sizeof(driver), "{\"cluster_id\": \"%s\"}", values[CLUSTER_ID]);
    int32_t code = repli_config_new(&allocator, &module.config, err);
    if (code == REPLI_OK)
        code = repli_config_set_log(module.config, REPLI_LOG_INFO, log_line, NULL, err);
    if (code == REPLI_OK)
        code = repli_config_set_str(module.config, "node_id", values[NODE_ID], err);
    if (code == REPLI_OK)
        code = repli_config_set_str(module.config, "store_path", values[DATABASE], err);
    if (code == REPLI_OK)
        code = repli_config_set_driver(module.config, repli_driver_redis_entry, err);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(module.config, driver, (size_t)size, err);
    if (code == REPLI_OK)
        code = repli_config_set_run_mode(module.config, REPLI_RUN_DISPATCH, err);
    return code;
}

/* Life. */

/* Once a turn of the server's loop: what is left keeps the descriptor readable. */
static void dispatch(int fd, void *user_data, int mask) {
    (void)fd;
    (void)user_data;
    (void)mask;
    repli_error err = REPLI_ERROR_INIT;
    if (repli_agent_dispatch(module.agent, &err) != REPLI_OK)
        RedisModule_Log(module.context, "warning", "%s: %s", err.origin, err.message);
}

static void stop(void) {
    if (module.fd >= 0)
        RedisModule_EventLoopDel(module.fd, REDIS_READABLE);
    module.fd = -1;
    repli_http_server_free(module.http, STOP_MS);
    module.http = NULL;
    repli_agent_free(module.agent);
    module.agent = NULL;
}

static int32_t start(repli_error *err) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = values[HTTP][0] != '\0' ? values[HTTP] : NULL;
    options.unix_path = values[SOCKET][0] != '\0' ? values[SOCKET] : NULL;
    int32_t code = repli_agent_new(module.config, &module.agent, err);
    if (code == REPLI_OK)
        code = repli_agent_start(module.agent, err);
    if (code == REPLI_OK && (options.bind != NULL || options.unix_path != NULL))
        code = repli_http_server_new(module.agent, &options, &module.http, err);
    if (code == REPLI_OK) {
        module.fd = repli_agent_fd(module.agent);
        if (RedisModule_EventLoopAdd(module.fd, REDIS_READABLE, dispatch, NULL) != REDIS_OK)
            code = REPLI_EFULL; /* more descriptors than maxclients allows for */
    }
    return code;
}

/* A child that saves the data set outlives a server that is killed. It must not keep the database
 * from the next one, nor take its clients. */
static void let_go(void) {
    repli_http_server_free(module.http, 0);
    repli_agent_free(module.agent);
}

/* Nothing can call the shutdown off any more. */
static void on_shutdown(RedisModuleCtx *ctx, RedisModuleEvent event, uint64_t subevent,
                        void *data) {
    (void)ctx;
    (void)event;
    (void)subevent;
    (void)data;
    stop();
}

typedef int (*get_function)(const char *name, void *ret_function);

/* The context's first member is the function that finds all others. */
static int find_functions(RedisModuleCtx *ctx) {
    get_function get = NULL;
    int found = 1;
    memcpy(&get, ctx, sizeof(get));
#define REDIS_FIND(type, name, parameters)                                                         \
    found &= get("RedisModule_" #name, (void *)&RedisModule_##name) == REDIS_OK;
    REDIS_FUNCTIONS(REDIS_FIND)
    if (!found && RedisModule_Log != NULL)
        RedisModule_Log(ctx, "warning", "replicante needs Redis 7.0 or newer");
    return found ? REDIS_OK : REDIS_ERR;
}

static void clean_up(void) {
    stop();
    repli_config_free(module.config);
    module.config = NULL;
    RedisModule_FreeThreadSafeContext(module.context);
    module.context = NULL;
}

REPLI_DRIVER_EXPORT int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc);
REPLI_DRIVER_EXPORT int RedisModule_OnUnload(RedisModuleCtx *ctx);

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (find_functions(ctx) != REDIS_OK)
        return REDIS_ERR;
    RedisModule_SetModuleAttribs(ctx, "replicante", 1, REDIS_API_VERSION);
    module.context = RedisModule_GetDetachedThreadSafeContext(ctx);
    module.fd = -1;
    repli_error err = REPLI_ERROR_INIT;
    int32_t code = read_arguments(argv, argc, &err);
    if (code == REPLI_OK)
        code = configure(&err);
    if (code == REPLI_OK)
        code = start(&err);
    /* The handler goes with the module when it is unloaded. */
    if (code == REPLI_OK && pthread_atfork(NULL, NULL, let_go) != 0)
        code = REPLI_ENOMEM;
    if (code == REPLI_OK)
        RedisModule_SubscribeToServerEvent(ctx, REDIS_EVENT_SHUTDOWN, on_shutdown);
    if (code == REPLI_OK)
        return REDIS_OK;
    RedisModule_Log(ctx, "warning", "the agent did not start (%s): %s", repli_error_name(code),
                    err.message);
    clean_up();
    return REDIS_ERR;
}

int RedisModule_OnUnload(RedisModuleCtx *ctx) {
    (void)ctx;
    clean_up();
    return REDIS_OK;
}
