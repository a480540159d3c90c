#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "failing.h"
#include "store_fixture.h"

/* What the store does when there is no memory. */

static store_fixture fixture;

static void setup(void) {
    store_fixture_setup(&fixture);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
}

static void ignore_claim(void *user_data) {
    (void)user_data;
}

static void note_code(void *user_data, int32_t code, const repli_error *error) {
    (void)error;
    *(int32_t *)user_data = code;
}

static failing memory;

static int32_t try_insert(repli_error *err) {
    char id[REPLI_UUID_SIZE];
    const repli_request request = test_request(2, id);
    return repli__store_insert(fixture.store, &request, err);
}

static int32_t try_insert_async(repli_error *err) {
    int32_t told = 1;
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(2, id);
    repli_header header = REPLI_HEADER_INIT;
    header.name = "name";
    header.value = "value";
    request.headers = &header;
    request.header_count = 1;
    const int32_t code = repli__store_insert_async(fixture.store, &request, note_code, &told, err);
    ck_assert_int_eq(told != 1, code == REPLI_OK);
    return code == REPLI_OK ? told : code;
}

static int32_t try_action(repli_error *err) {
    char id[REPLI_UUID_SIZE];
    test_id(1, id);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    const int32_t code = repli__store_action(fixture.store, id, &doc, &action, err);
    ck_assert_int_eq(doc != NULL, code == REPLI_OK);
    if (code == REPLI_OK)
        ck_assert_uint_eq(action->history_count, 22);
    repli_doc_free(doc);
    return code;
}

static int32_t try_queue(repli_error *err) {
    repli_doc *doc = NULL;
    const repli_action_summary *summaries;
    size_t count;
    const int32_t code = repli__store_queue(fixture.store, &doc, &summaries, &count, err);
    ck_assert_int_eq(doc != NULL, code == REPLI_OK);
    repli_doc_free(doc);
    return code;
}

static int32_t try_take(repli_error *err) {
    repli__claim claim = {0};
    const int32_t code = repli__store_take(fixture.store, &claim, err);
    ck_assert_int_eq(claim.doc != NULL, code == REPLI_OK);
    repli_doc_free(claim.doc);
    return code;
}

static int32_t try_advance(repli_error *err) {
    return repli__store_advance(fixture.store, 1, REPLI_PHASE_DONE, 0, NULL, NULL, err);
}

/* Let ever later allocations fail until the operation works. */
static void starve(int32_t (*operation)(repli_error *err)) {
    int32_t code = REPLI_ENOMEM;
    for (size_t fail_at = 1; code != REPLI_OK; fail_at++) {
        ck_assert_uint_lt(fail_at, 200);
        failing_arm(&memory, fail_at, 1);
        repli_error error = REPLI_ERROR_INIT;
        code = operation(&error);
        ck_assert_msg(code == REPLI_OK || code == REPLI_ENOMEM, "%s", error.message);
        ck_assert_int_eq(error.code, code);
    }
    failing_arm(&memory, 0, 0);
}

START_TEST(want_of_memory_loses_nothing) {
    store_fixture_close(&fixture);
    failing_init(&memory);
    fixture.mem = &memory.allocator;
    store_fixture_open(&fixture);
    test_insert(fixture.store, 1);
    /* The claim is made without memory, and read when there is some again. */
    failing_arm(&memory, 1, 1);
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    starve(try_take);
    for (int step = 0; step < 20; step++) {
        char payload[16];
        snprintf(payload, sizeof(payload), "%d", step);
        ck_assert_int_eq(
            repli__store_advance(fixture.store, 1, REPLI_PHASE_RUNNING, 0, payload, NULL, NULL),
            REPLI_OK);
    }
    starve(try_action);
    starve(try_queue);
    starve(try_insert_async);
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_uint_eq(stats.queued, 2);
    failing_arm(&memory, 1, 1);
    ck_assert_int_eq(try_insert(NULL), REPLI_ECONFLICT);
    ck_assert_int_eq(try_advance(NULL), REPLI_OK);
    starve(try_take);
    store_fixture_close(&fixture);
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store memory");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, want_of_memory_loses_nothing);
    Suite *suite = suite_create("store memory");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
