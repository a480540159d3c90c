#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "event/hook.h"
#include "failing.h"
#include "store_fixture.h"

/* A hook whose command cannot be started yet: it gets every event later, none beside another. */

enum { PATIENCE_MS = 20000, EVENTS = 3 };

static store_fixture fixture;
static failing memory;
static repli__hooks hooks;
static char told[128];

static void make_hook(void) {
    static char name[] = "told", shell[] = "sh", option[] = "-c";
    char script[300];
    snprintf(told, sizeof(told), "%s/told", fixture.directory);
    snprintf(script, sizeof(script), "echo \"$REPLICANTE_EVENT_NUMBER\" >>'%s'", told);
    char *command[] = {shell, option, script, NULL};
    const repli__hook hook = {
        .name = name, .command = command, .types = UINT32_MAX, .timeout_ms = PATIENCE_MS};
    repli__hooks_init(&hooks, fixture.store, "node-1", &memory.allocator, NULL);
    ck_assert_int_eq(repli__hooks_set(&hooks, &hook, 1, NULL), REPLI_OK);
    repli__hooks_run(&hooks);
}

static void setup(void) {
    failing_init(&memory);
    store_fixture_setup(&fixture);
}

static void teardown(void) {
    repli__hooks_end(&hooks);
    repli__hooks_run(&hooks);
    repli__hooks_dispose(&hooks);
    store_fixture_teardown(&fixture);
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
}

static void expect_tried_again(uint64_t next_ns) {
    ck_assert_uint_gt(next_ns, repli__mono_ns());
    ck_assert_uint_lt(next_ns, repli__deadline_ns(PATIENCE_MS));
    ck_assert_int_eq(access(told, F_OK), -1);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nor is it about to run */
    ck_assert_int_eq(errno, ECHILD);
}

static void expect_all_told(void) {
    const uint64_t until_ns = repli__deadline_ns(PATIENCE_MS);
    repli__hook_stats stats[REPLI__HOOKS_MAX];
    do {
        ck_assert_uint_lt(repli__mono_ns(), until_ns);
        poll(NULL, 0, 1);
        repli__hooks_run(&hooks);
        ck_assert_uint_eq(repli__hooks_stats_get(&hooks, stats), 1);
    } while (stats[0].done < EVENTS);
    size_t size;
    char *numbers = test_read_file(told, &size);
    numbers[size] = '\0';
    ck_assert_str_eq(numbers, "1\n2\n3\n");
    free(numbers);
    ck_assert_uint_eq(stats[0].runs, EVENTS);
    ck_assert_uint_eq(stats[0].failures, 0);
}

START_TEST(what_cannot_be_written_down_does_not_run) {
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, "CREATE TRIGGER refuse BEFORE INSERT ON facts"
                                " WHEN NEW.name = 'hook.told' AND NEW.value LIKE '0 1 %'"
                                " AND NOT EXISTS (SELECT 1 FROM facts WHERE name = 'may')"
                                " BEGIN SELECT RAISE(ABORT, 'refused'); END");
    store_fixture_open(&fixture);
    make_hook();
    for (uint64_t i = 1; i <= EVENTS; i++)
        test_insert(fixture.store, i);
    expect_tried_again(repli__hooks_run(&hooks));
    ck_assert_int_eq(repli__store_remember(fixture.store, "may", "1", NULL), REPLI_OK);
    expect_all_told();
}
END_TEST

START_TEST(want_of_memory_leaves_no_event_out) {
    make_hook();
    for (uint64_t i = 1; i <= EVENTS; i++)
        test_insert(fixture.store, i);
    failing_arm(&memory, 1, 0);
    expect_tried_again(repli__hooks_run(&hooks));
    ck_assert_uint_eq(atomic_load(&memory.failures), 1);
    expect_all_told();
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("hooks");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_cannot_be_written_down_does_not_run);
    tcase_add_test(tcase, want_of_memory_leaves_no_event_out);
    Suite *suite = suite_create("hooks");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
