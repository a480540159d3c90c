/* run.sh timeout: 600, run.sh takes: 115 */
#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "program.h"
#include "trial.h"

/* Each driver of drivers/ is broken in one way, and the check must say which rules that breaks, and
 * that it breaks no other. */

enum { AT_ONCE = 6, TURN_MS = 5, LINE_SIZE = 1024 };

static const struct fault {
    const char *driver;
    const char *breaks; /* every rule that must fail, in their order */
} faults[] = {
    {"sound", ""},
    {"absent_method", "driver.loads"},
    {"wrong_size", "driver.loads"},
    {"any_abi", "driver.abi"},
    {"other_table", "driver.constant open.repeated"},
    {"changes_table", "driver.constant driver.globals"},
    {"counts_calls", "driver.globals"},
    {"unloaded", "driver.resident"},
    {"open_connects", "open.offline"},
    {"open_needs_store", "open.stopped"},
    {"open_alone", "open.stopped open.twice status.hung actions.repeatable"},
    {"open_without_memory", "open.memory process.survives"},
    {"open_leaks", "open.repeated process.closed"},
    {"keeps_sink", "emit.accepted"},
    {"keeps_configuration", "status.running version.running"},
    {"assumes_zeroes", "status.running version.running"},
    {"waits_three_seconds", "calls.deadline calls.cancel"},
    {"waits_for_ever", "calls.deadline status.hung"},
    {"begins_too_late", "calls.deadline calls.expired"},
    {"not_cancelled", "calls.cancel"},
    {"one_thread", "calls.threads"},
    {"not_concurrent", "calls.concurrent"},
    {"blocks_itself", "calls.deadline calls.concurrent"},
    {"positive_code", "calls.codes"},
    {"fails_silently", "calls.errors"},
    {"calls_without_memory", "calls.memory process.survives"},
    {"ignores_refusal", "emit.refused"},
    {"bad_version", "emit.accepted status.running version.running"},
    {"no_status", "status.running"},
    {"healthy_when_stopped", "status.stopped"},
    {"unknown_when_hung", "status.hung"},
    {"stays_unavailable", "status.restarted"},
    {"password_is_unavailable", "status.credentials"},
    {"no_reason", "status.reason"},
    {"no_version", "version.running version.stopped"},
    {"version_when_running", "version.stopped"},
    {"version_of_call", "version.stable"},
    {"no_cluster", "identity.cluster"},
    {"cluster_of_call", "identity.calls"},
    {"cluster_of_process", "identity.driver"},
    {"cluster_of_run", "identity.store"},
    {"shard_of_process", "identity.driver"},
    {"stale_shards", "store.stopped"},
    {"no_shards", "shards.listed"},
    {"shard_twice", "shards.listed shards.valid"},
    {"other_without_reason", "shards.listed shards.valid"},
    {"shards_come_and_go", "shards.stable"},
    {"offset_goes_back", "shards.offset"},
    {"offset_reversed", "shards.offset shards.offset-moves"},
    {"offset_stands", "shards.offset-moves"},
    {"unit_changes", "shards.unit"},
    {"unit_changes_after_write", "shards.unit"},
    {"lag_on_primary", "shards.lag-primary"},
    {"no_lag", "shards.lag-replica"},
    {"reserved_attribute", "identity.cluster attributes.scoped"},
    {"unscoped_attribute", "identity.cluster attributes.scoped"},
    {"infinite_attribute", "emit.accepted identity.cluster"},
    {"attribute_changes_type", "attributes.types"},
    {"attribute_twice", "attributes.split"},
    {"asks_other_node", "network.own-node"},
    {"leaks_memory", "leaks.memory"},
    {"leaks_answers", "open.repeated leaks.memory process.closed"},
    {"leaks_descriptors", "open.repeated leaks.descriptors process.closed"},
    {"leaks_when_stopped", "process.closed"},
    {"leaks_threads", "open.repeated leaks.memory leaks.threads process.closed"},
    {"action_of_replicante", "actions.names"},
    {"action_undescribed", "actions.described"},
    {"actions_come_and_go", "actions.stable"},
    {"describes_by_asking", "actions.stable"},
    {"validates_nothing", "actions.validate"},
    {"validates_by_asking", "actions.validate"},
    {"action_fails", "actions.run"},
    {"action_once", "actions.repeatable"},
    {"action_again", "actions.repeatable"},
    {"action_keeps_arguments", "actions.run"},
    {"action_interrupted", "actions.interrupted"},
    {"open_crashes", "process.survives"},
    {"crashes_when_stopped", "status.stopped process.survives"},
    {"exits_when_refused", "process.survives"},
    {"close_waits", "process.survives"},
    {"releases_twice", "process.survives"},
    {"writes_behind", "process.survives"},
    {"uses_after_release", "emit.accepted identity.cluster"},
    {"prints_errors", "process.quiet"},
    {"prints", "process.quiet"},
    {"handles_signals", "process.signals"},
    {"blocks_signals", "process.signals"},
    {"sets_locale", "process.settings"},
    {"sets_umask", "process.settings"},
    {"sets_environment", "process.settings"},
    {"sets_directory", "process.settings"},
    {"inherited", "process.cloexec"},
    {"leaves_child", "process.children"},
    {"leaves_grandchild", "process.children"},
    {"leaves_thread", "open.repeated process.closed"},
    {"closes_input", "process.closed"},
    {"leaves_memory", "open.repeated process.closed"},
};

enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static struct trial trials[FAULTS];

/* A sanitizer ends a process before the check can say what is wrong with it, so the driver that is
 * sound is the only one to try. */
static int count_of_trials(void) {
    const char *sanitize = getenv("SANITIZE");
    return sanitize != NULL && sanitize[0] != '\0' ? 1 : FAULTS;
}

static void run_all(int count) {
    for (int started = 0, ended = 0; ended < count;) {
        for (int i = 0; i < started; i++)
            ended += trials[i].pid != 0 && trial_ended(&trials[i]);
        for (; started < count && started - ended < AT_ONCE; started++)
            trial_start(&trials[started], faults[started].driver);
        program_pause_ms(TURN_MS);
    }
}

static json_t *rules_of(const struct trial *trial) {
    json_error_t error;
    json_t *report = json_loads(trial->said, 0, &error);
    ck_assert_msg(report != NULL, "%s: %s in: %s", trial->driver, error.text, trial->said);
    json_t *rules = json_incref(json_object_get(report, "rules"));
    json_decref(report);
    return rules;
}

static const char *text_of(const json_t *rule, const char *name) {
    return json_string_value(json_object_get(rule, name));
}

static void add(char list[LINE_SIZE], const char *text) {
    const size_t used = strlen(list);
    snprintf(list + used, LINE_SIZE - used, "%s%s", used > 0 ? " " : "", text);
}

START_TEST(what_is_broken_is_found) {
    const struct fault *fault = &faults[_i];
    const struct trial *trial = &trials[_i];
    char failed[LINE_SIZE] = "";
    char why[8 * LINE_SIZE] = "";
    int musts = 0;
    json_t *rules = rules_of(trial);
    json_t *rule;
    size_t index;
    json_array_foreach(rules, index, rule) if (strcmp(text_of(rule, "result"), "fail") == 0) {
        const size_t used = strlen(why);
        add(failed, text_of(rule, "id"));
        musts += strcmp(text_of(rule, "level"), "MUST") == 0;
        snprintf(why + used, sizeof(why) - used, "\n%s: %s", text_of(rule, "id"),
                 text_of(rule, "evidence"));
    }
    ck_assert_msg(strcmp(failed, fault->breaks) == 0, "%s must break \"%s\", but breaks \"%s\"%s",
                  fault->driver, fault->breaks, failed, why);
    ck_assert_msg(trial->status == (musts > 0), "%s: exit status %d", fault->driver, trial->status);
    json_decref(rules);
}
END_TEST

/* With everything configured no rule is left out, so that the above says something of each. */
START_TEST(every_rule_is_applied) {
    json_t *rules = rules_of(&trials[0]);
    json_t *rule;
    size_t index;
    json_array_foreach(rules, index, rule)
        ck_assert_msg(strcmp(text_of(rule, "result"), "pass") == 0, "%s: %s, %s",
                      text_of(rule, "id"), text_of(rule, "result"), text_of(rule, "evidence"));
    json_decref(rules);
}
END_TEST

/* Who reads a driver to learn from it is told the rule. */
START_TEST(the_rule_is_in_its_first_sentence) {
    char path[256], rule[64];
    snprintf(path, sizeof(path), "tests/conformance/drivers/%s.c", faults[_i].driver);
    char *text = program_read_file(path);
    *strstr(text, "*/") = '\0';
    int named = faults[_i].breaks[0] == '\0';
    for (const char *next = faults[_i].breaks; *next != '\0'; next += strcspn(next, " ")) {
        next += *next == ' ';
        snprintf(rule, sizeof(rule), "%.*s", (int)strcspn(next, " "), next);
        named = named || strstr(text, rule) != NULL;
    }
    ck_assert_msg(named, "%s does not name any of %s", path, faults[_i].breaks);
    free(text);
}
END_TEST

START_TEST(every_driver_is_tried) {
    glob_t files;
    ck_assert_int_eq(glob("tests/conformance/drivers/*.c", 0, NULL, &files), 0);
    ck_assert_uint_eq(files.gl_pathc, FAULTS);
    globfree(&files);
}
END_TEST

int main(void) {
    const int count = count_of_trials();
    run_all(count);
    TCase *tcase = tcase_create("drivers");
    tcase_add_test(tcase, every_driver_is_tried);
    tcase_add_test(tcase, every_rule_is_applied);
    tcase_add_loop_test(tcase, the_rule_is_in_its_first_sentence, 0, FAULTS);
    tcase_add_loop_test(tcase, what_is_broken_is_found, 0, count);
    Suite *suite = suite_create("broken drivers");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    for (int i = 0; i < count; i++)
        free(trials[i].said);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
