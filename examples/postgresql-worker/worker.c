/* A PostgreSQL extension: the agent inside a background worker, driven by the worker's own loop.
 *
 *   cc -shared -fPIC -isystem "$(pg_config --includedir-server)" \
 *       $(pkg-config --cflags replicante-agent-http) -o replicante_worker.so worker.c driver.c \
 *       $(pkg-config --libs replicante-agent-http)
 *   install replicante_worker.so "$(pg_config --pkglibdir)"
 *
 * and in postgresql.conf
 *
 *   shared_preload_libraries = 'replicante_worker'
 *   replicante.node_id = 'pg-1'
 *   replicante.database = '/var/lib/postgresql/agent.db'
 *   replicante.listen = '127.0.0.1:8010'
 *
 * The postmaster loads the library; the agent is made in the worker, after the fork. See README.md.
 */
#include "postgres.h"

#include <time.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"

#include <replicante/agent.h>
#include <replicante/http.h>

#include "worker.h"

PG_MODULE_MAGIC;

void _PG_init(void);
PGDLLEXPORT void replicante_worker_main(Datum argument);

enum { RESTART_S = 5, STOP_MS = 1000, LONGEST_WAIT_MS = 60 * 1000 };

/* Settings. */

static char *node_id;
static char *database;
static char *listen_address;
static char *socket_path;
static int observe_interval_ms;

static void define_text(const char *name, const char *summary, char **value) {
    DefineCustomStringVariable(name, summary, NULL, value, "", PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static void define_settings(void) {
    define_text("replicante.node_id", "Name of this node, unique in its cluster.", &node_id);
    define_text("replicante.database",
                "File of the queue of actions, outside of the data directory.", &database);
    define_text("replicante.listen", "HOST:PORT of the agent's HTTP API.", &listen_address);
    define_text("replicante.socket", "UNIX socket of the agent's HTTP API.", &socket_path);
    DefineCustomIntVariable("replicante.observe_interval", "Time between two observations.", NULL,
                            &observe_interval_ms, 1000, 1, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS,
                            NULL, NULL, NULL);
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved("replicante");
#else
    EmitWarningsOnPlaceholders("replicante");
#endif
}

static void check_settings(void) {
    if (*node_id == '\0')
        ereport(ERROR, (errmsg("replicante.node_id is not set")));
    /* A base backup would take the queue along, and the standby made of it work it off, too. */
    if (!is_absolute_path(database) || path_is_prefix_of_path(DataDir, database))
        ereport(ERROR, (errmsg("replicante.database must be an absolute path outside of the data "
                               "directory, which base backups copy")));
}

void _PG_init(void) {
    BackgroundWorker worker = {0};
    if (!process_shared_preload_libraries_in_progress)
        ereport(ERROR, (errmsg("replicante_worker belongs into shared_preload_libraries")));
    define_settings();
    check_settings();
    strlcpy(worker.bgw_name, "replicante agent", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "replicante agent", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "replicante_worker", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "replicante_worker_main", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
    worker.bgw_start_time = BgWorkerStart_ConsistentState; /* on standbys as well */
    worker.bgw_restart_time = RESTART_S;
    RegisterBackgroundWorker(&worker);
}

/* The agent. */

/* An error within ereport() must not unwind through the library that called. */
static void log_line(int32_t level, const char *origin, const char *message, void *user_data) {
    const int severity = level <= REPLI_LOG_WARNING ? WARNING
                         : level == REPLI_LOG_INFO  ? LOG
                                                    : DEBUG1;
    (void)user_data;
    PG_TRY();
    { ereport(severity, (errmsg_internal("%s: %s", origin, message))); }
    PG_CATCH();
    { FlushErrorState(); }
    PG_END_TRY();
}

static int32_t configure(repli_config **ret_config, repli_error *err) {
    repli_config *config = NULL;
    /* No allocator: the server's memory contexts are emptied at times that only it knows. */
    int32_t code = repli_config_new(NULL, &config, err);
    if (code == REPLI_OK)
        code = repli_config_set_log(config, REPLI_LOG_INFO, log_line, NULL, err);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "node_id", node_id, err);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", database, err);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.interval_ms", observe_interval_ms, err);
    if (code == REPLI_OK)
        code = repli_config_set_driver(config, repli_driver_worker_entry, err);
    if (code == REPLI_OK)
        code = repli_config_set_run_mode(config, REPLI_RUN_DISPATCH, err);
    if (code == REPLI_OK)
        *ret_config = config;
    else
        repli_config_free(config);
    return code;
}

static int32_t start(repli_agent **ret_agent, repli_http_server **ret_http, repli_error *err) {
    repli_config *config = NULL;
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = *listen_address != '\0' ? listen_address : NULL;
    options.unix_path = *socket_path != '\0' ? socket_path : NULL;
    int32_t code = configure(&config, err);
    if (code == REPLI_OK)
        code = repli_agent_new(config, ret_agent, err);
    repli_config_free(config);
    if (code == REPLI_OK)
        code = repli_agent_start(*ret_agent, err);
    if (code == REPLI_OK && (options.bind != NULL || options.unix_path != NULL))
        code = repli_http_server_new(*ret_agent, &options, ret_http, err);
    return code;
}

static void stop(repli_agent *agent, repli_http_server *http) {
    repli_http_server_free(http, STOP_MS);
    repli_agent_free(agent);
}

static void reload(repli_agent *agent) {
    repli_error err = REPLI_ERROR_INIT;
    repli_config *config = NULL;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    if (configure(&config, &err) == REPLI_OK)
        repli_agent_reload(agent, config, &err);
    repli_config_free(config);
    if (err.code != REPLI_OK)
        ereport(WARNING, (errmsg_internal("%s: %s", err.origin, err.message)));
}

static long wait_ms(repli_agent *agent) {
    const uint64_t deadline_ns = repli_agent_deadline(agent);
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const uint64_t now_ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    if (deadline_ns <= now_ns)
        return 0;
    return (long)Min((deadline_ns - now_ns + 999999) / 1000000, LONGEST_WAIT_MS);
}

/* 0: the postmaster is gone. */
static int turn(repli_agent *agent) {
    repli_error err = REPLI_ERROR_INIT;
    const int events = WaitLatchOrSocket(
        MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_POSTMASTER_DEATH,
        repli_agent_fd(agent), wait_ms(agent), PG_WAIT_EXTENSION);
    if (events & WL_LATCH_SET) {
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    if (ConfigReloadPending)
        reload(agent);
    if (repli_agent_dispatch(agent, &err) != REPLI_OK)
        ereport(WARNING, (errmsg_internal("%s: %s", err.origin, err.message)));
    return !(events & WL_POSTMASTER_DEATH);
}

void replicante_worker_main(Datum argument) {
    repli_agent *agent = NULL;
    repli_http_server *http = NULL;
    repli_error err = REPLI_ERROR_INIT;
    (void)argument;
    /* Both only set a flag and the latch. */
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    if (start(&agent, &http, &err) == REPLI_OK)
        while (!ShutdownRequestPending && turn(agent))
            ;
    stop(agent, http);
    if (err.code != REPLI_OK)
        ereport(ERROR, /* and the postmaster starts the worker again after RESTART_S */
                (errmsg_internal("%s: %s", err.origin, err.message)));
    proc_exit(0);
}
