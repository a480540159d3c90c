#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "store/store.h"

/* A store in a directory of its own, for the tests of the store and of what stands on it. */
typedef struct store_fixture {
    char directory[64];
    char path[96];
    repli__store *store;
    uint64_t queue_limit;
    const repli__mem *mem;
    repli__log *log;
} store_fixture;

/* Creates the directory and opens a store in it. */
void store_fixture_setup(store_fixture *fixture);
/* Closes the store and removes the directory. */
void store_fixture_teardown(store_fixture *fixture);
void store_fixture_open(store_fixture *fixture);
void store_fixture_close(store_fixture *fixture);
/* Returns the code and does not check it. */
int32_t store_fixture_try(store_fixture *fixture, repli_error *err);

/* Run a statement on the database, which nobody has open. */
void store_fixture_sql(const store_fixture *fixture, const char *sql);
/* An integer from the database. */
int64_t store_fixture_number(const store_fixture *fixture, const char *sql);

/* Ids that sort and print as their number. */
void test_id(uint64_t number, char ret_id[REPLI_UUID_SIZE]);
/* A complete request with the id of that number, which is kept in ret_id. */
repli_request test_request(uint64_t number, char ret_id[REPLI_UUID_SIZE]);
/* Insert and check. */
void test_insert(repli__store *store, uint64_t number);

/* Take over a claim that must be there. */
repli__claim test_take(repli__store *store);
void test_take_and_expect(repli__store *store, uint64_t number);
void test_advance(repli__store *store, int64_t seq, int32_t phase, const char *payload,
                  const char *error_json);
const repli_action *test_look_up(repli__store *store, uint64_t number, repli_doc **ret_doc);
int32_t test_phase(repli__store *store, uint64_t number);

/* Lists of actions by their numbers, ended by 0. */
#define NUMBERS(...) ((const uint64_t[]){__VA_ARGS__, 0})
#define NONE ((const uint64_t[]){0})
void test_expect_queue(repli__store *store, const uint64_t *numbers);
void test_expect_finished(repli__store *store, uint32_t limit, const char *before,
                          const uint64_t *numbers);

/* The whole of a file; free() it. */
char *test_read_file(const char *path, size_t *ret_size);

#endif
