#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_fixture.h"
#include "store/internal.h"
#include "store_fixture.h"

/* Actions that are held up, and those that pass meanwhile. */

static store_fixture fixture;
static atomic_int claims;
static const char *passing; /* the kind that does */

static void on_claim(void *user_data) {
    (void)user_data;
    atomic_fetch_add(&claims, 1);
}

static int passes(void *user_data, const char *kind) {
    (void)user_data;
    return passing != NULL && strcmp(kind, passing) == 0;
}

static void reopen(int shut) {
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    repli__store_gate_init(fixture.store, shut, passes, NULL);
}

static void setup(void) {
    store_fixture_setup(&fixture);
    atomic_init(&claims, 0);
    passing = NULL;
    reopen(0);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
}

static void claim(void) {
    ck_assert_int_eq(repli__store_claims_on(fixture.store, on_claim, NULL, NULL), REPLI_OK);
}

static void set(int shut) {
    ck_assert_int_eq(
        repli__store_set_gate(fixture.store, shut, "why", shut ? "repairs" : "", NULL, NULL),
        REPLI_OK);
}

static void insert_kind(uint64_t number, const char *kind) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(number, id);
    request.kind = kind;
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_OK);
}

static void expect_no_claim(void) {
    repli__claim taken;
    ck_assert_int_eq(repli__store_take(fixture.store, &taken, NULL), REPLI_ENOTFOUND);
}

/* Take the claim that must be there, of that number, and finish it. */
static void run(uint64_t number) {
    const repli__claim taken = test_take(fixture.store);
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    ck_assert_str_eq(taken.action->id, id);
    test_advance(fixture.store, taken.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(taken.doc);
}

START_TEST(what_runs_goes_on_and_the_rest_waits) {
    claim();
    test_insert(fixture.store, 1);
    test_insert(fixture.store, 2);
    set(1);
    run(1);
    expect_no_claim();
    test_insert(fixture.store, 3);
    expect_no_claim();
    ck_assert_int_eq(test_phase(fixture.store, 2), REPLI_PHASE_NEW);
    set(0);
    run(2);
    run(3);
    expect_no_claim();
    test_insert(fixture.store, 4);
    run(4);
}
END_TEST

START_TEST(an_idle_queue_is_held_up_as_well) {
    claim();
    set(1);
    test_insert(fixture.store, 1);
    expect_no_claim();
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_NEW);
    set(0);
    run(1);
}
END_TEST

START_TEST(those_that_pass_keep_their_order) {
    passing = "b.test/b";
    claim();
    set(1);
    insert_kind(1, "a.test/a");
    insert_kind(2, "b.test/b");
    insert_kind(3, "a.test/a");
    insert_kind(4, "b.test/b");
    run(2);
    run(4);
    expect_no_claim();
    insert_kind(5, "b.test/b");
    run(5);
    passing = "a.test/a";
    repli__store_gate_changed(fixture.store);
    run(1);
    run(3);
    expect_no_claim();
}
END_TEST

START_TEST(one_that_waits_can_be_cancelled) {
    claim();
    set(1);
    test_insert(fixture.store, 1);
    char id[REPLI_UUID_SIZE];
    test_id(1, id);
    ck_assert_int_eq(
        repli__store_cancel(fixture.store, id, "{\"error_msg\":\"no\"}", NULL, NULL, NULL),
        REPLI_OK);
    set(0);
    expect_no_claim();
    test_insert(fixture.store, 2);
    run(2);
}
END_TEST

/* What runs is not always the oldest, then. */
START_TEST(after_a_restart_what_ran_goes_on) {
    passing = "b.test/b";
    claim();
    set(1);
    insert_kind(1, "a.test/a");
    insert_kind(2, "b.test/b");
    repli_doc_free(test_take(fixture.store).doc);
    reopen(1);
    char why[16];
    ck_assert_int_eq(repli__store_recall(fixture.store, "why", why, sizeof(why), NULL), REPLI_OK);
    ck_assert_str_eq(why, "repairs");
    claim();
    run(2);
    expect_no_claim();
    set(0);
    run(1);
}
END_TEST

START_TEST(a_damaged_record_holds_up_nobody_who_passes) {
    passing = "b.test/b";
    set(1);
    insert_kind(1, "a.test/a");
    insert_kind(2, "b.test/b");
    insert_kind(3, "b.test/b");
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, "UPDATE actions SET args = 'x' WHERE seq = 2");
    store_fixture_open(&fixture);
    repli__store_gate_init(fixture.store, 1, passes, NULL);
    claim();
    run(3);
    expect_no_claim();
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_NEW);
}
END_TEST

static int veto(void *user_data) {
    (void)user_data;
    return 1;
}

/* "NUMBER OLD>NEW CAUSE" of the newest event. */
static const char *newest_event(void) {
    static char text[64];
    repli_doc *doc;
    repli_event *events;
    size_t count;
    int64_t first;
    ck_assert_int_eq(repli__store_events(fixture.store, 0, 0, &doc, &events, &count, &first, NULL),
                     REPLI_OK);
    const repli_event *last = count > 0 ? &events[count - 1] : &(repli_event)REPLI_EVENT_INIT;
    snprintf(text, sizeof(text), "%d %s>%s %s", (int)count,
             last->old_value != NULL ? last->old_value : "",
             last->new_value != NULL ? last->new_value : "",
             last->cause != NULL ? last->cause : "");
    repli_doc_free(doc);
    return text;
}

/* Neither is ever on disk without the other. */
START_TEST(its_event_is_written_with_it) {
    repli__note event = {.type = REPLI_EVENT_MAINTENANCE, .value = "alice"};
    char why[16];
    sqlite3_commit_hook(fixture.store->writer.db, veto, NULL);
    ck_assert_int_ne(repli__store_set_gate(fixture.store, 1, "why", "repairs", &event, NULL),
                     REPLI_OK);
    sqlite3_commit_hook(fixture.store->writer.db, NULL, NULL);
    ck_assert_int_eq(repli__store_recall(fixture.store, "why", why, sizeof(why), NULL),
                     REPLI_ENOTFOUND);
    ck_assert_str_eq(newest_event(), "0 > ");
    claim();
    test_insert(fixture.store, 1);
    run(1); /* nothing holds it up; its three events have the first numbers */
    ck_assert_int_eq(repli__store_set_gate(fixture.store, 1, "why", "repairs", &event, NULL),
                     REPLI_OK);
    reopen(1);
    ck_assert_int_eq(repli__store_recall(fixture.store, "why", why, sizeof(why), NULL), REPLI_OK);
    ck_assert_str_eq(why, "repairs");
    ck_assert_str_eq(newest_event(), "4 >alice request");
    event =
        (repli__note){.type = REPLI_EVENT_MAINTENANCE, .flags = REPLI__NOTE_OWN, .from = "alice"};
    ck_assert_int_eq(repli__store_set_gate(fixture.store, 0, "why", "", &event, NULL), REPLI_OK);
    ck_assert_str_eq(newest_event(), "5 alice> agent");
}
END_TEST

static int vm_steps(void) {
    return sqlite3_stmt_status(fixture.store->writes[REPLI__SQL_OLDEST], SQLITE_STMTSTATUS_VM_STEP,
                               1);
}

/* However many wait, they are looked at once, and not in one long transaction. */
START_TEST(many_that_wait_are_passed_over_once) {
    enum { MANY = 5500 };
    passing = "b.test/b";
    set(1);
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    for (uint64_t i = 1; i <= MANY; i++)
        insert_kind(i, i == MANY ? "b.test/b" : "a.test/a");
    vm_steps();
    claim();
    const int64_t begin = now_ms();
    while (atomic_load(&claims) == 0) {
        ck_assert_int_lt(now_ms() - begin, 20000);
        pause_ms(1);
    }
    ck_assert_int_gt(vm_steps(), MANY);
    run(MANY);
    insert_kind(MANY + 1, "a.test/a");
    insert_kind(MANY + 2, "b.test/b");
    run(MANY + 2);
    ck_assert_int_lt(vm_steps(), 1000);
    repli__store_stop(fixture.store);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store_gate");
    TCase *tcase = tcase_create("gate");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_runs_goes_on_and_the_rest_waits);
    tcase_add_test(tcase, an_idle_queue_is_held_up_as_well);
    tcase_add_test(tcase, those_that_pass_keep_their_order);
    tcase_add_test(tcase, one_that_waits_can_be_cancelled);
    tcase_add_test(tcase, after_a_restart_what_ran_goes_on);
    tcase_add_test(tcase, a_damaged_record_holds_up_nobody_who_passes);
    tcase_add_test(tcase, its_event_is_written_with_it);
    tcase_add_test(tcase, many_that_wait_are_passed_over_once);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
