#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent_fixture.h"
#include "store/internal.h"
#include "store_fixture.h"

/* Records that make no sense, damage that shows while the agent runs, and setting aside. */

static store_fixture fixture;
static test_log written;
static repli__log sink;

static void setup(void) {
    store_fixture_setup(&fixture);
    store_fixture_close(&fixture);
    written = (test_log){.size = 0};
    repli__log_init(&sink);
    repli__log_set(&sink, REPLI_LOG_INFO, test_log_write, &written);
    fixture.log = &sink;
    store_fixture_open(&fixture);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
    repli__log_dispose(&sink);
}

static void ignore_claim(void *user_data) {
    (void)user_data;
}

static void change(const char *sql) {
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, sql);
    store_fixture_open(&fixture);
}

static void expect_damaged(uint64_t number, const char *words) {
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    repli_doc *doc;
    const repli_action *action;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_action(fixture.store, id, &doc, &action, &error), REPLI_ECORRUPT);
    ck_assert_msg(strstr(error.message, id) != NULL, "%s", error.message);
    ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
}

/* What can be wrong with a record, and what is said about it. */
static const struct {
    const char *change, *words;
} damages[] = {
    {"args = '{\"a\":'", "args"},
    {"args = CAST(x'22ff22' AS TEXT)", "args"},
    {"args = CAST(x'7b007d' AS TEXT)", "is damaged"},
    {"kind = 'nonsense'", "kind"},
    {"kind = CAST(x'ff2f61' AS TEXT)", "kind"},
    {"phase = 77", "is damaged"},
    {"phase = 0", "is damaged"},
    {"phase = 4294967297", "is damaged"}, /* 1 in 32 bits */
    {"steps = -1", "is damaged"},
    {"kind = CAST(kind AS BLOB)", "is damaged"},
    {"started_ns = 9223372036854775807", "is damaged"},
    {"requester = ''", "requester"},
    {"requester = CAST(x'410a42' AS TEXT)", "requester"},
    {"headers = '[1]'", "is damaged"},
    {"headers = '{\"a\":1}'", "is damaged"},
    {"payload = '{]'", "payload"},
    {"error = 'no JSON'", "error"},
    {"created_ns = 9223372036854775807", "created_time"},
};

enum { DAMAGES = sizeof(damages) / sizeof(damages[0]) };

START_TEST(a_bad_record_is_named_and_holds_up_nobody) {
    char sql[256];
    test_insert(fixture.store, 1);
    test_insert(fixture.store, 2);
    snprintf(sql, sizeof(sql), "UPDATE actions SET %s WHERE seq = 1", damages[_i].change);
    change(sql);
    expect_damaged(1, damages[_i].words);

    /* It is seen in the lists, is never run, and the next one is. */
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    repli_buf json = {0};
    ck_assert_int_eq(repli__store_queue(fixture.store, &doc, &summaries, &count, NULL), REPLI_OK);
    ck_assert_uint_eq(count, 2);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_action_summaries_to_json(summaries, count, &json, &error) == REPLI_OK, "%s",
                  error.message);
    repli_buf_dispose(&json);
    repli_doc_free(doc);
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    test_take_and_expect(fixture.store, 2);
    ck_assert_ptr_nonnull(strstr(written.text, "an action is given up"));
    repli__store_close(fixture.store);
    fixture.store = NULL;
    ck_assert_int_eq(store_fixture_number(&fixture,
                                          "SELECT phase = 4 AND finished_ns > 0 AND error LIKE "
                                          "'%is damaged%' FROM actions WHERE seq = 1"),
                     1);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT phase FROM actions WHERE seq = 2"), 2);
}
END_TEST

START_TEST(an_id_that_is_none_holds_up_nobody) {
    test_insert(fixture.store, 1);
    test_insert(fixture.store, 2);
    change("UPDATE actions SET id = x'0102' WHERE seq = 1");
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    test_take_and_expect(fixture.store, 2);
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    ck_assert_int_eq(repli__store_finished(fixture.store, 10, NULL, &doc, &summaries, &count, NULL),
                     REPLI_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(summaries[0].id, "01020000-0000-0000-0000-000000000000");
    repli_doc_free(doc);
}
END_TEST

START_TEST(a_record_that_is_over_without_an_end) {
    test_insert(fixture.store, 1);
    change("UPDATE actions SET phase = 3 WHERE seq = 1");
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(repli__store_take(fixture.store, &(repli__claim){0}, NULL), REPLI_ENOTFOUND);
    test_insert(fixture.store, 2);
    test_take_and_expect(fixture.store, 2);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_FAILED);
}
END_TEST

START_TEST(a_running_record_that_was_damaged_is_not_resumed) {
    test_insert(fixture.store, 1);
    test_insert(fixture.store, 2);
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    repli__claim claim = test_take(fixture.store);
    repli_doc_free(claim.doc);
    change("UPDATE actions SET args = '{' WHERE seq = 1");
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    test_take_and_expect(fixture.store, 2);
}
END_TEST

START_TEST(many_bad_records_in_a_row) {
    for (uint64_t number = 1; number <= 300; number++)
        test_insert(fixture.store, number);
    change("UPDATE actions SET kind = '?' WHERE seq < 300");
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    test_take_and_expect(fixture.store, 300);
}
END_TEST

START_TEST(a_bad_step_in_the_history_is_named) {
    test_insert(fixture.store, 1);
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    repli__claim claim = test_take(fixture.store);
    repli_doc_free(claim.doc);
    test_advance(fixture.store, 1, REPLI_PHASE_RUNNING, "1", NULL);
    change("UPDATE history SET payload = '[' WHERE seq = 1");
    char id[REPLI_UUID_SIZE];
    test_id(1, id);
    repli_doc *doc;
    const repli_action *action;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_action(fixture.store, id, &doc, &action, &error), REPLI_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "the history of action number 1"));
}
END_TEST

static const char *const numbers[] = {"9223372036854775807", "9223372036854775806", "0", "-7"};

enum { NUMBERS_NEVER_GIVEN = sizeof(numbers) / sizeof(numbers[0]) };

START_TEST(a_number_that_was_never_given_is_refused) {
    char sql[128];
    test_insert(fixture.store, 1);
    store_fixture_close(&fixture);
    snprintf(sql, sizeof(sql), "UPDATE actions SET seq = %s", numbers[_i]);
    store_fixture_sql(&fixture, sql);
    ck_assert_int_eq(store_fixture_try(&fixture, NULL), REPLI_ECORRUPT);
    ck_assert_ptr_null(fixture.store);
}
END_TEST

/* While it is open. */

static void overwrite_from(long offset) {
    const int fd = open(fixture.path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    const off_t end = lseek(fd, 0, SEEK_END);
    char garbage[4096];
    memset(garbage, 0xA5, sizeof(garbage));
    for (off_t at = offset; at < end; at += (off_t)sizeof(garbage))
        ck_assert_int_eq((int)pwrite(fd, garbage, sizeof(garbage), at), (int)sizeof(garbage));
    close(fd);
    sqlite3_db_release_memory(fixture.store->reader.db);
    sqlite3_db_release_memory(fixture.store->writer.db);
}

static char *copy_file(size_t *ret_size) {
    return test_read_file(fixture.path, ret_size);
}

START_TEST(damage_that_shows_later_ends_all_writing) {
    for (uint64_t number = 1; number <= 300; number++)
        test_insert(fixture.store, number);
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    overwrite_from(4096);
    size_t size;
    char *before = copy_file(&size);

    char id[REPLI_UUID_SIZE];
    test_id(150, id);
    repli_doc *doc;
    const repli_action *action;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_action(fixture.store, id, &doc, &action, &error), REPLI_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, fixture.path));
    ck_assert_ptr_nonnull(strstr(written.text, "nothing is written to it any more"));
    ck_assert_ptr_null(strstr(strstr(written.text, "nothing is written to it any more") + 1,
                              "nothing is written to it any more"));

    const repli_request request = test_request(1000, id);
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, &error), REPLI_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "put a backup in its place"));
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_int_eq(stats.last_code, REPLI_ECORRUPT);
    store_fixture_close(&fixture);
    size_t after_size;
    char *after = copy_file(&after_size);
    ck_assert_uint_eq(after_size, size);
    ck_assert_mem_eq(after, before, size);
    free(before);
    free(after);
}
END_TEST

START_TEST(the_log_of_what_is_damaged_is_kept) {
    for (uint64_t number = 1; number <= 300; number++)
        test_insert(fixture.store, number);
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    test_insert(fixture.store, 600);
    overwrite_from(4096);
    uint64_t number = 1;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    for (; number <= 300 && code != REPLI_ECORRUPT; number++) {
        char id[REPLI_UUID_SIZE];
        test_id(number, id);
        repli_doc *doc;
        const repli_action *action;
        code = repli__store_action(fixture.store, id, &doc, &action, &error);
        if (code == REPLI_OK)
            repli_doc_free(doc);
    }
    ck_assert_int_eq(code, REPLI_ECORRUPT);
    store_fixture_close(&fixture);
    char name[128];
    snprintf(name, sizeof(name), "%s-wal", fixture.path);
    struct stat status;
    ck_assert_int_eq(stat(name, &status), 0);
    ck_assert_int_gt((int)status.st_size, 4096);
}
END_TEST

/* Setting aside. */

static int32_t try_setting_aside(repli_error *err) {
    const repli__store_options options = {.path = fixture.path,
                                          .full_sync = 1,
                                          .set_aside = 1,
                                          .queue_limit = 10,
                                          .mem = fixture.mem,
                                          .log = fixture.log};
    return repli__store_open(&options, &fixture.store, err);
}

static int count_files(const char *part) {
    DIR *directory = opendir(fixture.directory);
    ck_assert_ptr_nonnull(directory);
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        count += strstr(entry->d_name, part) != NULL;
    closedir(directory);
    return count;
}

static void write_garbage(void) {
    FILE *file = fopen(fixture.path, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 5000; i++)
        fputc('x', file);
    fclose(file);
}

START_TEST(what_is_damaged_is_set_aside_if_that_is_wanted) {
    repli_error error = REPLI_ERROR_INIT;
    store_fixture_close(&fixture);
    write_garbage();
    ck_assert_int_eq(store_fixture_try(&fixture, &error), REPLI_ECORRUPT);
    ck_assert_int_eq(count_files(".damaged-"), 0);
    /* Twice within a second. */
    for (int i = 1; i <= 2; i++) {
        ck_assert_msg(try_setting_aside(&error) == REPLI_OK, "%s", error.message);
        ck_assert_int_eq(count_files(".damaged-"), i);
        test_insert(fixture.store, 1);
        store_fixture_close(&fixture);
        if (i == 1)
            write_garbage();
    }
    ck_assert_ptr_nonnull(strstr(written.text, "the damaged database is now"));
    /* One that is sound stays where it is. */
    ck_assert_int_eq(try_setting_aside(&error), REPLI_OK);
    ck_assert_int_eq(count_files(".damaged-"), 2);
    ck_assert_int_eq(test_phase(fixture.store, 1), REPLI_PHASE_NEW);
}
END_TEST

START_TEST(nothing_but_damage_is_set_aside) {
    repli_error error = REPLI_ERROR_INIT;
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, "PRAGMA user_version = 1000");
    ck_assert_int_eq(try_setting_aside(&error), REPLI_EINVALID);
    store_fixture_sql(&fixture, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    ck_assert_int_eq(try_setting_aside(&error), REPLI_EINVALID);
    store_fixture_sql(&fixture, "PRAGMA application_id = 0; DROP TABLE actions");
    ck_assert_int_eq(try_setting_aside(&error), REPLI_EINVALID);
    ck_assert_int_eq(count_files(".damaged-"), 0);
}
END_TEST

START_TEST(a_log_goes_with_its_database) {
    repli_error error = REPLI_ERROR_INIT;
    store_fixture_close(&fixture);
    char name[128];
    snprintf(name, sizeof(name), "%s-wal", fixture.path);
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    fputs("records", file);
    fclose(file);
    ck_assert_int_eq(unlink(fixture.path), 0);
    ck_assert_msg(try_setting_aside(&error) == REPLI_OK, "%s", error.message);
    ck_assert_int_eq(count_files("-wal") - count_files("agent.db-wal"), 1);
    test_insert(fixture.store, 1);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store records");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_bad_record_is_named_and_holds_up_nobody, 0, DAMAGES);
    tcase_add_test(tcase, an_id_that_is_none_holds_up_nobody);
    tcase_add_test(tcase, a_record_that_is_over_without_an_end);
    tcase_add_test(tcase, a_running_record_that_was_damaged_is_not_resumed);
    tcase_add_test(tcase, many_bad_records_in_a_row);
    tcase_add_test(tcase, a_bad_step_in_the_history_is_named);
    tcase_add_loop_test(tcase, a_number_that_was_never_given_is_refused, 0, NUMBERS_NEVER_GIVEN);
    tcase_add_test(tcase, damage_that_shows_later_ends_all_writing);
    tcase_add_test(tcase, the_log_of_what_is_damaged_is_kept);
    tcase_add_test(tcase, what_is_damaged_is_set_aside_if_that_is_wanted);
    tcase_add_test(tcase, nothing_but_damage_is_set_aside);
    tcase_add_test(tcase, a_log_goes_with_its_database);
    Suite *suite = suite_create("store records");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
