#include "store_use.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fuzz.h"

/* Bits of ways. */
enum { CLAIM = 1, STEP = 2, FINISH = 4, CANCEL = 8, INSERT = 16, PURGE = 32, REMEMBER = 64 };

enum { LISTED_MAX = 64 };

const char *store_use_path(void) {
    static char path[128];
    if (path[0] == '\0')
        snprintf(path, sizeof(path), "%s", fuzz_path("agent.db"));
    return path;
}

const char *store_use_beside(const char *suffix) {
    static char paths[2][160];
    static unsigned next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof(paths[0]), "%s%s", store_use_path(), suffix);
    return path;
}

static void remove_files(void) {
    unlink(store_use_path());
    unlink(store_use_beside("-wal"));
    unlink(store_use_beside("-shm"));
}

void store_use_replace(const void *data, size_t size) {
    remove_files();
    fuzz_write_file(store_use_path(), data, size);
}

int32_t store_use_open(repli__store **ret_store, repli_error *err) {
    const repli__store_options options = {.path = store_use_path(),
                                          .full_sync = 1,
                                          .queue_limit = 1000,
                                          .mem = &repli__mem_default,
                                          .log = NULL};
    return repli__store_open(&options, ret_store, err);
}

static void id_of(unsigned number, char ret_id[REPLI_UUID_SIZE]) {
    snprintf(ret_id, REPLI_UUID_SIZE, "f022f022-0000-7000-8000-%012x", number);
}

static int32_t insert(repli__store *store, unsigned number, repli_error *err) {
    char id[REPLI_UUID_SIZE];
    id_of(number, id);
    const repli_header headers[] = {
        {.struct_size = sizeof(repli_header), .name = "trace", .value = "1"}};
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/work";
    request.args_json = "{\"number\":1}";
    request.id = id;
    request.created_ns = INT64_C(1700000000000000000);
    request.requester = "AGENT_API";
    request.headers = headers;
    request.header_count = number % 2;
    return repli__store_insert(store, &request, err);
}

void store_use_insert(repli__store *store, unsigned from, unsigned until) {
    for (unsigned i = from; i < until; i++)
        HOLDS(insert(store, i, NULL) == REPLI_OK);
}

static void ignore_claim(void *user_data) {
    (void)user_data;
}

/* Through the phases until steps of them are finished. */
static void finish_some(repli__store *store, unsigned count) {
    HOLDS(repli__store_claims_on(store, ignore_claim, NULL, NULL) == REPLI_OK);
    for (unsigned i = 0; i < count; i++) {
        repli__claim claim;
        HOLDS(repli__store_take(store, &claim, NULL) == REPLI_OK);
        const int32_t end = i % 2 == 0 ? REPLI_PHASE_DONE : REPLI_PHASE_FAILED;
        const char *why = end == REPLI_PHASE_FAILED ? "{\"error_msg\":\"no\"}" : NULL;
        HOLDS(repli__store_advance(store, claim.sequence, REPLI_PHASE_RUNNING, 0, "{\"step\":1}",
                                   NULL, NULL) == REPLI_OK);
        HOLDS(repli__store_advance(store, claim.sequence, end, 0, "{\"step\":2}", why, NULL) ==
              REPLI_OK);
        repli_doc_free(claim.doc);
    }
    repli__store_claims_off(store);
}

void store_use_create(unsigned actions) {
    repli__store *store;
    remove_files();
    HOLDS(store_use_open(&store, NULL) == REPLI_OK);
    store_use_insert(store, 0, actions);
    if (actions > 0)
        finish_some(store, actions / 2);
    HOLDS(repli__store_remember(store, "cluster_id", "one", NULL) == REPLI_OK);
    repli__store_close(store);
}

/* A call: what it returned makes sense. Not 0 if it went well. */
static int went(int32_t code, repli_error *error, store_use_counts *counts) {
    fuzz_outcome(code, error);
    /* What is wrong with the database is never the fault of who asked. */
    HOLDS_FOR(code != REPLI_EINVALID && code != REPLI_ENOMEM, error->message);
    if (code == REPLI_ECORRUPT)
        counts->damaged = 1;
    *error = (repli_error)REPLI_ERROR_INIT;
    return code == REPLI_OK;
}

static void look_up(repli__store *store, const char *id, store_use_counts *counts) {
    repli_error error = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_action *action;
    if (!went(repli__store_action(store, id, &doc, &action, &error), &error, counts))
        return;
    HOLDS(strcmp(action->id, id) == 0);
    repli_buf json = REPLI_BUF_INIT;
    HOLDS_FOR(repli_action_to_json(action, &json, &error) == REPLI_OK, error.message);
    repli_buf_dispose(&json);
    repli_doc_free(doc);
}

typedef struct listed {
    char ids[LISTED_MAX][REPLI_UUID_SIZE];
    size_t count;
} listed;

static void list(repli__store *store, int finished, uint32_t limit, const char *before, listed *ids,
                 store_use_counts *counts) {
    repli_error error = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    const int32_t code =
        finished ? repli__store_finished(store, limit, before, &doc, &summaries, &count, &error)
                 : repli__store_queue(store, &doc, &summaries, &count, &error);
    if (!went(code, &error, counts))
        return;
    HOLDS(limit == 0 || count <= limit);
    repli_buf json = REPLI_BUF_INIT;
    HOLDS_FOR(repli_action_summaries_to_json(summaries, count, &json, &error) == REPLI_OK,
              error.message);
    repli_buf_dispose(&json);
    for (size_t i = 0; i < count && ids != NULL && ids->count < LISTED_MAX; i++)
        memcpy(ids->ids[ids->count++], summaries[i].id, REPLI_UUID_SIZE);
    if (ids != NULL)
        counts->listed += count;
    repli_doc_free(doc);
}

static void ask(repli__store *store, listed *ids, store_use_counts *counts) {
    list(store, 0, 0, NULL, ids, counts);
    list(store, 1, 0, NULL, ids, counts);
    for (size_t i = 0; i < ids->count; i++) {
        look_up(store, ids->ids[i], counts);
        list(store, 1, 2, ids->ids[i], NULL, counts);
    }
    look_up(store, "f022f022-0000-7000-8000-000000000001", counts);
    repli_error error = REPLI_ERROR_INIT;
    char value[16];
    const int32_t code = repli__store_recall(store, "cluster_id", value, sizeof(value), &error);
    fuzz_outcome(code, &error);
}

static void run_some(repli__store *store, uint8_t ways, store_use_counts *counts) {
    repli_error error = REPLI_ERROR_INIT;
    went(repli__store_claims_on(store, ignore_claim, NULL, &error), &error, counts);
    for (int i = 0; i < 8; i++) {
        repli__claim claim;
        if (!went(repli__store_take(store, &claim, &error), &error, counts))
            break;
        HOLDS(claim.action->phase == REPLI_PHASE_RUNNING);
        repli_buf json = REPLI_BUF_INIT;
        HOLDS_FOR(repli_action_to_json(claim.action, &json, &error) == REPLI_OK, error.message);
        repli_buf_dispose(&json);
        if (ways & STEP)
            went(repli__store_advance(store, claim.sequence, REPLI_PHASE_RUNNING, 0, "{\"f\":1}",
                                      NULL, &error),
                 &error, counts);
        if (ways & FINISH)
            went(repli__store_advance(store, claim.sequence, REPLI_PHASE_DONE, 0, NULL, NULL,
                                      &error),
                 &error, counts);
        repli_doc_free(claim.doc);
    }
    repli__store_claims_off(store);
}

static void change(repli__store *store, uint8_t ways, const listed *ids, store_use_counts *counts) {
    repli_error error = REPLI_ERROR_INIT;
    if (ways & CANCEL)
        for (size_t i = 0; i < ids->count; i++)
            went(repli__store_cancel(store, ids->ids[i], "{\"error_msg\":\"c\"}", NULL, NULL,
                                     &error),
                 &error, counts);
    if (ways & INSERT)
        counts->inserted += (uint64_t)went(insert(store, 0xffff, &error), &error, counts);
    if (ways & CLAIM)
        run_some(store, ways, counts);
    if (ways & REMEMBER)
        went(repli__store_remember(store, "cluster_id", "two", &error), &error, counts);
    uint32_t purged = 0;
    if ((ways & PURGE) &&
        went(repli__store_purge(store, INT64_MAX, 100, &purged, &error), &error, counts))
        counts->purged = purged;
}

store_use_counts store_use(repli__store *store, uint8_t ways) {
    store_use_counts counts = {0};
    listed ids = {.count = 0};
    ask(store, &ids, &counts);
    change(store, ways, &ids, &counts);
    listed after = {.count = 0};
    store_use_counts again = {0};
    ask(store, &after, &again);
    return counts;
}

uint64_t store_use_count(void) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    HOLDS(sqlite3_open(store_use_path(), &db) == SQLITE_OK);
    HOLDS(sqlite3_prepare_v2(db, "SELECT count(*) FROM actions NOT INDEXED", -1, &statement,
                             NULL) == SQLITE_OK);
    HOLDS(sqlite3_step(statement) == SQLITE_ROW);
    const uint64_t count = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}
