#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "operation.h"
#include "trap.h"

enum { PATIENCE_MS = 20000 };

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

void pause_ms(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Memory. */

static void *own_malloc(size_t size, void *user_data) {
    void *piece = trap_hit(TRAP_OWN, NULL, 1) ? NULL : malloc(size);
    if (piece != NULL)
        atomic_fetch_add(&((world *)user_data)->live, 1);
    return piece;
}

static void *own_realloc(void *piece, size_t size, void *user_data) {
    void *moved = trap_hit(TRAP_OWN, NULL, 1) ? NULL : realloc(piece, size);
    if (piece == NULL && moved != NULL)
        atomic_fetch_add(&((world *)user_data)->live, 1);
    return moved;
}

static void own_free(void *piece, void *user_data) {
    if (piece != NULL)
        atomic_fetch_sub(&((world *)user_data)->live, 1);
    free(piece);
}

/* What is returned. */

static char untouched[] = "untouched";

static void lay_out(world *w) {
    w->text = (repli_buf){.allocator = &w->memory};
    w->text.data = own_malloc(sizeof(untouched), w);
    ck_assert_ptr_nonnull(w->text.data);
    memcpy(w->text.data, untouched, sizeof(untouched));
    w->text.size = sizeof(untouched) - 1;
    w->text.capacity = sizeof(untouched);
    w->doc = (repli_doc *)(void *)untouched;
    w->record = untouched;
    w->count = SIZE_MAX;
    w->made = untouched;
    memcpy(w->id, untouched, sizeof(untouched));
}

void world_expect_untouched(const world *w, const char *what) {
    ck_assert_msg(strcmp(w->text.data, untouched) == 0 && w->text.size == sizeof(untouched) - 1,
                  "%s: the text is %s", what, w->text.data);
    ck_assert_msg((const void *)w->doc == (const void *)untouched && w->record == untouched,
                  "%s: there is a record", what);
    ck_assert_msg(w->count == SIZE_MAX, "%s: there is a number", what);
    ck_assert_msg(strcmp(w->id, untouched) == 0, "%s: there is an id", what);
    ck_assert_msg(w->made == untouched, "%s: there is an object", what);
}

void world_drop(world *w, const operation *op) {
    repli_buf_dispose(&w->text);
    if ((const void *)w->doc != (const void *)untouched)
        repli_doc_free(w->doc);
    if (op->drop != NULL && w->made != untouched)
        op->drop(w->made);
    lay_out(w);
}

/* Begin and end. */

/* Memory, if it has files: thousands of databases are made. */
static const char *root(void) {
    const char *given = getenv("TMPDIR");
    if (given != NULL && strlen(given) < sizeof(((world *)NULL)->directory) / 2)
        return given;
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

void world_begin(world *w, const operation *op) {
    *w = (world){.argument = op->argument};
    snprintf(w->directory, sizeof(w->directory), "%s/repli-fault-XXXXXX", root());
    ck_assert_ptr_nonnull(mkdtemp(w->directory));
    snprintf(w->database, sizeof(w->database), "%s/agent.db", w->directory);
    w->memory = (repli_allocator){.struct_size = sizeof(w->memory),
                                  .malloc_fn = own_malloc,
                                  .realloc_fn = own_realloc,
                                  .free_fn = own_free,
                                  .user_data = w};
    lay_out(w);
}

static void remove_file(const world *w, const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", w->directory, name);
    remove(path);
}

void world_end(world *w) {
    static const char *const files[] = {"agent.db",         "agent.db-wal", "agent.db-shm",
                                        "agent.db-owner",   "agent.db-new", "agent.db-new-wal",
                                        "agent.db-new-shm", "agent.sock",   ""};
    repli_http_server_free(w->server, 0);
    repli_agent_free(w->agent);
    repli_config_free(w->config);
    repli_buf_dispose(&w->text);
    repli_doc_free(w->source_doc);
    free(w->json);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        remove_file(w, files[i]);
#ifdef WITH_ALLDATA
    world_end_alldata(w);
#endif
}

/* The database. */

static int64_t number(const world *w, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    ck_assert_int_eq(sqlite3_open_v2(w->database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    const int64_t result = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return result;
}

void world_expect_actions(world *w, const char *what) {
    repli_http_server_free(w->server, 0);
    w->server = NULL;
    repli_agent_free(w->agent);
    w->agent = NULL;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_new(w->config, &w->agent, &error) == REPLI_OK, "%s: %s", what,
                  error.message);
    for (size_t i = 0; i < w->known_count; i++)
        ck_assert_msg(world_phase(w, w->known[i]) != 0, "%s: %s is lost", what, w->known[i]);
    repli_agent_free(w->agent);
    w->agent = NULL;
    ck_assert_msg(number(w, "SELECT count(*) FROM actions") == (int64_t)w->known_count,
                  "%s: there are %ld actions, and %zu were acknowledged", what,
                  (long)number(w, "SELECT count(*) FROM actions"), w->known_count);
    ck_assert_msg(number(w, "SELECT count(*) FROM pragma_integrity_check"
                            " WHERE integrity_check != 'ok'") == 0,
                  "%s: the database is damaged", what);
}

/* Objects. */

static void set_integer(world *w, const char *key, int64_t value) {
    ck_assert_int_eq(repli_config_set_int(w->config, key, value, NULL), REPLI_OK);
}

void world_config(world *w) {
    static const char driver[] = "{\"address\": \"127.0.0.1:1\"}";
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_config_new(&w->memory, &w->config, &error), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(w->config, "node_id", "node-1", &error), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(w->config, "store_path", w->database, &error), REPLI_OK);
    ck_assert_int_eq(repli_config_set_driver(w->config, repli_driver_fake_entry, &error), REPLI_OK);
    ck_assert_int_eq(repli_config_set_driver_config(w->config, driver, sizeof(driver) - 1, &error),
                     REPLI_OK);
    set_integer(w, "observe.interval_ms", 3600000);
    set_integer(w, "observe.timeout_ms", 10000);
}

void world_agent(world *w) {
    world_config(w);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_new(w->config, &w->agent, &error) == REPLI_OK, "%s", error.message);
    world_schedule(w, "agent.replicante.io/test.success", "{\"a\": 1}");
    world_schedule(w, "agent.replicante.io/test.loop", "{\"target\": 3}");
    world_schedule(w, "agent.replicante.io/test.success", NULL);
}

static void ignore(void *user_data, repli_snapshot *snapshot) {
    (void)snapshot;
    atomic_store((atomic_int *)user_data, 1);
}

static void await_observation(world *w) {
    atomic_int observed = 0;
    ck_assert_int_eq(
        repli_agent_observe(w->agent, 3600000, PATIENCE_MS / 2, ignore, &observed, NULL), REPLI_OK);
    const int64_t end = now_ms() + PATIENCE_MS;
    while (!atomic_load(&observed) && now_ms() < end)
        pause_ms(1);
    ck_assert(atomic_load(&observed));
}

void world_running(world *w) {
    world_agent(w);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_start(w->agent, &error) == REPLI_OK, "%s", error.message);
    world_await_done(w, w->known[2]);
    await_observation(w);
}

/* Actions. */

void world_acknowledge(world *w, const char *id) {
    ck_assert_uint_lt(w->known_count, WORLD_IDS);
    memcpy(w->known[w->known_count++], id, REPLI_UUID_SIZE);
}

void world_schedule(world *w, const char *kind, const char *args) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind;
    request.args_json = args;
    char id[REPLI_UUID_SIZE];
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_schedule(w->agent, &request, id, &error) == REPLI_OK, "%s",
                  error.message);
    world_acknowledge(w, id);
}

int32_t world_phase(const world *w, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    if (repli_agent_action(w->agent, id, &doc, &action, NULL) != REPLI_OK)
        return 0;
    const int32_t phase = action->phase;
    repli_doc_free(doc);
    return phase;
}

void world_expect_action(const world *w, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_action(w->agent, id, &doc, &action, &error);
    ck_assert_msg(code == REPLI_OK, "%s: %s", id, error.message);
    repli_doc_free(doc);
}

void world_await_done(world *w, const char *id) {
    const int64_t end = now_ms() + PATIENCE_MS;
    int32_t phase = world_phase(w, id);
    for (; phase != REPLI_PHASE_DONE && phase != REPLI_PHASE_FAILED; phase = world_phase(w, id)) {
        ck_assert_msg(now_ms() < end, "action %s does not end", id);
        pause_ms(1);
    }
    ck_assert_int_eq(phase, REPLI_PHASE_DONE);
}
