#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"
#include "store_fixture.h"

/* Finished actions: how they are listed, and how they go. */

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

static void claims_on(void) {
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
}

static size_t count_finished(void) {
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    ck_assert_int_eq(repli__store_finished(fixture.store, 0, NULL, &doc, &summaries, &count, NULL),
                     REPLI_OK);
    repli_doc_free(doc);
    return count;
}

static void finish(uint64_t from, uint64_t to) {
    claims_on();
    for (uint64_t number = from; number <= to; number++) {
        test_insert(fixture.store, number);
        repli__claim claim = test_take(fixture.store);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
        repli_doc_free(claim.doc);
    }
    repli__store_claims_off(fixture.store);
}

START_TEST(finished_actions_are_paged) {
    finish(1, 7);
    test_insert(fixture.store, 8);
    char id[REPLI_UUID_SIZE];
    test_expect_finished(fixture.store, 3, NULL, NUMBERS(7, 6, 5));
    test_id(5, id);
    test_expect_finished(fixture.store, 3, id, NUMBERS(4, 3, 2));
    test_id(2, id);
    test_expect_finished(fixture.store, 3, id, NUMBERS(1));
    test_id(1, id);
    test_expect_finished(fixture.store, 3, id, NONE);
    test_id(7, id);
    test_expect_finished(fixture.store, 0, id, NUMBERS(6, 5, 4, 3, 2, 1));

    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    const char *const unknown[] = {"00000000-0000-7000-8000-000000000008",
                                   "00000000-0000-7000-8000-00000000ffff", "x"};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(
            repli__store_finished(fixture.store, 1, unknown[i], &doc, &summaries, &count, NULL),
            REPLI_ENOTFOUND);
}
END_TEST

START_TEST(actions_finished_at_the_same_time_are_all_paged) {
    finish(1, 6);
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, "UPDATE actions SET finished_ns = 5 WHERE seq < 6");
    store_fixture_open(&fixture);
    char id[REPLI_UUID_SIZE];
    test_id(4, id);
    test_expect_finished(fixture.store, 2, id, NUMBERS(3, 2));
    test_id(2, id);
    test_expect_finished(fixture.store, 9, id, NUMBERS(1));
}
END_TEST

START_TEST(the_default_list_covers_an_hour_and_a_hundred) {
    finish(1, 150);
    ck_assert_uint_eq(count_finished(), 150);
    store_fixture_close(&fixture);
    /* All but 20 are older than an hour, all but 120 than two. */
    store_fixture_sql(
        &fixture, "UPDATE actions SET finished_ns = finished_ns - 3700000000000 WHERE seq <= 130");
    store_fixture_open(&fixture);
    ck_assert_uint_eq(count_finished(), 100);
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture,
                      "UPDATE actions SET finished_ns = finished_ns + 3700000000000 WHERE seq > 20 "
                      "AND seq <= 130");
    store_fixture_open(&fixture);
    ck_assert_uint_eq(count_finished(), 130);
}
END_TEST

START_TEST(a_purge_takes_the_oldest_and_stops_at_its_limit) {
    finish(1, 10);
    test_insert(fixture.store, 11);
    uint32_t deleted = 99;
    ck_assert_int_eq(repli__store_purge(fixture.store, 0, 100, &deleted, NULL), REPLI_OK);
    ck_assert_uint_eq(deleted, 0);
    ck_assert_int_eq(repli__store_purge(fixture.store, INT64_MAX, 4, &deleted, NULL), REPLI_OK);
    ck_assert_uint_eq(deleted, 4);
    test_expect_finished(fixture.store, 0, NULL, NUMBERS(10, 9, 8, 7, 6, 5));
    ck_assert_int_eq(repli__store_purge(fixture.store, INT64_MAX, 100, &deleted, NULL), REPLI_OK);
    ck_assert_uint_eq(deleted, 6);
    test_expect_finished(fixture.store, 0, NULL, NONE);
    /* What waits stays, and an id is free again. */
    test_expect_queue(fixture.store, NUMBERS(11));
    test_insert(fixture.store, 1);
    test_expect_queue(fixture.store, NUMBERS(11, 1));
}
END_TEST

START_TEST(a_purge_takes_the_history_too) {
    claims_on();
    test_insert(fixture.store, 1);
    repli__claim claim = test_take(fixture.store);
    for (int step = 0; step < 700; step++) {
        char payload[16];
        snprintf(payload, sizeof(payload), "%d", step);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, payload, NULL);
    }
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
    uint32_t deleted;
    ck_assert_int_eq(repli__store_purge(fixture.store, INT64_MAX, 1, &deleted, NULL), REPLI_OK);
    ck_assert_uint_eq(deleted, 1);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM history"), 0);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM actions"), 0);
}
END_TEST

/* A million finished actions cost nothing because no question looks at more than it answers. */
static void expect_index(sqlite3 *db, const char *sql) {
    char text[1024];
    snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *plan;
    ck_assert_int_eq(sqlite3_prepare_v2(db, text, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        ck_assert_msg(strstr(detail, "TEMP B-TREE") == NULL, "%s: %s", sql, detail);
        ck_assert_msg(strstr(detail, "SCAN") == NULL ||
                          strstr(detail, "actions_queue") != NULL,
                      "%s: %s", sql, detail);
    }
    sqlite3_finalize(plan);
}

START_TEST(every_question_has_its_index) {
    for (size_t i = 0; i < REPLI__SQL_WRITES; i++)
        expect_index(fixture.store->writer.db, repli__sql_writes[i]);
    for (size_t i = 0; i < REPLI__SQL_READS; i++)
        expect_index(fixture.store->reader.db, repli__sql_reads[i]);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store lists");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, finished_actions_are_paged);
    tcase_add_test(tcase, actions_finished_at_the_same_time_are_all_paged);
    tcase_add_test(tcase, the_default_list_covers_an_hour_and_a_hundred);
    tcase_add_test(tcase, a_purge_takes_the_oldest_and_stops_at_its_limit);
    tcase_add_test(tcase, a_purge_takes_the_history_too);
    tcase_add_test(tcase, every_question_has_its_index);
    Suite *suite = suite_create("store lists");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
