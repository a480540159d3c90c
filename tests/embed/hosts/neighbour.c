/*
 * A host that has libraries of its own which meet ours: json-c, some of whose functions are called
 * like jansson's, and SQLite, set up its own way before the agent comes. Works them before, during
 * and after the life of an agent; embed/neighbours.sh links it in several ways.
 *
 *     neighbour DRIVER DIRECTORY [single-thread]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>
#include <sqlite3.h>

#include <replicante/agent.h>

#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what);                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* json-c. */

static void use_json_c(void) {
    json_object *root = json_tokener_parse("{\"a\": 1, \"b\": {\"c\": [2, 3]}, \"d\": null}");
    MUST(root != NULL);
    MUST(json_object_get(root) == root);
    MUST(json_object_put(root) == 0); /* the other reference keeps it */
    int members = 0;
    struct json_object_iterator at = json_object_iter_begin(root);
    const struct json_object_iterator end = json_object_iter_end(root);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        members += json_object_iter_peek_name(&at)[0] != '\0';
    MUST(members == 3);
    json_object *b = NULL;
    MUST(json_object_object_get_ex(root, "b", &b));
    MUST(strcmp(json_object_to_json_string_ext(b, JSON_C_TO_STRING_PLAIN), "{\"c\":[2,3]}") == 0);
    MUST(json_object_put(root) == 1);
}

/* SQLite. */

static int64_t live;

static void *count_malloc(int size) {
    int64_t *memory = malloc(sizeof(int64_t) + (size_t)size);
    if (memory == NULL)
        return NULL;
    memory[0] = size;
    __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return memory + 1;
}
static void count_free(void *memory) {
    if (memory == NULL)
        return;
    __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    free((int64_t *)memory - 1);
}
static int count_size(void *memory) {
    return memory == NULL ? 0 : (int)((int64_t *)memory)[-1];
}
static void *count_realloc(void *memory, int size) {
    int64_t *moved = realloc((int64_t *)memory - 1, sizeof(int64_t) + (size_t)size);
    if (moved == NULL)
        return NULL;
    moved[0] = size;
    return moved + 1;
}
static int count_roundup(int size) {
    return (size + 7) & ~7;
}
static int count_init(void *data) {
    (void)data;
    return SQLITE_OK;
}
static void count_shutdown(void *data) {
    (void)data;
}

static sqlite3 *own[2]; /* share a cache, so that one sees what the other has not committed */

static void set_up_sqlite(const char *directory, int mode) {
    static sqlite3_mem_methods memory = {count_malloc,  count_free, count_realloc,  count_size,
                                         count_roundup, count_init, count_shutdown, NULL};
    char path[256];
    snprintf(path, sizeof(path), "%s/host.db", directory);
    MUST(sqlite3_config(mode) == SQLITE_OK);
    MUST(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) == SQLITE_OK);
    MUST(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
    MUST(sqlite3_enable_shared_cache(1) == SQLITE_OK);
    for (int i = 0; i < 2; i++)
        MUST(sqlite3_open(path, &own[i]) == SQLITE_OK);
    MUST(sqlite3_exec(own[0], "CREATE TABLE t (n); INSERT INTO t VALUES (1); BEGIN;", NULL, NULL,
                      NULL) == SQLITE_OK);
    MUST(sqlite3_exec(own[1], "PRAGMA read_uncommitted = 1", NULL, NULL, NULL) == SQLITE_OK);
    MUST(live > 0);
}

static void use_sqlite(int rows) {
    MUST(sqlite3_exec(own[0], "INSERT INTO t VALUES (2)", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_stmt *count = NULL;
    MUST(sqlite3_prepare_v2(own[1], "SELECT count(*) FROM t", -1, &count, NULL) == SQLITE_OK);
    MUST(sqlite3_step(count) == SQLITE_ROW);
    MUST(sqlite3_column_int(count, 0) == rows);
    MUST(sqlite3_finalize(count) == SQLITE_OK);
    MUST(sqlite3_memory_used() == 0); /* statistics are still off */
}

static void leave_sqlite(void) {
    MUST(sqlite3_exec(own[0], "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    for (int i = 0; i < 2; i++)
        MUST(sqlite3_close(own[i]) == SQLITE_OK);
    MUST(sqlite3_shutdown() == SQLITE_OK);
    MUST(live == 0);
}

/* The agent. */

static int32_t status_of(repli_agent *agent, size_t *ret_shards) {
    repli_snapshot *snapshot = NULL;
    MUST(repli_agent_snapshot(agent, &snapshot, NULL) == REPLI_OK);
    const int32_t status = repli_snapshot_node(snapshot)->status;
    const repli_shards *shards = repli_snapshot_shards(snapshot, NULL);
    *ret_shards = shards != NULL ? shards->shard_count : 0;
    repli_snapshot_unref(snapshot);
    return status;
}

static int32_t phase_of(repli_agent *agent, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    MUST(repli_agent_action(agent, id, &doc, &action, NULL) == REPLI_OK);
    const int32_t phase = action->phase;
    repli_doc_free(doc);
    return phase;
}

static int32_t make_agent(const char *driver, const char *directory, repli_agent **ret_agent,
                          repli_error *err) {
    static const char json[] = "{\"shard_count\": 3, \"status\": \"healthy\"}";
    char store[256];
    snprintf(store, sizeof(store), "%s/agent.db", directory);
    repli_config *config = NULL;
    int32_t code = repli_config_new(NULL, &config, err);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "node_id", "node-1", err);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", store, err);
    if (code == REPLI_OK)
        code = repli_config_load_driver(config, driver, NULL, err);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(config, json, strlen(json), err);
    if (code == REPLI_OK)
        code = repli_agent_new(config, ret_agent, err);
    repli_config_free(config);
    return code;
}

static void run_agent(repli_agent *agent) {
    const struct timespec pause = {.tv_nsec = 5000000};
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.loop";
    request.args_json = "{\"target\": 3}";
    char id[REPLI_UUID_SIZE];
    MUST(repli_agent_start(agent, NULL) == REPLI_OK);
    MUST(repli_agent_schedule(agent, &request, id, NULL) == REPLI_OK);
    size_t shards = 0;
    int turns = 0;
    while (phase_of(agent, id) != REPLI_PHASE_DONE ||
           status_of(agent, &shards) != REPLI_STATUS_HEALTHY) {
        MUST(++turns < 4000);
        use_json_c();
        nanosleep(&pause, NULL);
    }
    MUST(shards == 3);
}

int main(int argc, char **argv) {
    MUST(argc > 2);
    const int threads = argc == 3;
    set_up_sqlite(argv[2], threads ? SQLITE_CONFIG_SERIALIZED : SQLITE_CONFIG_SINGLETHREAD);
    use_json_c();
    use_sqlite(2);
    repli_agent *agent = NULL;
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = make_agent(argv[1], argv[2], &agent, &err);
    if (threads) {
        if (code != REPLI_OK)
            fprintf(stderr, "%s\n", err.message);
        MUST(code == REPLI_OK);
        run_agent(agent);
    } else {
        MUST(code == REPLI_ENOTSUP);
    }
    use_sqlite(3);
    repli_agent_free(agent);
    use_json_c();
    use_sqlite(4);
    leave_sqlite();
    return 0;
}
