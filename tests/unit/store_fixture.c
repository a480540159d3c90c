#include "store_fixture.h"

#include <check.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"

void store_fixture_setup(store_fixture *fixture) {
    memset(fixture, 0, sizeof(*fixture));
    strcpy(fixture->directory, "/tmp/repli-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/agent.db", fixture->directory);
    fixture->queue_limit = 1000000;
    fixture->mem = &repli__mem_default;
    store_fixture_open(fixture);
}

static void remove_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char name[512];
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        struct stat status;
        if (lstat(name, &status) == 0 && S_ISDIR(status.st_mode))
            remove_directory(name);
        else
            unlink(name);
    }
    closedir(directory);
    rmdir(path);
}

void store_fixture_teardown(store_fixture *fixture) {
    store_fixture_close(fixture);
    remove_directory(fixture->directory);
}

int32_t store_fixture_try(store_fixture *fixture, repli_error *err) {
    const repli__store_options options = {.path = fixture->path,
                                          .full_sync = 1,
                                          .queue_limit = fixture->queue_limit,
                                          .mem = fixture->mem,
                                          .log = fixture->log};
    return repli__store_open(&options, &fixture->store, err);
}

void store_fixture_open(store_fixture *fixture) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(store_fixture_try(fixture, &error) == REPLI_OK, "%s", error.message);
}

void store_fixture_close(store_fixture *fixture) {
    repli__store_close(fixture->store);
    fixture->store = NULL;
}

void store_fixture_sql(const store_fixture *fixture, const char *sql) {
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
    char *message = NULL;
    sqlite3_exec(db, sql, NULL, NULL, &message);
    ck_assert_msg(message == NULL, "%s: %s", sql, message);
    sqlite3_close(db);
}

int64_t store_fixture_number(const store_fixture *fixture, const char *sql) {
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
    sqlite3_stmt *statement;
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    const int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

void test_id(uint64_t number, char ret_id[REPLI_UUID_SIZE]) {
    snprintf(ret_id, REPLI_UUID_SIZE, "00000000-0000-7000-8000-%012" PRIx64,
             number & 0xffffffffffff);
}

repli_request test_request(uint64_t number, char ret_id[REPLI_UUID_SIZE]) {
    test_id(number, ret_id);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/work";
    request.args_json = "{\"a\":1}";
    request.id = ret_id;
    request.created_ns = 1000 + (int64_t)number;
    request.requester = "AGENT_API";
    return request;
}

void test_insert(repli__store *store, uint64_t number) {
    char id[REPLI_UUID_SIZE];
    const repli_request request = test_request(number, id);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_insert(store, &request, &error) == REPLI_OK, "%s", error.message);
}

repli__claim test_take(repli__store *store) {
    repli__claim claim;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_take(store, &claim, &error) == REPLI_OK, "%s", error.message);
    return claim;
}

void test_take_and_expect(repli__store *store, uint64_t number) {
    repli__claim claim = test_take(store);
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    ck_assert_str_eq(claim.action->id, id);
    repli_doc_free(claim.doc);
}

void test_advance(repli__store *store, int64_t seq, int32_t phase, const char *payload,
                  const char *error_json) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_advance(store, seq, phase, 0, payload, error_json, &error) ==
                      REPLI_OK,
                  "%s", error.message);
}

const repli_action *test_look_up(repli__store *store, uint64_t number, repli_doc **ret_doc) {
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    const repli_action *action;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_action(store, id, ret_doc, &action, &error) == REPLI_OK, "%s",
                  error.message);
    return action;
}

int32_t test_phase(repli__store *store, uint64_t number) {
    repli_doc *doc;
    const int32_t phase = test_look_up(store, number, &doc)->phase;
    repli_doc_free(doc);
    return phase;
}

/* Compare a list with numbers of actions, ended by 0. */
static void expect_list(const repli_action_summary *summaries, size_t count,
                        const uint64_t *numbers) {
    size_t i = 0;
    for (; i < count && numbers[i] != 0; i++) {
        char id[REPLI_UUID_SIZE];
        test_id(numbers[i], id);
        ck_assert_str_eq(summaries[i].id, id);
        ck_assert_str_eq(summaries[i].kind, "example.com/work");
    }
    ck_assert_uint_eq(i, count);
    ck_assert_uint_eq(numbers[i], 0);
}

void test_expect_queue(repli__store *store, const uint64_t *numbers) {
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    ck_assert_int_eq(repli__store_queue(store, &doc, &summaries, &count, NULL), REPLI_OK);
    expect_list(summaries, count, numbers);
    repli_doc_free(doc);
}

void test_expect_finished(repli__store *store, uint32_t limit, const char *before,
                          const uint64_t *numbers) {
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    ck_assert_int_eq(repli__store_finished(store, limit, before, &doc, &summaries, &count, NULL),
                     REPLI_OK);
    expect_list(summaries, count, numbers);
    repli_doc_free(doc);
}

char *test_read_file(const char *path, size_t *ret_size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    struct stat status;
    ck_assert_int_eq(fstat(fileno(file), &status), 0);
    char *data = malloc((size_t)status.st_size + 1);
    ck_assert_ptr_nonnull(data);
    *ret_size = fread(data, 1, (size_t)status.st_size, file);
    fclose(file);
    return data;
}
