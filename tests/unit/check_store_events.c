#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/internal.h"
#include "store/schema.h"
#include "store_fixture.h"

/* The log of events: its numbers, what becomes an event, and how it is read. */

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

/* "NUMBER TYPE SUBJECT OLD>NEW", for each event after a number, with blanks between them. Actions
 * are called by the last digits of their ids. */
static const char *log_after(int64_t after, uint32_t limit) {
    static char text[8192];
    repli_doc *doc;
    repli_event *events;
    size_t count;
    int64_t first;
    size_t size = 0;
    ck_assert_int_eq(
        repli__store_events(fixture.store, after, limit, &doc, &events, &count, &first, NULL),
        REPLI_OK);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const repli_event *event = &events[i];
        const char *subject = event->subject != NULL ? event->subject : "-";
        if (event->type == REPLI_EVENT_ACTION)
            subject += strlen(subject) - 2;
        size += (size_t)snprintf(
            text + size, sizeof(text) - size, "%s%lld %s %s>%s%s", i > 0 ? ", " : "",
            (long long)event->number, subject, event->old_value != NULL ? event->old_value : "",
            event->new_value != NULL ? event->new_value : "", event->count != 1 ? " many" : "");
    }
    repli_doc_free(doc);
    return text;
}

#define EXPECT_LOG(after, limit, expected) ck_assert_str_eq(log_after(after, limit), expected)

static size_t note(int32_t type, const char *subject, const char *value) {
    const repli__note one = {.type = type, .subject = subject, .value = value};
    repli__notes notes = {.notes = &one, .count = 1, .most = 1};
    ck_assert_int_eq(repli__store_note(fixture.store, &notes, NULL), REPLI_OK);
    return notes.ret_count;
}

static void end(int32_t phase) {
    repli__claim claim = test_take(fixture.store);
    test_advance(fixture.store, claim.sequence, phase, NULL,
                 phase == REPLI_PHASE_FAILED ? "{\"error_msg\":\"no\"}" : NULL);
    repli_doc_free(claim.doc);
}

START_TEST(transitions_are_numbered_in_their_order) {
    claims_on();
    test_insert(fixture.store, 1);
    test_insert(fixture.store, 2);
    end(REPLI_PHASE_DONE);
    end(REPLI_PHASE_FAILED);
    EXPECT_LOG(0, 0,
               "1 01 >NEW, 2 01 NEW>RUNNING, 3 02 >NEW, 4 01 RUNNING>DONE, 5 02 NEW>RUNNING, "
               "6 02 RUNNING>FAILED");
    EXPECT_LOG(2, 2, "3 02 >NEW, 4 01 RUNNING>DONE");
    EXPECT_LOG(6, 0, "");
}
END_TEST

/* A page that ends while an action runs has its start, wherever its end is. */
START_TEST(every_page_is_whole_while_others_are_cancelled) {
    char id[REPLI_UUID_SIZE];
    claims_on();
    test_insert(fixture.store, 1);
    for (uint64_t i = 2; i <= 5; i++) {
        test_insert(fixture.store, i);
        test_id(i, id);
        ck_assert_int_eq(
            repli__store_cancel(fixture.store, id, "{\"error_msg\":\"no\"}", NULL, NULL, NULL),
            REPLI_OK);
    }
    for (int ended = 0; ended < 2; ended++) {
        const int64_t last = ended ? 11 : 10;
        for (int64_t after = 0; after < last; after++)
            for (uint32_t limit = 1; limit <= 11; limit++) {
                repli_doc *doc;
                repli_event *events;
                size_t count;
                int64_t first;
                ck_assert_int_eq(repli__store_events(fixture.store, after, limit, &doc, &events,
                                                     &count, &first, NULL),
                                 REPLI_OK);
                const int64_t left = last - after;
                ck_assert_int_eq((int64_t)count, left < limit ? left : limit);
                for (size_t i = 0; i < count; i++)
                    ck_assert_int_eq(events[i].number, after + 1 + (int64_t)i);
                repli_doc_free(doc);
            }
        if (!ended)
            end(REPLI_PHASE_DONE);
    }
    EXPECT_LOG(8, 0, "9 05 >NEW, 10 05 NEW>FAILED, 11 01 RUNNING>DONE");
}
END_TEST

START_TEST(only_what_differs_becomes_an_event) {
    ck_assert_uint_eq(note(REPLI_EVENT_STATUS, NULL, "HEALTHY"), 1);
    ck_assert_uint_eq(note(REPLI_EVENT_STATUS, NULL, "HEALTHY"), 0);
    test_insert(fixture.store, 1);
    ck_assert_uint_eq(note(REPLI_EVENT_ROLE, "a", "Primary"), 1);
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    ck_assert_uint_eq(note(REPLI_EVENT_STATUS, NULL, "HEALTHY"), 0);
    ck_assert_uint_eq(note(REPLI_EVENT_ROLE, "a", NULL), 1);
    ck_assert_uint_eq(note(REPLI_EVENT_ROLE, "a", NULL), 0);
    EXPECT_LOG(0, 0, "1 - >HEALTHY, 2 01 >NEW, 3 a >Primary, 4 a Primary>");
}
END_TEST

START_TEST(a_note_may_depend_on_what_was_said) {
    const repli__note notes[] = {{.type = REPLI_EVENT_AGENT, .from = "a", .value = "b"},
                                 {.type = REPLI_EVENT_AGENT, .value = "a"}};
    repli__notes all = {.notes = notes, .count = 2, .most = 2};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(repli__store_note(fixture.store, &all, NULL), REPLI_OK);
    EXPECT_LOG(0, 0, "1 - >a, 2 - a>b, 3 - b>a");
}
END_TEST

START_TEST(beyond_a_limit_changes_are_counted) {
    repli__note notes[100];
    char names[100][8];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "s%d", i);
        notes[i] = (repli__note){.type = REPLI_EVENT_ROLE,
                                 .subject = names[i],
                                 .value = i % 2 != 0 ? "Primary" : "Secondary"};
    }
    repli__notes all = {.notes = notes, .count = 100, .most = 2};
    ck_assert_int_eq(repli__store_note(fixture.store, &all, NULL), REPLI_OK);
    ck_assert_uint_eq(all.ret_count, 100);
    EXPECT_LOG(0, 0, "1 s0 >Secondary, 2 s1 >Primary, 3 - >Secondary many, 4 - >Primary many");
    ck_assert_int_eq(repli__store_note(fixture.store, &all, NULL), REPLI_OK);
    ck_assert_uint_eq(all.ret_count, 0);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT sum(count) FROM events"), 100);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM said"), 100);
}
END_TEST

START_TEST(a_number_that_was_never_given_is_refused) {
    repli_doc *doc;
    repli_event *events;
    size_t count;
    int64_t first;
    repli_error error = REPLI_ERROR_INIT;
    EXPECT_LOG(0, 0, "");
    ck_assert_int_eq(
        repli__store_events(fixture.store, 1, 0, &doc, &events, &count, &first, &error),
        REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "ends with number 0"));
}
END_TEST

/* Purges. */

static int64_t first_event(void) {
    repli_doc *doc;
    repli_event *events;
    size_t count;
    int64_t first = 0;
    ck_assert_int_eq(repli__store_events(fixture.store, 0, 1, &doc, &events, &count, &first, NULL),
                     REPLI_OK);
    ck_assert(count == 0 || events[0].number == first);
    repli_doc_free(doc);
    return first;
}

static void purge_events(int64_t before_ns, int64_t newest) {
    int more = 1;
    while (more)
        ck_assert_int_eq(repli__store_purge_events(fixture.store, before_ns, newest, &more, NULL),
                         REPLI_OK);
}

START_TEST(numbers_go_on_whatever_is_forgotten) {
    claims_on();
    note(REPLI_EVENT_STATUS, NULL, "HEALTHY");
    test_insert(fixture.store, 1);
    end(REPLI_PHASE_DONE);
    note(REPLI_EVENT_STATUS, NULL, "UNHEALTHY");
    purge_events(INT64_MIN, 3);
    EXPECT_LOG(0, 0, "3 01 NEW>RUNNING, 4 01 RUNNING>DONE, 5 - HEALTHY>UNHEALTHY");
    uint32_t deleted;
    ck_assert_int_eq(repli__store_purge(fixture.store, INT64_MAX, 9, &deleted, NULL), REPLI_OK);
    ck_assert_int_eq(first_event(), 5);
    purge_events(INT64_MAX, 1000);
    ck_assert_int_eq(first_event(), 6);
    EXPECT_LOG(0, 0, "");
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM events"), 0);
    store_fixture_open(&fixture);
    claims_on();
    test_insert(fixture.store, 2);
    EXPECT_LOG(0, 0, "6 02 >NEW, 7 02 NEW>RUNNING");
}
END_TEST

START_TEST(events_older_than_a_time_are_forgotten) {
    note(REPLI_EVENT_STATUS, NULL, "HEALTHY");
    note(REPLI_EVENT_STATUS, NULL, "UNHEALTHY");
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, "UPDATE events SET time_ns = 5 WHERE number = 1");
    store_fixture_open(&fixture);
    purge_events(6, 1000);
    EXPECT_LOG(0, 0, "2 - HEALTHY>UNHEALTHY");
}
END_TEST

START_TEST(subjects_are_paged) {
    note(REPLI_EVENT_ROLE, "b", "Primary");
    note(REPLI_EVENT_ROLE, "a", "Primary");
    note(REPLI_EVENT_VERSION, "c", "1.0.0");
    repli_doc *doc;
    const char **subjects;
    size_t count;
    ck_assert_int_eq(repli__store_subjects(fixture.store, REPLI_EVENT_ROLE, "", 1, &doc, &subjects,
                                           &count, NULL),
                     REPLI_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(subjects[0], "a");
    repli_doc_free(doc);
    ck_assert_int_eq(repli__store_subjects(fixture.store, REPLI_EVENT_ROLE, "a", 9, &doc, &subjects,
                                           &count, NULL),
                     REPLI_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(subjects[0], "b");
    repli_doc_free(doc);
}
END_TEST

/* Many at once, and the end of the process at any time. */

enum { THREADS = 16, EACH = 60 };

static void *submit(void *argument) {
    const uint64_t from = *(uint64_t *)argument;
    for (uint64_t i = 0; i < EACH; i++) {
        char id[REPLI_UUID_SIZE];
        test_insert(fixture.store, from + i);
        if (i % 3 == 0) {
            test_id(from + i, id);
            repli__store_cancel(fixture.store, id, "{\"error_msg\":\"no\"}", NULL, NULL, NULL);
        } else if (i % 3 == 1) {
            note(REPLI_EVENT_ROLE, from % 2 != 0 ? "a" : "b", i % 2 != 0 ? "Primary" : "Secondary");
        }
    }
    return NULL;
}

static void run_threads(uint64_t from) {
    pthread_t threads[THREADS];
    uint64_t begins[THREADS];
    for (int i = 0; i < THREADS; i++) {
        begins[i] = from + (uint64_t)i * EACH;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, submit, &begins[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Each number from 1 to the last is there once, however it is paged, and the transitions of each
 * action follow each other. */
static int64_t expect_whole_log(uint32_t page) {
    int64_t after = 0;
    for (;;) {
        repli_doc *doc;
        repli_event *events;
        size_t count;
        int64_t first;
        ck_assert_int_eq(
            repli__store_events(fixture.store, after, page, &doc, &events, &count, &first, NULL),
            REPLI_OK);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(events[i].number, ++after);
        repli_doc_free(doc);
        if (count == 0)
            break;
    }
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_int_eq(after, stats.last_event);
    return after;
}

static void expect_sound_numbers(void) {
    static const char *const none[] = {
        "SELECT count(*) FROM actions WHERE new_event = 0",
        "SELECT count(*) FROM actions WHERE run_event <> 0 AND run_event < new_event",
        "SELECT count(*) FROM actions WHERE (finished_ns IS NULL) <> (end_event = 0)",
        "SELECT count(*) FROM actions WHERE end_event <> 0 AND end_event < run_event",
        "SELECT count(*) FROM actions WHERE (started_ns IS NULL) <> (run_event = 0)",
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ck_assert_msg(store_fixture_number(&fixture, none[i]) == 0, "%s", none[i]);
}

START_TEST(numbers_have_no_gap_however_many_write) {
    claims_on();
    run_threads(1);
    const int64_t last = expect_whole_log(7);
    ck_assert_int_ge(last, THREADS * EACH);
    ck_assert_int_eq(expect_whole_log(1000), last);
    store_fixture_close(&fixture);
    expect_sound_numbers();
    store_fixture_open(&fixture);
    ck_assert_int_eq(expect_whole_log(100), last);
}
END_TEST

/* ready gets a byte once there is something that a kill could harm. */
static void be_killed(uint64_t from, int ready) {
    store_fixture_open(&fixture);
    claims_on();
    note(REPLI_EVENT_VERSION, "agent", from / (THREADS * EACH) % 2 != 0 ? "1.0.0" : "2.0.0");
    if (write(ready, "", 1) != 1)
        _exit(1);
    run_threads(from);
    pause();
}

START_TEST(numbers_have_no_gap_after_a_kill) {
    store_fixture_close(&fixture);
    int64_t last = 0;
    for (uint64_t kill_number = 0; kill_number < 15; kill_number++) {
        int ends[2];
        char byte;
        ck_assert_int_eq(pipe(ends), 0);
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            be_killed(1 + kill_number * THREADS * EACH, ends[1]);
        ck_assert_int_eq(read(ends[0], &byte, 1), 1);
        close(ends[0]);
        close(ends[1]);
        usleep((useconds_t)(kill_number * 5000));
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        store_fixture_open(&fixture);
        const int64_t now = expect_whole_log(1000);
        ck_assert_int_gt(now, last);
        last = now;
        store_fixture_close(&fixture);
        expect_sound_numbers();
    }
    ck_assert_int_gt(last, 0);
    store_fixture_open(&fixture);
}
END_TEST

START_TEST(a_database_from_before_begins_with_one) {
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(fixture.path), 0);
    store_fixture_sql(&fixture, repli__schema_steps[0]);
    store_fixture_sql(&fixture, "PRAGMA application_id = 1383099457; PRAGMA user_version = 1;"
                                "INSERT INTO actions (seq, id, phase, created_ns, scheduled_ns,"
                                " started_ns, finished_ns, kind, requester, args) VALUES"
                                " (1, x'00000000000070008000000000000001', 3, 1, 1, 2, 3,"
                                " 'example.com/work', 'me', 'null'),"
                                " (2, x'00000000000070008000000000000002', 1, 1, 1, NULL, NULL,"
                                " 'example.com/work', 'me', 'null')");
    store_fixture_open(&fixture);
    EXPECT_LOG(0, 0, "");
    test_expect_finished(fixture.store, 9, NULL, NUMBERS(1));
    claims_on();
    end(REPLI_PHASE_DONE);
    test_insert(fixture.store, 3);
    EXPECT_LOG(0, 0, "1 02 NEW>RUNNING, 2 02 RUNNING>DONE, 3 03 >NEW, 4 03 NEW>RUNNING");
    test_expect_finished(fixture.store, 9, NULL, NUMBERS(2, 1));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store events");
    TCase *tcase = tcase_create("events");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, transitions_are_numbered_in_their_order);
    tcase_add_test(tcase, every_page_is_whole_while_others_are_cancelled);
    tcase_add_test(tcase, only_what_differs_becomes_an_event);
    tcase_add_test(tcase, a_note_may_depend_on_what_was_said);
    tcase_add_test(tcase, beyond_a_limit_changes_are_counted);
    tcase_add_test(tcase, a_number_that_was_never_given_is_refused);
    tcase_add_test(tcase, numbers_go_on_whatever_is_forgotten);
    tcase_add_test(tcase, events_older_than_a_time_are_forgotten);
    tcase_add_test(tcase, subjects_are_paged);
    tcase_add_test(tcase, numbers_have_no_gap_however_many_write);
    tcase_add_test(tcase, numbers_have_no_gap_after_a_kill);
    tcase_add_test(tcase, a_database_from_before_begins_with_one);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
