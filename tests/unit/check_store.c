#include <check.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store_fixture.h"

/* What becomes of a record when nothing goes wrong, and the refusals that are part of that. */

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

static uint64_t queued(void) {
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    return stats.queued;
}

START_TEST(a_record_comes_back_as_it_was) {
    repli_header headers[2] = {REPLI_HEADER_INIT, REPLI_HEADER_INIT};
    headers[0].name = "trace";
    headers[0].value = "a \"b\" \xc3\xa9";
    headers[1].name = "empty";
    headers[1].value = "";
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(1, id);
    request.headers = headers;
    request.header_count = 2;
    request.requester = "CORE_PLAYBOOK";
    request.created_ns = -5;
    const int64_t before = repli__wall_ns();
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_OK);
    for (int pass = 0; pass < 2; pass++) {
        repli_doc *doc;
        const repli_action *action = test_look_up(fixture.store, 1, &doc);
        ck_assert_uint_eq(action->struct_size, sizeof(repli_action));
        ck_assert_int_eq(action->phase, REPLI_PHASE_NEW);
        ck_assert_str_eq(action->id, id);
        ck_assert_str_eq(action->kind, "example.com/work");
        ck_assert_str_eq(action->args_json, "{\"a\":1}");
        ck_assert_str_eq(action->requester, "CORE_PLAYBOOK");
        ck_assert_uint_eq(action->header_count, 2);
        ck_assert_str_eq(action->headers[0].name, "trace");
        ck_assert_str_eq(action->headers[0].value, "a \"b\" \xc3\xa9");
        ck_assert_str_eq(action->headers[1].value, "");
        ck_assert_int_eq(action->created_ns, -5);
        ck_assert_int_ge(action->scheduled_ns, before);
        ck_assert_int_le(action->scheduled_ns, repli__wall_ns());
        ck_assert_int_eq(action->finished_ns, REPLI_TIME_NONE);
        ck_assert_ptr_null(action->payload_json);
        ck_assert_ptr_null(action->error_json);
        ck_assert_uint_eq(action->history_count, 1);
        ck_assert_int_eq(action->history[0].phase, REPLI_PHASE_NEW);
        ck_assert_int_eq(action->history[0].time_ns, action->scheduled_ns);
        repli_doc_free(doc);
        store_fixture_close(&fixture);
        store_fixture_open(&fixture);
    }
}
END_TEST

START_TEST(ids_are_found_in_any_case_and_nothing_else_is) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(0xabc, id);
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_OK);
    static const struct {
        const char *id;
        int32_t code;
    } cases[] = {
        {"00000000-0000-7000-8000-000000000abc", REPLI_OK},
        {"00000000-0000-7000-8000-000000000ABC", REPLI_OK},
        {"00000000-0000-7000-8000-000000000abd", REPLI_ENOTFOUND},
        {"00000000-0000-7000-8000-000000000ab", REPLI_ENOTFOUND},
        {"00000000-0000-7000-8000-000000000abcd", REPLI_ENOTFOUND},
        {"00000000000070008000000000000abc", REPLI_ENOTFOUND},
        {"00000000-0000-7000-8000-00000000 abc", REPLI_ENOTFOUND},
        {"00000000-0000-7000-8000_000000000abc", REPLI_ENOTFOUND},
        {"", REPLI_ENOTFOUND},
        {"' OR 1=1 --", REPLI_ENOTFOUND},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        repli_doc *doc = NULL;
        const repli_action *action = NULL;
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli__store_action(fixture.store, cases[i].id, &doc, &action, &error),
                         cases[i].code);
        ck_assert_int_eq(error.code, cases[i].code);
        ck_assert_int_eq(doc != NULL, cases[i].code == REPLI_OK);
        repli_doc_free(doc);
    }
}
END_TEST

START_TEST(actions_run_in_order_of_acceptance) {
    /* The ids sort the other way round. */
    for (uint64_t number = 5; number >= 1; number--)
        test_insert(fixture.store, number);
    test_expect_queue(fixture.store, NUMBERS(5, 4, 3, 2, 1));
    claims_on();
    for (uint64_t number = 5; number >= 1; number--) {
        ck_assert_int_eq(atomic_load(&claims), 6 - (int)number);
        ck_assert_int_eq(test_phase(fixture.store, number), REPLI_PHASE_RUNNING);
        repli__claim claim = test_take(fixture.store);
        ck_assert_int_eq(claim.interrupted, 0);
        ck_assert_int_eq(claim.steps, 0);
        ck_assert_int_eq(claim.action->phase, REPLI_PHASE_RUNNING);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
        repli_doc_free(claim.doc);
    }
    test_expect_queue(fixture.store, NONE);
    test_expect_finished(fixture.store, 0, NULL, NUMBERS(1, 2, 3, 4, 5));
    ck_assert_int_eq(repli__store_take(fixture.store, &(repli__claim){0}, NULL), REPLI_ENOTFOUND);
}
END_TEST

START_TEST(a_taken_id_is_refused) {
    test_insert(fixture.store, 1);
    char id[REPLI_UUID_SIZE];
    const repli_request again = test_request(1, id);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_insert(fixture.store, &again, &error), REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, id));
    ck_assert_str_eq(error.origin, "store");
    /* It took no place in the order. */
    test_insert(fixture.store, 2);
    test_expect_queue(fixture.store, NUMBERS(1, 2));
    ck_assert_uint_eq(queued(), 2);
}
END_TEST

START_TEST(an_id_that_is_none_is_refused) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(1, id);
    request.id = "7";
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_EINVALID);
    ck_assert_int_eq(repli__store_insert_async(fixture.store, &request, NULL, NULL, NULL),
                     REPLI_EINVALID);
    test_expect_queue(fixture.store, NONE);
}
END_TEST

START_TEST(the_queue_has_a_limit) {
    repli__store_set_queue_limit(fixture.store, 2);
    test_insert(fixture.store, 1);
    test_insert(fixture.store, 2);
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(3, id);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, &error), REPLI_EFULL);
    ck_assert_ptr_nonnull(strstr(error.message, "the queue holds 2 actions, which is its limit"));
    ck_assert_ptr_nonnull(strstr(error.message, "actions.queue_limit"));
    /* Whoever repeats a request wants to know that it was accepted. */
    request = test_request(2, id);
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_ECONFLICT);
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_uint_eq(stats.refused, 1);
    ck_assert_uint_eq(stats.scheduled, 2);
    ck_assert_uint_eq(stats.queued, 2);
    /* A finished action gives its place free. */
    test_id(1, id);
    ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", NULL, NULL, NULL), REPLI_OK);
    test_insert(fixture.store, 3);
    repli__store_set_queue_limit(fixture.store, 3);
    test_insert(fixture.store, 4);
    ck_assert_uint_eq(queued(), 3);
}
END_TEST

START_TEST(only_what_waits_can_be_cancelled) {
    for (uint64_t number = 1; number <= 3; number++)
        test_insert(fixture.store, number);
    claims_on();
    char id[REPLI_UUID_SIZE];
    repli_error error = REPLI_ERROR_INIT;
    test_id(2, id);
    ck_assert_int_eq(
        repli__store_cancel(fixture.store, id, "{\"error_msg\":\"x\"}", NULL, NULL, NULL),
        REPLI_OK);
    repli_doc *doc;
    const repli_action *action = test_look_up(fixture.store, 2, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_FAILED);
    ck_assert_str_eq(action->error_json, "{\"error_msg\":\"x\"}");
    ck_assert_int_ne(action->finished_ns, REPLI_TIME_NONE);
    ck_assert_uint_eq(action->history_count, 2);
    ck_assert_int_eq(action->history[0].phase, REPLI_PHASE_FAILED);
    ck_assert_str_eq(action->history[0].error_json, "{\"error_msg\":\"x\"}");
    repli_doc_free(doc);

    ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", NULL, NULL, &error),
                     REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "FAILED"));
    test_id(1, id);
    ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", NULL, NULL, &error),
                     REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "RUNNING"));
    test_id(9, id);
    ck_assert_int_eq(repli__store_cancel(fixture.store, id, "{}", NULL, NULL, &error),
                     REPLI_ENOTFOUND);
    ck_assert_int_eq(repli__store_cancel(fixture.store, "nine", "{}", NULL, NULL, &error),
                     REPLI_ENOTFOUND);

    test_expect_queue(fixture.store, NUMBERS(1, 3));
    repli__claim claim = test_take(fixture.store);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
    test_take_and_expect(fixture.store, 3);
}
END_TEST

START_TEST(a_schedule_on_an_idle_queue_is_claimed_with_it) {
    claims_on();
    repli__store_stats before;
    repli__store_stats_get(fixture.store, &before);
    test_insert(fixture.store, 1);
    repli__store_stats after;
    repli__store_stats_get(fixture.store, &after);
    ck_assert_uint_eq(after.commits, before.commits + 1);
    ck_assert_int_eq(atomic_load(&claims), 1);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_RUNNING);
    /* So is what follows, with the end of what ran. */
    test_insert(fixture.store, 2);
    repli__claim claim = test_take(fixture.store);
    ck_assert_int_eq(test_phase(fixture.store, 2), REPLI_PHASE_NEW);
    repli__store_stats_get(fixture.store, &before);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli__store_stats_get(fixture.store, &after);
    ck_assert_uint_eq(after.commits, before.commits + 1);
    ck_assert_int_eq(test_phase(fixture.store, 2), REPLI_PHASE_RUNNING);
    repli_doc_free(claim.doc);
    test_take_and_expect(fixture.store, 2);
}
END_TEST

START_TEST(nothing_is_claimed_while_claims_are_off) {
    test_insert(fixture.store, 1);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_NEW);
    ck_assert_int_eq(repli__store_take(fixture.store, &(repli__claim){0}, NULL), REPLI_ENOTFOUND);
    claims_on();
    repli__store_claims_off(fixture.store);
    /* Claimed and not taken: stays RUNNING, and nobody has stepped it. */
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_RUNNING);
    ck_assert_int_eq(repli__store_take(fixture.store, &(repli__claim){0}, NULL), REPLI_ENOTFOUND);
    test_insert(fixture.store, 2);
    ck_assert_int_eq(atomic_load(&claims), 1);
    claims_on();
    ck_assert_int_eq(atomic_load(&claims), 2);
    repli__claim claim = test_take(fixture.store);
    ck_assert_int_eq(claim.interrupted, 0);
    repli_doc_free(claim.doc);
    /* Taken and not finished: may have been stepped. */
    repli__store_claims_off(fixture.store);
    claims_on();
    claim = test_take(fixture.store);
    ck_assert_int_eq(claim.interrupted, 1);
    repli_doc_free(claim.doc);
}
END_TEST

START_TEST(what_was_running_is_resumed_first) {
    test_insert(fixture.store, 1);
    claims_on();
    repli__claim claim = test_take(fixture.store);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, "{\"n\":1}", NULL);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, NULL, NULL);
    repli_doc_free(claim.doc);
    test_insert(fixture.store, 2);
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    test_insert(fixture.store, 3);
    ck_assert_uint_eq(queued(), 3);
    test_expect_queue(fixture.store, NUMBERS(1, 2, 3));
    claims_on();
    claim = test_take(fixture.store);
    ck_assert_int_eq(claim.interrupted, 1);
    ck_assert_uint_eq(claim.steps, 2);
    ck_assert_str_eq(claim.action->payload_json, "{\"n\":1}");
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
    claim = test_take(fixture.store);
    ck_assert_int_eq(claim.interrupted, 0);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    repli_doc_free(claim.doc);
    test_take_and_expect(fixture.store, 3);
}
END_TEST

START_TEST(the_history_is_newest_first) {
    test_insert(fixture.store, 1);
    claims_on();
    repli__claim claim = test_take(fixture.store);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, "1", NULL);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, "1",
                 NULL); /* no change, no entry */
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, NULL, NULL);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, "2", NULL);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_FAILED, "3", "{\"error_msg\":\"no\"}");
    repli_doc_free(claim.doc);
    static const struct {
        int32_t phase;
        const char *payload;
    } expected[] = {{REPLI_PHASE_FAILED, "3"},
                    {REPLI_PHASE_RUNNING, "2"},
                    {REPLI_PHASE_RUNNING, "1"},
                    {REPLI_PHASE_RUNNING, NULL},
                    {REPLI_PHASE_NEW, NULL}};
    repli_doc *doc;
    const repli_action *action = test_look_up(fixture.store, 1, &doc);
    ck_assert_int_eq(action->phase, REPLI_PHASE_FAILED);
    ck_assert_str_eq(action->payload_json, "3");
    ck_assert_str_eq(action->error_json, "{\"error_msg\":\"no\"}");
    ck_assert_uint_eq(action->history_count, 5);
    for (size_t i = 0; i < 5; i++) {
        const repli_transition *transition = &action->history[i];
        ck_assert_uint_eq(transition->struct_size, sizeof(*transition));
        ck_assert_int_eq(transition->phase, expected[i].phase);
        ck_assert_pstr_eq(transition->payload_json, expected[i].payload);
        ck_assert_pstr_eq(transition->error_json, i == 0 ? "{\"error_msg\":\"no\"}" : NULL);
        if (i > 0)
            ck_assert_int_le(transition->time_ns, action->history[i - 1].time_ns);
    }
    repli_doc_free(doc);
}
END_TEST

START_TEST(a_long_history_keeps_its_newest_part) {
    test_insert(fixture.store, 1);
    claims_on();
    repli__claim claim = test_take(fixture.store);
    for (int step = 1; step <= 1005; step++) {
        char payload[16];
        snprintf(payload, sizeof(payload), "%d", step);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, payload, NULL);
    }
    repli_doc_free(claim.doc);
    repli_doc *doc;
    const repli_action *action = test_look_up(fixture.store, 1, &doc);
    ck_assert_uint_eq(action->history_count, 1002);
    ck_assert_str_eq(action->history[0].payload_json, "1005");
    ck_assert_str_eq(action->history[999].payload_json, "6");
    ck_assert_int_eq(action->history[1001].phase, REPLI_PHASE_NEW);
    repli_doc_free(doc);
}
END_TEST

START_TEST(outcomes_are_only_for_the_running_action) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(
        repli__store_advance(fixture.store, 0, REPLI_PHASE_DONE, 0, NULL, NULL, &error),
        REPLI_EINTERNAL);
    test_insert(fixture.store, 1);
    ck_assert_int_eq(
        repli__store_advance(fixture.store, 1, REPLI_PHASE_DONE, 0, NULL, NULL, &error),
        REPLI_EINTERNAL);
    claims_on();
    repli__claim claim = test_take(fixture.store);
    ck_assert_int_eq(repli__store_advance(fixture.store, claim.sequence + 1, REPLI_PHASE_DONE, 0,
                                          NULL, NULL, &error),
                     REPLI_EINTERNAL);
    ck_assert_int_eq(
        repli__store_advance(fixture.store, claim.sequence, REPLI_PHASE_NEW, 0, NULL, NULL, &error),
        REPLI_EINTERNAL);
    ck_assert_int_eq(repli__store_advance(fixture.store, claim.sequence, 77, 0, NULL, NULL, &error),
                     REPLI_EINTERNAL);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_RUNNING);
    test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    /* A final phase never changes. */
    ck_assert_int_eq(repli__store_advance(fixture.store, claim.sequence, REPLI_PHASE_FAILED, 0,
                                          NULL, NULL, &error),
                     REPLI_EINTERNAL);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_DONE);
    repli_doc_free(claim.doc);
}
END_TEST

START_TEST(facts_are_remembered) {
    char value[8] = "before";
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_recall(fixture.store, "cluster", value, sizeof(value), &error),
                     REPLI_ENOTFOUND);
    ck_assert_str_eq(value, "before");
    ck_assert_int_eq(repli__store_remember(fixture.store, "cluster", "c-1", NULL), REPLI_OK);
    ck_assert_int_eq(repli__store_remember(fixture.store, "cluster", "c-2", NULL), REPLI_OK);
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    ck_assert_int_eq(repli__store_recall(fixture.store, "cluster", value, sizeof(value), NULL),
                     REPLI_OK);
    ck_assert_str_eq(value, "c-2");
    ck_assert_int_eq(repli__store_recall(fixture.store, "cluster", value, 3, &error),
                     REPLI_EINVALID);
    ck_assert_str_eq(value, "c-2");
}
END_TEST

typedef struct ending {
    atomic_int calls;
    atomic_int code;
} ending;

static void note_ending(void *user_data, int32_t code, const repli_error *error) {
    ending *noted = user_data;
    if ((error != NULL) == (code != REPLI_OK) && (error == NULL || error->code == code))
        atomic_store(&noted->code, code);
    atomic_fetch_add(&noted->calls, 1);
}

static void insert_async(uint64_t number, ending *told) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(number, id);
    char kind[] = "example.com/work";
    request.kind = kind;
    atomic_store(&told->calls, 0);
    atomic_store(&told->code, 1);
    ck_assert_int_eq(repli__store_insert_async(fixture.store, &request, note_ending, told, NULL),
                     REPLI_OK);
    /* What was passed is copied. */
    memset(kind, 'x', sizeof(kind) - 1);
    memset(id, 'x', sizeof(id) - 1);
}

static void wait_for(const ending *told) {
    for (int i = 0; i < 10000 && atomic_load(&told->calls) == 0; i++)
        usleep(1000);
    ck_assert_int_eq(atomic_load(&told->calls), 1);
}

START_TEST(changes_may_be_left_to_the_writer_thread) {
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    ending endings[3];
    insert_async(1, &endings[0]);
    insert_async(2, &endings[1]);
    insert_async(1, &endings[2]);
    for (int i = 0; i < 3; i++)
        wait_for(&endings[i]);
    ck_assert_int_eq(atomic_load(&endings[0].code), REPLI_OK);
    ck_assert_int_eq(atomic_load(&endings[1].code), REPLI_OK);
    ck_assert_int_eq(atomic_load(&endings[2].code), REPLI_ECONFLICT);
    test_insert(fixture.store, 3);
    test_expect_queue(fixture.store, NUMBERS(1, 2, 3));
    repli__store_stop(fixture.store);
    /* Then they are committed at once. */
    insert_async(4, &endings[0]);
    ck_assert_int_eq(atomic_load(&endings[0].calls), 1);
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    insert_async(5, &endings[1]);
    /* Closing leaves nothing behind. */
    store_fixture_close(&fixture);
    ck_assert_int_eq(atomic_load(&endings[1].calls), 1);
    store_fixture_open(&fixture);
    test_expect_queue(fixture.store, NUMBERS(1, 2, 3, 4, 5));
}
END_TEST

START_TEST(the_log_of_the_database_stays_short) {
    char wal[128];
    snprintf(wal, sizeof(wal), "%s-wal", fixture.path);
    char id[REPLI_UUID_SIZE];
    char *args = malloc(50003);
    ck_assert_ptr_nonnull(args);
    memset(args, 'x', 50002);
    args[0] = args[50001] = '"';
    args[50002] = '\0';
    for (uint64_t number = 1; number <= 1200; number++) {
        if (number == 600)
            ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
        repli_request request = test_request(number, id);
        request.args_json = args;
        ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_OK);
    }
    free(args);
    size_t size;
    free(test_read_file(wal, &size));
    ck_assert_uint_lt(size, 24 << 20);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_record_comes_back_as_it_was);
    tcase_add_test(tcase, ids_are_found_in_any_case_and_nothing_else_is);
    tcase_add_test(tcase, actions_run_in_order_of_acceptance);
    tcase_add_test(tcase, a_taken_id_is_refused);
    tcase_add_test(tcase, an_id_that_is_none_is_refused);
    tcase_add_test(tcase, the_queue_has_a_limit);
    tcase_add_test(tcase, only_what_waits_can_be_cancelled);
    tcase_add_test(tcase, a_schedule_on_an_idle_queue_is_claimed_with_it);
    tcase_add_test(tcase, nothing_is_claimed_while_claims_are_off);
    tcase_add_test(tcase, what_was_running_is_resumed_first);
    tcase_add_test(tcase, the_history_is_newest_first);
    tcase_add_test(tcase, a_long_history_keeps_its_newest_part);
    tcase_add_test(tcase, outcomes_are_only_for_the_running_action);
    tcase_add_test(tcase, facts_are_remembered);
    tcase_add_test(tcase, changes_may_be_left_to_the_writer_thread);
    tcase_add_test(tcase, the_log_of_the_database_stays_short);
    Suite *suite = suite_create("store");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
