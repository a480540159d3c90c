#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "golden.h"
#include "store/internal.h"
#include "store_fixture.h"

/* Actions that may not begin yet, deadlines, requests to end, and how actions ended. */

enum { PATIENCE_MS = 20000, LATER_S = 3600 };

static store_fixture fixture;
static atomic_int claims;

static void setup(void) {
    store_fixture_setup(&fixture);
    atomic_store(&claims, 0);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
}

static void count_claim(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&claims, 1);
}

static void claims_on(void) {
    ck_assert_int_eq(repli__store_claims_on(fixture.store, count_claim, NULL, NULL), REPLI_OK);
}

static int64_t in_ms(int64_t ms) {
    return repli__wall_ns() + ms * REPLI__NS_PER_MS;
}

static const int64_t hour_ms = INT64_C(1000) * LATER_S;

static void insert(uint64_t number, int64_t not_before_ns, int64_t deadline_ns) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(number, id);
    request.not_before_ns = not_before_ns;
    request.deadline_ns = deadline_ns;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_insert(fixture.store, &request, &error) == REPLI_OK, "%s",
                  error.message);
}

/* End what runs, which is that action. */
static void finish(uint64_t number) {
    repli__claim claim = test_take(fixture.store);
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    ck_assert_str_eq(claim.action->id, id);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
}

static void expect_idle(void) {
    repli__claim claim;
    ck_assert_int_eq(repli__store_take(fixture.store, &claim, NULL), REPLI_ENOTFOUND);
}

static void wait_for_claims(int least) {
    const uint64_t until = repli__deadline_ns(PATIENCE_MS);
    while (atomic_load(&claims) < least) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(500);
    }
}

static void expect_end(uint64_t number, int32_t outcome, const char *error) {
    repli_doc *doc;
    const repli_action *action = test_look_up(fixture.store, number, &doc);
    ck_assert_int_eq(action->outcome, outcome);
    ck_assert_int_eq(action->phase,
                     outcome == REPLI_ENDED_DONE ? REPLI_PHASE_DONE : REPLI_PHASE_FAILED);
    if (error != NULL)
        ck_assert_ptr_nonnull(strstr(action->error_json, error));
    repli_doc_free(doc);
}

static void reopen(void) {
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
}

START_TEST(limits_come_back_as_they_were) {
    const int64_t not_before = in_ms(hour_ms);
    insert(1, not_before, not_before + 1);
    insert(2, REPLI_TIME_NONE, REPLI_TIME_NONE);
    for (int pass = 0; pass < 2; pass++) {
        repli_doc *doc;
        const repli_action *action = test_look_up(fixture.store, 1, &doc);
        ck_assert_int_eq(action->not_before_ns, not_before);
        ck_assert_int_eq(action->deadline_ns, not_before + 1);
        ck_assert_int_eq(action->cancel_requested_ns, REPLI_TIME_NONE);
        ck_assert_int_eq(action->outcome, 0);
        repli_doc_free(doc);
        action = test_look_up(fixture.store, 2, &doc);
        ck_assert_int_eq(action->not_before_ns, REPLI_TIME_NONE);
        ck_assert_int_eq(action->deadline_ns, REPLI_TIME_NONE);
        repli_doc_free(doc);
        reopen();
    }
}
END_TEST

START_TEST(who_must_wait_holds_up_nobody) {
    insert(1, in_ms(2 * hour_ms), REPLI_TIME_NONE);
    insert(2, in_ms(hour_ms), REPLI_TIME_NONE);
    test_insert(fixture.store, 3);
    test_insert(fixture.store, 4);
    /* What may run, in its order, and then who waits for a time, the next one first. */
    test_expect_queue(fixture.store, NUMBERS(3, 4, 2, 1));
    claims_on();
    finish(3);
    finish(4);
    expect_idle();
    test_expect_queue(fixture.store, NUMBERS(2, 1));
    test_insert(fixture.store, 5);
    finish(5);
    expect_idle();
    ck_assert_int_eq(atomic_load(&claims), 3);
}
END_TEST

/* A time that has passed is as good as none. */
START_TEST(a_time_in_the_past_is_no_reason_to_wait) {
    claims_on();
    insert(1, in_ms(-1000), REPLI_TIME_NONE);
    insert(2, REPLI_TIME_NONE, REPLI_TIME_NONE);
    test_expect_queue(fixture.store, NUMBERS(1, 2));
    finish(1);
    finish(2);
}
END_TEST

START_TEST(the_writer_wakes_when_the_time_has_come) {
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    claims_on();
    const int64_t then = in_ms(1000);
    insert(1, then + 1, REPLI_TIME_NONE);
    insert(2, then, REPLI_TIME_NONE);
    expect_idle();
    wait_for_claims(1);
    ck_assert_int_ge(repli__wall_ns(), then);
    /* Nobody looked in between: one transaction turned claims on, two inserted, and the rest woke.
     */
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_uint_le(stats.commits, 6);
    /* Among those that may run the order is that of acceptance; both may by now. */
    usleep(2000);
    repli__claim claim = test_take(fixture.store);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
    claim = test_take(fixture.store);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
    expect_idle();
    repli__store_stop(fixture.store);
}
END_TEST

/* What ran when an older one became free is still the first in the list. */
START_TEST(who_becomes_free_does_not_overtake_what_runs) {
    const int64_t then = in_ms(500);
    insert(1, then, REPLI_TIME_NONE);
    claims_on();
    test_insert(fixture.store, 2);
    test_insert(fixture.store, 3);
    while (repli__wall_ns() <= then)
        usleep(500);
    test_insert(fixture.store, 4);
    test_expect_queue(fixture.store, NUMBERS(2, 1, 3, 4));
    finish(2);
    finish(1);
    finish(3);
    finish(4);
}
END_TEST

START_TEST(waiting_survives_a_restart) {
    const int64_t then = in_ms(150);
    insert(1, then, REPLI_TIME_NONE);
    insert(2, in_ms(hour_ms), in_ms(2 * hour_ms));
    reopen();
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    claims_on();
    wait_for_claims(1);
    ck_assert_int_ge(repli__wall_ns(), then);
    finish(1);
    expect_idle();
    repli__store_stop(fixture.store);
}
END_TEST

/* Deadlines. */

START_TEST(a_deadline_ends_what_waits) {
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    claims_on();
    test_insert(fixture.store, 1);
    insert(2, REPLI_TIME_NONE, in_ms(100));
    insert(3, in_ms(50), in_ms(120));
    insert(4, REPLI_TIME_NONE, in_ms(hour_ms));
    const uint64_t until = repli__deadline_ns(PATIENCE_MS);
    while (test_phase(fixture.store, 2) != REPLI_PHASE_FAILED ||
           test_phase(fixture.store, 3) != REPLI_PHASE_FAILED) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(500);
    }
    expect_end(2, REPLI_ENDED_TIMED_OUT, "never started, so it had no effect");
    expect_end(3, REPLI_ENDED_TIMED_OUT, "never started");
    test_expect_queue(fixture.store, NUMBERS(1, 4));
    finish(1);
    finish(4);
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_uint_eq(stats.ended[REPLI_ENDED_TIMED_OUT], 2);
    ck_assert_uint_eq(stats.ended[REPLI_ENDED_DONE], 2);
    ck_assert_uint_eq(stats.queued, 0);
    repli__store_stop(fixture.store);
}
END_TEST

START_TEST(a_deadline_in_the_past_ends_at_once) {
    claims_on();
    insert(1, REPLI_TIME_NONE, in_ms(-1000));
    expect_end(1, REPLI_ENDED_TIMED_OUT, "never started");
    expect_idle();
    /* More of them than are ended in one transaction. */
    for (uint64_t number = 2; number < 10; number++)
        insert(number, REPLI_TIME_NONE, in_ms(-1000));
    test_expect_queue(fixture.store, NONE);
}
END_TEST

/* The deadline of what runs is the executor's affair. */
START_TEST(what_runs_is_not_ended_by_the_store) {
    claims_on();
    const int64_t deadline = in_ms(400);
    insert(1, REPLI_TIME_NONE, deadline);
    while (repli__wall_ns() <= deadline)
        usleep(500);
    test_insert(fixture.store, 2);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_RUNNING);
    finish(1);
    finish(2);
}
END_TEST

START_TEST(deadlines_that_passed_while_nobody_was_there) {
    insert(1, REPLI_TIME_NONE, in_ms(20));
    insert(2, REPLI_TIME_NONE, in_ms(hour_ms));
    store_fixture_close(&fixture);
    usleep(30000);
    store_fixture_open(&fixture);
    claims_on();
    expect_end(1, REPLI_ENDED_TIMED_OUT, "never started");
    finish(2);
}
END_TEST

/* Requests to end. */

static int yes(const void *user_data, const char *kind) {
    ck_assert_str_eq(kind, "example.com/work");
    return *(const int *)user_data;
}

START_TEST(what_runs_can_be_asked_to_end) {
    static const int one = 1;
    static const int zero = 0;
    char id[REPLI_UUID_SIZE];
    test_id(1, id);
    repli_error error = REPLI_ERROR_INIT;
    test_insert(fixture.store, 1);
    claims_on();
    repli__claim claim = test_take(fixture.store);
    ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", yes, &zero, &error),
                     REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "cannot be cancelled"));
    ck_assert(!repli__store_is_asked(fixture.store, claim.sequence));
    const int told = atomic_load(&claims);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", yes, &one, NULL), REPLI_OK);
    ck_assert(repli__store_is_asked(fixture.store, claim.sequence));
    ck_assert_int_eq(atomic_load(&claims), told + 1);
    repli_doc_free(claim.doc);

    /* It is known after a restart, and the history tells the one and the other. */
    reopen();
    claims_on();
    claim = test_take(fixture.store);
    ck_assert_int_ne(claim.action->cancel_requested_ns, REPLI_TIME_NONE);
    ck_assert(claim.interrupted);
    repli_doc *doc;
    const repli_action *action = test_look_up(fixture.store, 1, &doc);
    ck_assert_uint_eq(action->history_count, 4);
    ck_assert_ptr_nonnull(strstr(action->history[0].error_json, "interrupted"));
    ck_assert_ptr_nonnull(strstr(action->history[1].error_json, "asked to end"));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(action->history[i].phase, REPLI_PHASE_RUNNING);
    repli_doc_free(doc);

    test_insert(fixture.store, 2);
    ck_assert_int_eq(repli__store_advance(fixture.store, claim.sequence, REPLI_PHASE_FAILED,
                                          REPLI_ENDED_CANCELLED, NULL, "{}", NULL),
                     REPLI_OK);
    expect_end(1, REPLI_ENDED_CANCELLED, NULL);
    repli_doc_free(claim.doc);
    claim = test_take(fixture.store);
    ck_assert(!repli__store_is_asked(fixture.store, claim.sequence));
    repli_doc_free(claim.doc);
}
END_TEST

START_TEST(who_waits_for_its_time_can_be_cancelled) {
    claims_on();
    insert(1, in_ms(hour_ms), REPLI_TIME_NONE);
    char id[REPLI_UUID_SIZE];
    test_id(1, id);
    ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", NULL, NULL, NULL), REPLI_OK);
    expect_end(1, REPLI_ENDED_CANCELLED, NULL);
    test_insert(fixture.store, 2);
    finish(2);
    test_expect_queue(fixture.store, NONE);
}
END_TEST

/* A database of the release before there were limits. */

START_TEST(an_old_database_loses_nothing) {
    char *dump = golden_read("store-1.sql");
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(fixture.path), 0);
    store_fixture_sql(&fixture, dump);
    free(dump);
    store_fixture_open(&fixture);
    static const struct {
        const char *id;
        int32_t phase, outcome;
        const char *payload;
        size_t history;
    } known[] = {
        {"01a1fd56-0000-7000-8000-000000000001", REPLI_PHASE_DONE, REPLI_ENDED_DONE,
         "{\"count\":3}", 5},
        {"01a1fd56-0000-7000-8000-000000000002", REPLI_PHASE_FAILED, REPLI_ENDED_FAILED, NULL, 3},
        {"01a1fd56-0000-7000-8000-000000000003", REPLI_PHASE_RUNNING, 0,
         "{\"step\":1,\"steps\":1000000}", 3},
        {"01a1fd56-0000-7000-8000-000000000004", REPLI_PHASE_NEW, 0, NULL, 1},
        {"01a1fd56-0000-7000-8000-000000000005", REPLI_PHASE_FAILED, REPLI_ENDED_CANCELLED, NULL,
         2},
        {"01a1fd56-0000-7000-8000-000000000006", REPLI_PHASE_NEW, 0, NULL, 1},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        repli_doc *doc;
        const repli_action *action;
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_msg(repli__store_action(fixture.store, known[i].id, &doc, &action, &error) ==
                          REPLI_OK,
                      "%s", error.message);
        ck_assert_int_eq(action->phase, known[i].phase);
        ck_assert_int_eq(action->outcome, known[i].outcome);
        ck_assert_pstr_eq(action->payload_json, known[i].payload);
        ck_assert_uint_eq(action->history_count, known[i].history);
        ck_assert_int_eq(action->deadline_ns, REPLI_TIME_NONE);
        ck_assert_int_eq(action->not_before_ns, REPLI_TIME_NONE);
        repli_doc_free(doc);
    }
    /* What ran is resumed first, and then what waited comes in its order. */
    claims_on();
    for (size_t i = 2; i < 6; i++) {
        if (i == 4)
            continue;
        repli__claim claim = test_take(fixture.store);
        ck_assert_str_eq(claim.action->id, known[i].id);
        ck_assert_int_eq(claim.interrupted, i == 2);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
        repli_doc_free(claim.doc);
    }
    expect_idle();
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store timed");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, limits_come_back_as_they_were);
    tcase_add_test(tcase, who_must_wait_holds_up_nobody);
    tcase_add_test(tcase, a_time_in_the_past_is_no_reason_to_wait);
    tcase_add_test(tcase, the_writer_wakes_when_the_time_has_come);
    tcase_add_test(tcase, who_becomes_free_does_not_overtake_what_runs);
    tcase_add_test(tcase, waiting_survives_a_restart);
    tcase_add_test(tcase, a_deadline_ends_what_waits);
    tcase_add_test(tcase, a_deadline_in_the_past_ends_at_once);
    tcase_add_test(tcase, what_runs_is_not_ended_by_the_store);
    tcase_add_test(tcase, deadlines_that_passed_while_nobody_was_there);
    tcase_add_test(tcase, what_runs_can_be_asked_to_end);
    tcase_add_test(tcase, who_waits_for_its_time_can_be_cancelled);
    tcase_add_test(tcase, an_old_database_loses_nothing);
    Suite *suite = suite_create("store timed");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
