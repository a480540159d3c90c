#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent_fixture.h"

/* Actions that are done by commands, in each of the run modes: _i is the mode. */

static agent_fixture fixture;
static test_log log_;
static pthread_t lent;

static void setup(void) {
    agent_fixture_setup(&fixture);
    memset(&log_, 0, sizeof(log_));
    ck_assert_int_eq(
        repli_config_set_log(fixture.config, REPLI_LOG_INFO, test_log_write, &log_, NULL),
        REPLI_OK);
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

static void add(const char *name, const char *action, const char *check, int64_t timeout_ms) {
    const char *const action_argv[] = {"sh", "-c", action, fixture.directory, NULL};
    const char *const check_argv[] = {"sh", "-c", check, fixture.directory, NULL};
    repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
    repli_error err = REPLI_ERROR_INIT;
    external.name = name;
    external.action = action_argv;
    external.check = check != NULL ? check_argv : NULL;
    external.timeout_ms = timeout_ms;
    ck_assert_msg(repli_config_add_external_action(fixture.config, &external, &err) == REPLI_OK,
                  "%s", err.message);
}

static void *work(void *agent) {
    repli_agent_work(agent, -1, NULL);
    return NULL;
}

static void start(int mode) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_config_set_run_mode(fixture.config, mode, NULL), REPLI_OK);
    ck_assert_msg(repli_agent_new(fixture.config, &fixture.agent, &err) == REPLI_OK, "%s",
                  err.message);
    ck_assert_int_eq(repli_agent_start(fixture.agent, NULL), REPLI_OK);
    if (mode == REPLI_RUN_LENT)
        ck_assert_int_eq(pthread_create(&lent, NULL, work, fixture.agent), 0);
}

static void stop(int mode) {
    ck_assert_int_eq(repli_agent_stop(fixture.agent, 10000, NULL), REPLI_OK);
    if (mode == REPLI_RUN_LENT)
        pthread_join(lent, NULL);
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
}

static void schedule(const char *name, char id[REPLI_UUID_SIZE]) {
    char kind[128];
    snprintf(kind, sizeof(kind), "external.agent.replicante.io/%s", name);
    agent_fixture_schedule(&fixture, kind, "{\"a\": 1}", id);
}

/* Drive the agent if that is ours to do, for a moment. */
static void turn(int mode) {
    if (mode == REPLI_RUN_THREADS)
        pause_ms(2);
    else
        repli_agent_run(fixture.agent, 5, NULL);
}

/* Wait for the end, or for some text in the payload if that is not NULL; the record. */
static const repli_action *await(int mode, const char *id, const char *payload, repli_doc **doc) {
    const int64_t until = now_ms() + 20000;
    for (;;) {
        const repli_action *action;
        ck_assert_int_eq(repli_agent_action(fixture.agent, id, doc, &action, NULL), REPLI_OK);
        if (payload == NULL
                ? action->phase > REPLI_PHASE_RUNNING
                : action->payload_json != NULL && strstr(action->payload_json, payload) != NULL)
            return action;
        ck_assert_msg(now_ms() < until, "%s: phase %d, payload %s", id, action->phase,
                      action->payload_json);
        repli_doc_free(*doc);
        turn(mode);
    }
}

static void expect(int mode, const char *id, int32_t phase, const char *payload,
                   const char *error) {
    repli_doc *doc;
    const repli_action *action = await(mode, id, NULL, &doc);
    ck_assert_msg(action->phase == phase, "%s %s", action->payload_json, action->error_json);
    if (payload != NULL)
        ck_assert_msg(strstr(action->payload_json, payload) != NULL, "%s", action->payload_json);
    if (error != NULL)
        ck_assert_msg(strstr(action->error_json, error) != NULL, "%s", action->error_json);
    repli_doc_free(doc);
}

/* Lines of a file in the fixture's directory. */
static int lines_of(const char *name) {
    char path[128];
    int lines = 0;
    snprintf(path, sizeof(path), "%s/%s", fixture.directory, name);
    FILE *file = fopen(path, "re");
    for (int c; file != NULL && (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    if (file != NULL)
        fclose(file);
    return lines;
}

START_TEST(the_exit_code_decides) {
    char good[REPLI_UUID_SIZE], bad[REPLI_UUID_SIZE];
    add("good", "cat", NULL, 0);
    add("bad", "echo 'no \\377 room' >&2; exit 3", NULL, 0);
    start(_i);
    schedule("good", good);
    schedule("bad", bad);
    expect(_i, good, REPLI_PHASE_DONE, "\\\"args\\\":{\\\"a\\\":1}", NULL);
    expect(_i, good, REPLI_PHASE_DONE, good, NULL);
    expect(_i, good, REPLI_PHASE_DONE, "\"exit_code\":0", NULL);
    expect(_i, bad, REPLI_PHASE_FAILED, "\"exit_code\":3", "ended with code 3");
    expect(_i, bad, REPLI_PHASE_FAILED, NULL, "room");
    stop(_i);
}
END_TEST

START_TEST(progress_is_told) {
    char id[REPLI_UUID_SIZE];
    repli_doc *doc;
    add("work",
        "echo '{\"status\": \"running\", \"percent\": 40}';"
        "while [ ! -e $0/go ]; do sleep 0.01; done; echo '{\"status\": \"finished\", \"n\": 2}'",
        NULL, 0);
    start(_i);
    schedule("work", id);
    await(_i, id, "\"report\":{\"status\":\"running\",\"percent\":40}", &doc);
    repli_doc_free(doc);
    char path[128];
    snprintf(path, sizeof(path), "%s/go", fixture.directory);
    fclose(fopen(path, "we"));
    expect(_i, id, REPLI_PHASE_DONE, "\"n\":2", NULL);
    stop(_i);
}
END_TEST

START_TEST(a_check_decides) {
    static const struct {
        const char *name, *check, *error;
    } checks[] = {
        {"finishes", "cat >/dev/null; echo '{\"status\": \"finished\", \"n\": 1}'", NULL},
        {"fails", "echo '{\"status\": \"failed\", \"error\": \"disk full\"}'", "disk full"},
        {"exits", "echo lost; exit 4", "ended with code 4"},
        {"babbles", "echo '{\"state\": 1}'", "wrote no {"},
        {"gushes", "head -c 100000 /dev/zero", "more than 65536 bytes"},
    };
    char ids[5][REPLI_UUID_SIZE];
    for (int i = 0; i < 5; i++)
        add(checks[i].name, "(sleep 0.05; true) &", checks[i].check, 0);
    start(_i);
    for (int i = 0; i < 5; i++)
        schedule(checks[i].name, ids[i]);
    expect(_i, ids[0], REPLI_PHASE_DONE, "\"n\":1", NULL);
    for (int i = 1; i < 5; i++)
        expect(_i, ids[i], REPLI_PHASE_FAILED, NULL, checks[i].error);
    stop(_i);
}
END_TEST

START_TEST(a_check_is_asked_until_it_knows) {
    char id[REPLI_UUID_SIZE];
    add("work", "true",
        "echo >>$0/asked; [ $(wc -l <$0/asked) -lt 3 ] && echo '{\"status\": \"running\"}' ||"
        "echo '{\"status\": \"finished\"}'",
        0);
    start(_i);
    schedule("work", id);
    expect(_i, id, REPLI_PHASE_DONE, NULL, NULL);
    ck_assert_int_eq(lines_of("asked"), 3);
    stop(_i);
}
END_TEST

static void schedule_until(const char *name, int64_t ms, char id[REPLI_UUID_SIZE]) {
    char kind[128];
    struct timespec now;
    repli_request request = REPLI_REQUEST_INIT;
    snprintf(kind, sizeof(kind), "external.agent.replicante.io/%s", name);
    clock_gettime(CLOCK_REALTIME, &now);
    request.kind = kind;
    request.deadline_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec + ms * 1000000;
    ck_assert_int_eq(repli_agent_schedule(fixture.agent, &request, id, NULL), REPLI_OK);
}

/* The pid that a command wrote into a file has no group any more, once init took note of that. */
static void expect_no_group(const char *name) {
    char path[128], pid[32];
    snprintf(path, sizeof(path), "%s/%s", fixture.directory, name);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(fgets(pid, sizeof(pid), file));
    fclose(file);
    const int64_t until = now_ms() + 20000;
    while (kill(-(pid_t)strtol(pid, NULL, 10), 0) == 0) {
        ck_assert_int_lt(now_ms(), until);
        pause_ms(5);
    }
}

static void expect_ended(int mode, const char *id, int32_t outcome, const char *error) {
    repli_doc *doc;
    const repli_action *action = await(mode, id, NULL, &doc);
    ck_assert_msg(strstr(action->error_json, error) != NULL, "%s", action->error_json);
    ck_assert_int_eq(action->outcome, outcome);
    repli_doc_free(doc);
}

START_TEST(time_is_limited) {
    char id[REPLI_UUID_SIZE];
    add("late", "echo $$ >$0/pid; sleep 1000 & wait", NULL, 500);
    start(_i);
    schedule("late", id);
    expect_ended(_i, id, REPLI_ENDED_TIMED_OUT, "timed out");
    expect_no_group("pid"); /* nor is its sleep left */
    stop(_i);
}
END_TEST

START_TEST(is_ended_on_request) {
    char id[REPLI_UUID_SIZE];
    repli_doc *doc;
    add("work", "echo $$ >$0/pid; sleep 1000 & wait", NULL, 0);
    start(_i);
    schedule("work", id);
    await(_i, id, "pid", &doc);
    repli_doc_free(doc);
    while (lines_of("pid") == 0)
        turn(_i);
    ck_assert_int_eq(repli_agent_cancel(fixture.agent, id, NULL), REPLI_OK);
    expect_ended(_i, id, REPLI_ENDED_CANCELLED, "cancelled; its command was ended");
    expect_no_group("pid");
    stop(_i);
}
END_TEST

START_TEST(is_ended_at_its_deadline) {
    char id[REPLI_UUID_SIZE];
    add("work", "echo $$ >$0/pid; trap '' TERM; sleep 1000", NULL, 0);
    start(_i);
    schedule_until("work", 500, id);
    expect_ended(_i, id, REPLI_ENDED_TIMED_OUT, "its deadline passed; its command was ended");
    expect_no_group("pid");
    stop(_i);
}
END_TEST

/* The agent ends while a command runs, and the next one goes on with it. */
START_TEST(outlives_its_agent) {
    char id[REPLI_UUID_SIZE], next[REPLI_UUID_SIZE];
    repli_doc *doc;
    char path[128];
    add("work",
        "echo >>$0/ran; while [ ! -e $0/go ]; do sleep 0.01; done; [ -e $0/next ] || echo >$0/end",
        NULL, 0);
    add("next", "[ -e $0/end ]; s=$?; echo >$0/next; exit $s", NULL, 0);
    start(_i);
    schedule("work", id);
    schedule("next", next);
    await(_i, id, "pid", &doc);
    repli_doc_free(doc);
    stop(_i);
    start(_i);
    for (int i = 0; i < 20; i++)
        turn(_i);
    ck_assert_int_eq(lines_of("ran"), 1);
    ck_assert_int_eq(lines_of("next"), 0);
    snprintf(path, sizeof(path), "%s/go", fixture.directory);
    fclose(fopen(path, "we"));
    expect(_i, id, REPLI_PHASE_DONE, NULL, NULL); /* it is still a child of this process */
    expect(_i, next, REPLI_PHASE_DONE, NULL, NULL);
    ck_assert_int_eq(lines_of("ran"), 1);
    ck_assert_ptr_nonnull(strstr(log_.text, "which is looked after from now on"));
    stop(_i);
}
END_TEST

START_TEST(is_ended_if_it_is_not_offered_any_more) {
    char id[REPLI_UUID_SIZE], pid[32];
    repli_doc *doc;
    add("old", "exec sleep 1000", NULL, 0);
    start(_i);
    schedule("old", id);
    const repli_action *action = await(_i, id, "pid", &doc);
    snprintf(pid, sizeof(pid), "%s", strstr(action->payload_json, "\"pid\":") + 6);
    repli_doc_free(doc);
    stop(_i);
    repli_config_free(fixture.config);
    repli_config_new(NULL, &fixture.config, NULL);
    repli_config_set_str(fixture.config, "node_id", "n", NULL);
    repli_config_set_str(fixture.config, "store_path", fixture.store, NULL);
    ck_assert_int_eq(repli_config_set_driver(fixture.config, repli_driver_fake_entry, NULL),
                     REPLI_OK);
    start(_i);
    expect(_i, id, REPLI_PHASE_FAILED, NULL, "does not offer");
    const pid_t process = (pid_t)strtol(pid, NULL, 10);
    const int64_t until = now_ms() + 20000;
    char stat[64];
    snprintf(stat, sizeof(stat), "grep -q '^State:.[ZX]' /proc/%d/status", (int)process);
    while (kill(process, 0) == 0 && system(stat) != 0) {
        ck_assert_int_lt(now_ms(), until);
        pause_ms(5);
    }
    stop(_i);
}
END_TEST

START_TEST(cannot_be_changed_by_a_reload) {
    repli_error err = REPLI_ERROR_INIT;
    add("work", "true", NULL, 0);
    start(REPLI_RUN_THREADS);
    ck_assert_int_eq(repli_agent_reload(fixture.agent, fixture.config, &err), REPLI_OK);
    add("more", "true", NULL, 0);
    ck_assert_int_eq(repli_agent_reload(fixture.agent, fixture.config, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "actions.external"));
    stop(REPLI_RUN_THREADS);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("external");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    const int modes = REPLI_RUN_LENT + 1;
    tcase_add_loop_test(tcase, the_exit_code_decides, 0, modes);
    tcase_add_loop_test(tcase, progress_is_told, 0, modes);
    tcase_add_loop_test(tcase, a_check_decides, 0, modes);
    tcase_add_loop_test(tcase, a_check_is_asked_until_it_knows, 0, modes);
    tcase_add_loop_test(tcase, time_is_limited, 0, modes);
    tcase_add_loop_test(tcase, is_ended_on_request, 0, modes);
    tcase_add_loop_test(tcase, is_ended_at_its_deadline, 0, modes);
    tcase_add_loop_test(tcase, outlives_its_agent, 0, modes);
    tcase_add_loop_test(tcase, is_ended_if_it_is_not_offered_any_more, 0, modes);
    tcase_add_test(tcase, cannot_be_changed_by_a_reload);
    Suite *suite = suite_create("external actions");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
