#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_fixture.h"

/* Starting and stopping a service, in each of the run modes (_i): by commands, and through a
 * systemctl that only knows one unit and notes what it was asked. */

static agent_fixture fixture;
static pthread_t lent;

static const char fake_systemctl[] =
    "#!/bin/sh\n"
    "d=${0%/*}; echo \"$*\" >>$d/asked\n"
    "[ -e $d/lost ] && exit 1\n"
    "case $1-$2 in\n"
    "show-*) echo LoadState=$(cat $d/load); echo ActiveState=$(cat $d/active)\n"
    "    echo ActiveEnterTimestampMonotonic=$(wc -l <$d/starts);;\n"
    "*-start|*-restart) [ -e $d/refuse ] && { echo 'no, really' >&2; exit 5; }\n"
    "    echo >>$d/starts; cp $d/becomes $d/active;;\n"
    "*-stop) echo inactive >$d/active;;\n"
    "esac\n";

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture.directory, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fchmod(fileno(file), 0700);
    fclose(file);
}

static char *read_file(const char *name) {
    static char text[4096];
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture.directory, name);
    FILE *file = fopen(path, "re");
    text[file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

static void setup(void) {
    agent_fixture_setup(&fixture);
    repli_config_set_int(fixture.config, "service.timeout_ms", 3000, NULL);
}

static void teardown(void) {
    const long pid = strtol(read_file("pid"), NULL, 10);
    if (pid > 1)
        kill((pid_t)pid, SIGKILL);
    agent_fixture_teardown(&fixture);
}

static void *work(void *agent) {
    repli_agent_work(agent, -1, NULL);
    return NULL;
}

static void start(int mode) {
    repli_error err = REPLI_ERROR_INIT;
    repli_config_set_run_mode(fixture.config, mode, NULL);
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

static void run_a_little(int mode) {
    if (mode == REPLI_RUN_THREADS)
        pause_ms(2);
    else
        repli_agent_run(fixture.agent, 5, NULL);
}

/* Do it, and expect an error with that text (NULL: none). */
static void act(int mode, const char *verb, const char *error) {
    char id[REPLI_UUID_SIZE], kind[64];
    const repli_action *action;
    repli_doc *doc;
    const int64_t until = now_ms() + 20000;
    snprintf(kind, sizeof(kind), "agent.replicante.io/service.%s", verb);
    agent_fixture_schedule(&fixture, kind, "null", id);
    for (;;) {
        ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
        if (action->phase > REPLI_PHASE_RUNNING)
            break;
        ck_assert_msg(now_ms() < until, "%s: %s", verb, action->payload_json);
        repli_doc_free(doc);
        run_a_little(mode);
    }
    if (error == NULL)
        ck_assert_msg(action->phase == REPLI_PHASE_DONE, "%s: %s", verb, action->error_json);
    else
        ck_assert_msg(action->phase == REPLI_PHASE_FAILED &&
                          strstr(action->error_json, error) != NULL,
                      "%s: %s", verb, action->error_json);
    repli_doc_free(doc);
}

static void use_unit(void) {
    static char path[4096];
    write_file("systemctl", fake_systemctl);
    write_file("load", "loaded");
    write_file("active", "inactive");
    write_file("becomes", "active");
    write_file("starts", "");
    const char *before = getenv("PATH");
    if (strstr(before, fixture.directory) == NULL) {
        snprintf(path, sizeof(path), "%s:%s", fixture.directory, before);
        ck_assert_int_eq(setenv("PATH", path, 1), 0);
    }
    ck_assert_int_eq(repli_config_set_str(fixture.config, "service.unit", "db@1.service", NULL),
                     REPLI_OK);
}

START_TEST(a_unit_is_started_stopped_and_restarted) {
    static const char show[] =
        "show --property=LoadState,ActiveState,ActiveEnterTimestampMonotonic -- db@1.service\n";
    char expected[4096];
    use_unit();
    start(_i);
    act(_i, "stop", NULL);
    act(_i, "start", NULL);
    act(_i, "start", NULL);
    act(_i, "restart", NULL);
    act(_i, "stop", NULL);
    act(_i, "restart", NULL);
    snprintf(expected, sizeof(expected),
             "%s%s--no-ask-password start -- db@1.service\n%s%s%s"
             "--no-ask-password restart -- db@1.service\n%s%s"
             "--no-ask-password stop -- db@1.service\n%s%s"
             "--no-ask-password start -- db@1.service\n%s",
             show, show, show, show, show, show, show, show, show, show);
    ck_assert_str_eq(read_file("asked"), expected);
    ck_assert_str_eq(read_file("active"), "active");
    stop(_i);
}
END_TEST

START_TEST(what_a_unit_cannot_do_is_said) {
    use_unit();
    start(_i);
    write_file("refuse", "");
    act(_i, "start", "\"systemctl\\\" ended with code 5\",\"error_cause\":\"no, really");
    write_file("becomes", "failed");
    char refuse[128];
    snprintf(refuse, sizeof(refuse), "%s/refuse", fixture.directory);
    unlink(refuse);
    act(_i, "start", "the service failed");
    write_file("becomes", "activating");
    act(_i, "start", "does not run after");
    write_file("load", "not-found");
    act(_i, "start", "the unit db@1.service is not-found");
    write_file("lost", "");
    act(_i, "stop", "cannot tell the state of db@1.service");
    stop(_i);
}
END_TEST

/* Of an action in that phase. */
static int payload_has(const char *id, int32_t phase, const char *text) {
    const repli_action *action;
    repli_doc *doc;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
    const int has = action->phase == phase && action->payload_json != NULL &&
                    strstr(action->payload_json, text) != NULL;
    repli_doc_free(doc);
    return has;
}

static int count_looks(void) {
    int looks = 0;
    for (const char *at = read_file("asked"); (at = strstr(at, "show")) != NULL; at++)
        looks++;
    return looks;
}

START_TEST(what_is_waited_for_is_said) {
    static const char waits[] = "\"waiting_for\":\"the service to run\",\"since\":\"20";
    const int64_t until = now_ms() + 30000;
    char id[REPLI_UUID_SIZE];
    use_unit();
    repli_config_set_int(fixture.config, "service.timeout_ms", 60000, NULL);
    write_file("becomes", "activating");
    start(_i);
    agent_fixture_schedule(&fixture, "agent.replicante.io/service.start", "null", id);
    for (; !payload_has(id, REPLI_PHASE_RUNNING, waits); run_a_little(_i))
        ck_assert_int_lt(now_ms(), until);
    /* Also after steps that only look again. */
    for (const int before = count_looks(); count_looks() < before + 3; run_a_little(_i)) {
        ck_assert(payload_has(id, REPLI_PHASE_RUNNING, waits));
        ck_assert_int_lt(now_ms(), until);
    }
    write_file("active", "active");
    for (; !payload_has(id, REPLI_PHASE_DONE, "\"stage\":\"starting\""); run_a_little(_i))
        ck_assert_int_lt(now_ms(), until);
    ck_assert(!payload_has(id, REPLI_PHASE_DONE, "waiting_for"));
    stop(_i);
}
END_TEST

static void use_commands(const char *start_script) {
    const char *const pid[] = {"sh", "-c", "exec cat $0/pid", fixture.directory};
    const char *const run[] = {"sh", "-c", start_script, fixture.directory};
    const char *const end[] = {"sh", "-c", "kill $(cat $0/pid)", fixture.directory};
    repli_config_set_strs(fixture.config, "service.pid", pid, 4, NULL);
    repli_config_set_strs(fixture.config, "service.start", run, 4, NULL);
    repli_config_set_strs(fixture.config, "service.stop", end, 4, NULL);
}

static const char daemon_script[] =
    "echo >>$0/starts; setsid sh -c 'echo $$ >$0/pid; exec sleep 1000' $0 >/dev/null 2>&1 &";

static long pid_now(void) {
    const long pid = strtol(read_file("pid"), NULL, 10);
    ck_assert_int_gt(pid, 1);
    return kill((pid_t)pid, 0) == 0 ? pid : 0;
}

START_TEST(commands_start_stop_and_restart) {
    use_commands(daemon_script);
    start(_i);
    act(_i, "stop", NULL);
    act(_i, "start", NULL);
    const long first = pid_now();
    ck_assert_int_ne(first, 0);
    act(_i, "start", NULL);
    ck_assert_int_eq(pid_now(), first);
    act(_i, "restart", NULL);
    ck_assert_int_ne(pid_now(), first);
    stop(_i); /* and the service goes on */
    ck_assert_int_ne(pid_now(), 0);
    start(_i);
    act(_i, "stop", NULL);
    ck_assert_str_eq(read_file("starts"), "\n\n");
    stop(_i);
}
END_TEST

START_TEST(commands_that_do_not_do_it_are_told_of) {
    use_commands("exec sleep 1000");
    repli_config_set_int(fixture.config, "service.timeout_ms", 300, NULL);
    start(_i);
    act(_i, "start", "had not ended after");
    stop(_i);
    use_commands("echo hm; exit 0");
    repli_config_set_int(fixture.config, "service.timeout_ms", 1000, NULL);
    start(_i);
    act(_i, "start", "does not run after");
    stop(_i);
    use_commands("echo sorry; exit 9");
    repli_config_set_int(fixture.config, "service.timeout_ms", 10000, NULL);
    start(_i);
    act(_i, "start", "ended with code 9\",\"error_cause\":\"sorry");
    write_file("pid", "what?");
    act(_i, "stop", "wrote no number");
    stop(_i);
}
END_TEST

START_TEST(half_a_service_is_refused) {
    repli_error err = REPLI_ERROR_INIT;
    const char *const command[] = {"true"};
    repli_config_set_strs(fixture.config, "service.start", command, 1, NULL);
    ck_assert_int_eq(repli_agent_new(fixture.config, &fixture.agent, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "service.pid"));
}
END_TEST

static int32_t find_kind(void *user_data, const repli_action_kind *kind) {
    *(int *)user_data += strstr(kind->kind, "/service.") != NULL;
    return 0;
}

START_TEST(is_only_offered_if_there_is_a_service) {
    int count = 0;
    start(REPLI_RUN_THREADS);
    repli_agent_action_kinds(fixture.agent, find_kind, &count, NULL);
    ck_assert_int_eq(count, 0);
    stop(REPLI_RUN_THREADS);
    use_unit();
    start(REPLI_RUN_THREADS);
    repli_agent_action_kinds(fixture.agent, find_kind, &count, NULL);
    ck_assert_int_eq(count, 3);
    stop(REPLI_RUN_THREADS);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("service");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    const int modes = REPLI_RUN_LENT + 1;
    tcase_add_loop_test(tcase, a_unit_is_started_stopped_and_restarted, 0, modes);
    tcase_add_loop_test(tcase, what_a_unit_cannot_do_is_said, 0, modes);
    tcase_add_loop_test(tcase, what_is_waited_for_is_said, 0, modes);
    tcase_add_loop_test(tcase, commands_start_stop_and_restart, 0, modes);
    tcase_add_loop_test(tcase, commands_that_do_not_do_it_are_told_of, 0, modes);
    tcase_add_test(tcase, half_a_service_is_refused);
    tcase_add_test(tcase, is_only_offered_if_there_is_a_service);
    Suite *suite = suite_create("service actions");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
