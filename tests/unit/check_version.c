#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/version.h"
#include "agent_fixture.h"
#include "store_fixture.h"

/* The version of a store that does not tell it, and what is remembered about it. */

static agent_fixture fixture;
static repli__log log_of;
static test_log log_text;
static repli__version version;

static void setup(void) {
    agent_fixture_setup(&fixture);
    log_text = (test_log){0};
    version = (repli__version){0};
    repli__log_init(&log_of);
    repli__log_set(&log_of, REPLI_LOG_DEBUG, test_log_write, &log_text);
}

static void teardown(void) {
    repli__log_dispose(&log_of);
    agent_fixture_teardown(&fixture);
}

static void set_command(const char *a, const char *b, const char *c) {
    const char *const command[] = {a, b, c};
    const size_t count = b == NULL ? 1 : c == NULL ? 2 : 3;
    ck_assert_int_eq(repli_config_set_strs(fixture.config, "version.command", command, count, NULL),
                     REPLI_OK);
}

static void set_file(const char *content) {
    char path[96];
    snprintf(path, sizeof(path), "%s/VERSION", fixture.directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
    ck_assert_int_eq(repli_config_set_str(fixture.config, "version.file", path, NULL), REPLI_OK);
}

static repli__search search;

static int32_t find(void) {
    int32_t code;
    repli__search_begin(&search, fixture.config, &log_of);
    while ((code = repli__search_go_on(&search, &version)) == REPLI_EBUSY)
        repli__job_wait(&search.job);
    ck_assert_int_eq(repli__search_is_on(&search), 0);
    return code;
}

START_TEST(nothing_is_configured) {
    ck_assert_int_eq(find(), REPLI_ENOTFOUND);
    ck_assert_uint_eq(log_text.size, 0);
}
END_TEST

START_TEST(a_command_tells_it) {
    set_command("echo", "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", NULL);
    set_file("9.9.9");
    ck_assert_int_eq(find(), REPLI_OK);
    ck_assert_str_eq(version.number, "15.20.0");
    ck_assert_str_eq(version.source, "command");
}
END_TEST

static const char *const bad_commands[][3] = {
    {"/nonexistent/postgres", NULL, NULL},
    {"false", NULL, NULL},
    {"sh", "-c", "echo 15.20; exit 3"},
    {"echo", "no version here", NULL},
};

START_TEST(a_file_tells_it_when_the_command_fails) {
    set_command(bad_commands[_i][0], bad_commands[_i][1], bad_commands[_i][2]);
    set_file("15.3\n");
    ck_assert_int_eq(find(), REPLI_OK);
    ck_assert_str_eq(version.number, "15.3.0");
    ck_assert_str_eq(version.source, "file");
    ck_assert_ptr_nonnull(strstr(log_text.text, "version.command did not tell"));
}
END_TEST

START_TEST(a_command_that_hangs_is_ended) {
    set_command("sleep", "60", NULL);
    agent_fixture_set(&fixture, "version.timeout_ms", 50);
    ck_assert_int_eq(repli_config_set_str(fixture.config, "version.fixed", "7.0", NULL), REPLI_OK);
    const int64_t before = now_ms();
    ck_assert_int_eq(find(), REPLI_OK);
    ck_assert_int_lt(now_ms() - before, 10000);
    ck_assert_str_eq(version.number, "7.0.0");
    ck_assert_str_eq(version.source, "configuration");
}
END_TEST

START_TEST(a_command_ends_when_it_is_cancelled) {
    set_command("sleep", "60", NULL);
    repli__search_begin(&search, fixture.config, &log_of);
    ck_assert_int_eq(repli__search_go_on(&search, &version), REPLI_EBUSY);
    ck_assert_int_eq(repli__search_go_on(&search, &version), REPLI_EBUSY);
    const pid_t pid = search.job.pid;
    repli__search_cancel(&search);
    ck_assert_int_eq(repli__search_is_on(&search), 0);
    ck_assert_int_eq(kill(pid, 0), -1);
}
END_TEST

START_TEST(a_fixed_one_is_the_last_resort) {
    ck_assert_int_eq(repli_config_set_str(fixture.config, "version.fixed", "15", NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(fixture.config, "version.file", "/nonexistent", NULL),
                     REPLI_OK);
    ck_assert_int_eq(find(), REPLI_OK);
    ck_assert_str_eq(version.number, "15.0.0");
    ck_assert_ptr_nonnull(strstr(log_text.text, "cannot read \"/nonexistent\""));
}
END_TEST

START_TEST(a_pipe_in_place_of_the_file_holds_nothing_up) {
    char path[96];
    snprintf(path, sizeof(path), "%s/pipe", fixture.directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(repli_config_set_str(fixture.config, "version.file", path, NULL), REPLI_OK);
    ck_assert_int_eq(find(), REPLI_ENOTFOUND);
}
END_TEST

START_TEST(the_agent_has_a_version) {
    const repli_agent_version own = repli__version_of_agent();
    ck_assert_int_eq(repli_semver_validate(own.number, NULL), REPLI_OK);
    ck_assert_ptr_nonnull(own.checkout);
    ck_assert_ptr_nonnull(own.taint);
}
END_TEST

/* Facts. */

static repli_store_version told(const char *number, const char *checkout, const char *extra) {
    repli_store_version record = REPLI_STORE_VERSION_INIT;
    record.number = number;
    record.checkout = checkout;
    record.extra = extra;
    return record;
}

START_TEST(facts_survive_a_restart) {
    store_fixture store;
    store_fixture_setup(&store);
    repli__facts facts;
    repli__facts_init(&facts);
    ck_assert_int_eq(repli__facts_read(&facts, store.store, NULL), REPLI_OK);
    ck_assert_int_eq(repli__facts_changed(&facts), 0);
    const repli_store_version record = told("15.3.0", "abc", "one\ttwo");
    repli__facts_set_told(&facts, &record);
    char previous[64] = "";
    ck_assert_int_eq(repli__facts_set_cluster(&facts, "c-1", previous, sizeof(previous)), 0);
    ck_assert_int_eq(repli__facts_changed(&facts), 1);
    ck_assert_int_eq(repli__facts_write(&facts, store.store, NULL), REPLI_OK);
    ck_assert_int_eq(repli__facts_changed(&facts), 0);
    repli__facts_dispose(&facts);

    store_fixture_close(&store);
    store_fixture_open(&store);
    repli__facts_init(&facts);
    ck_assert_int_eq(repli__facts_read(&facts, store.store, NULL), REPLI_OK);
    repli__facts_version(&facts, &version);
    ck_assert_str_eq(version.number, "15.3.0");
    ck_assert_str_eq(version.checkout, "abc");
    ck_assert_str_eq(version.extra, "one\ttwo");
    ck_assert_str_eq(version.source, "memory");
    /* The same again is no change, another is one. */
    ck_assert_int_eq(repli__facts_set_cluster(&facts, "c-1", previous, sizeof(previous)), 0);
    ck_assert_int_eq(repli__facts_set_cluster(&facts, "c-2", previous, sizeof(previous)), 1);
    ck_assert_str_eq(previous, "c-1");
    repli__facts_dispose(&facts);
    store_fixture_teardown(&store);
}
END_TEST

START_TEST(what_has_no_room_is_not_remembered) {
    repli__facts facts;
    repli__facts_init(&facts);
    char longest[5000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    repli_store_version record = told("15.3.0", NULL, longest);
    repli__facts_set_told(&facts, &record);
    repli__facts_version(&facts, &version);
    ck_assert_str_eq(version.number, "");
    record = told("15.3.0", "a\tb", NULL);
    repli__facts_set_told(&facts, &record);
    repli__facts_version(&facts, &version);
    ck_assert_str_eq(version.number, "15.3.0");
    ck_assert_str_eq(version.checkout, "");
    ck_assert_str_eq(version.extra, "");
    repli__facts_dispose(&facts);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("version");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_is_configured);
    tcase_add_test(tcase, a_command_tells_it);
    tcase_add_loop_test(tcase, a_file_tells_it_when_the_command_fails, 0,
                        (int)(sizeof(bad_commands) / sizeof(bad_commands[0])));
    tcase_add_test(tcase, a_command_that_hangs_is_ended);
    tcase_add_test(tcase, a_command_ends_when_it_is_cancelled);
    tcase_add_test(tcase, a_fixed_one_is_the_last_resort);
    tcase_add_test(tcase, a_pipe_in_place_of_the_file_holds_nothing_up);
    tcase_add_test(tcase, the_agent_has_a_version);
    tcase_add_test(tcase, facts_survive_a_restart);
    tcase_add_test(tcase, what_has_no_room_is_not_remembered);
    Suite *suite = suite_create("version");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
