/* Every exported function held to what contract.def and its page say. run.sh timeout: 600 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "contract.h"

static const call calls[] = {
#define CALL(name, threads, fork) {#name, threads, fork, call_##name},
#define CODE(name, code)
#define FAR(name, code, why)
#include "contract.def"
#undef CALL
#undef CODE
};

static const failure failures[] = {
#define CALL(name, threads, fork)
#define CODE(name, code) {#name, code, fail_##name##_##code},
#include "contract.def"
#undef CALL
#undef CODE
#undef FAR
};

enum {
    CALLS = sizeof(calls) / sizeof(calls[0]),
    FAILURES = sizeof(failures) / sizeof(failures[0]),
    THREADS = 8,
    ROUNDS = 6,
    CHILD_PATIENCE_S = 60
};

static world the_world;

/* An action that is stepped once an hour keeps all others waiting. */
static void setup(void) {
    const party_options options = {.serve = 1};
    repli_error err = REPLI_ERROR_INIT;
    const party_options driven = {.run_mode = REPLI_RUN_DISPATCH};
    the_world = (world){.forked = 0};
    ck_assert_msg(party_make(&the_world.driven, &driven, &err) == REPLI_OK, "%s", err.message);
    ck_assert_msg(party_start(&the_world.host, &options, &err) == REPLI_OK, "%s", err.message);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.success";
    char id[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli_agent_schedule(the_world.host.agent, &request, the_world.done_id, NULL),
                     REPLI_OK);
    ck_assert(party_await_phase(the_world.host.agent, the_world.done_id, REPLI_PHASE_DONE));
    request.kind = "fake.test/steps";
    request.args_json = "{\"steps\": 1000000, \"pause_ms\": 3600000}";
    ck_assert_int_eq(repli_agent_schedule(the_world.host.agent, &request, id, NULL), REPLI_OK);
    ck_assert(party_await_phase(the_world.host.agent, id, REPLI_PHASE_RUNNING));
    ck_assert_int_eq(repli_agent_snapshot(the_world.host.agent, &the_world.snapshot, NULL),
                     REPLI_OK);
#ifdef WITH_ALLDATA
    ck_assert_msg(alldata_begin(&the_world, &err) == REPLI_OK, "%s", err.message);
#endif
}

static void teardown(void) {
#ifdef WITH_ALLDATA
    alldata_end(&the_world);
#endif
    repli_snapshot_unref(the_world.snapshot);
    party_end(&the_world.driven);
    party_end(&the_world.host);
}

/* An error as nobody would leave it. */
static repli_error mark(void) {
    repli_error err = REPLI_ERROR_INIT;
    err.code = 4711;
    memset(err.message, 'm', sizeof(err.message) - 1);
    memset(err.cause, 'c', sizeof(err.cause) - 1);
    memset(err.origin, 'o', sizeof(err.origin) - 1);
    memset(err.native, 'n', sizeof(err.native) - 1);
    return err;
}

START_TEST(good_calls_leave_the_error_alone) {
    const call *at = &calls[_i];
    const repli_error before = mark();
    repli_error err = before;
    int32_t code = at->call(&the_world, &err);
    ck_assert_msg(code == REPLI_OK, "%s: %d %s", at->name, code, err.message);
    ck_assert_msg(memcmp(&err, &before, sizeof(err)) == 0, "%s fills err: %s", at->name,
                  err.message);
    code = at->call(&the_world, NULL);
    ck_assert_msg(code == REPLI_OK, "%s: %d without err", at->name, code);
}
END_TEST

START_TEST(failures_are_told) {
    const failure *at = &failures[_i];
    repli_error err = mark();
    int32_t code = at->provoke(&the_world, &err);
    ck_assert_msg(code == at->code, "%s: %d, not %s: %s", at->name, code,
                  repli_error_name(at->code), err.message);
    ck_assert_msg(err.code == code, "%s: the code in err is %d", at->name, err.code);
    ck_assert_msg(err.message[0] != '\0' && err.message[0] != 'm' && err.origin[0] != 'o',
                  "%s: %s: %s", at->name, err.origin, err.message);
    ck_assert_msg(err.native[0] != 'n' && err.cause[0] != 'c', "%s leaves a part of err as it was",
                  at->name);
    code = at->provoke(&the_world, NULL);
    ck_assert_msg(code == at->code, "%s: %d without err", at->name, code);
}
END_TEST

/* Forked children. */

static int count_threads(void) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    int count = 0;
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "Threads: %d", &count) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return count;
}

static _Noreturn void be_child(const call *at) {
    alarm(CHILD_PATIENCE_S);
    the_world.forked = 1;
    repli_error err = REPLI_ERROR_INIT;
    const int32_t expected = at->fork == REFUSED ? REPLI_EFORK : REPLI_OK;
    int32_t code = at->call(&the_world, &err);
    if (code == expected && err.code != expected)
        code = __LINE__;
    if (code == expected && at->fork == REFUSED)
        code = at->call(&the_world, NULL);
    if (code != expected)
        fprintf(stderr, "%s in a child: %d %s\n", at->name, (int)code, err.message);
    test_end_child(code == expected);
}

START_TEST(children_are_told_and_the_parent_notices_nothing) {
    const call *at = &calls[_i];
    const int threads = count_threads();
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        be_child(at);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s in a child: %s %d", at->name,
                  WIFEXITED(status) ? "exit status" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));

    const party *host = &the_world.host;
    ck_assert_int_eq(count_threads(), threads);
    ck_assert_int_eq(repli_agent_ready(host->agent, NULL), REPLI_OK);
    ck_assert_int_eq(call_repli_agent_schedule(&the_world, NULL), REPLI_OK);
    ck_assert_int_eq(call_repli_agent_observe(&the_world, NULL), REPLI_OK);
    ck_assert_int_eq(fail_repli_agent_new_REPLI_EBUSY(&the_world, NULL), REPLI_EBUSY);
    ck_assert_int_eq(repli_agent_run(the_world.driven.agent, 0, NULL), REPLI_ETIMEOUT);
    ck_assert_int_eq(party_get(host->port, "/api/unstable/info/node"), 200);
}
END_TEST

/* Threads. Where calls on one object must be serialised, each thread has an object of its own. */

typedef struct hammer {
    pthread_t thread;
    size_t first;
    const char *failed;
    int32_t code;
} hammer;

static void *run(void *argument) {
    hammer *self = argument;
    for (size_t i = 0; i < (size_t)CALLS * ROUNDS && self->failed == NULL; i++) {
        const call *at = &calls[(self->first + i) % CALLS];
        const int32_t code = at->call(&the_world, NULL);
        if (code != REPLI_OK) {
            self->failed = at->name;
            self->code = code;
        }
    }
    return NULL;
}

START_TEST(threads_may_call_everything_at_once) {
    hammer hammers[THREADS] = {{0}};
    for (size_t i = 0; i < THREADS; i++) {
        hammers[i].first = i * CALLS / THREADS;
        ck_assert_int_eq(pthread_create(&hammers[i].thread, NULL, run, &hammers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(hammers[i].thread, NULL);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_msg(hammers[i].failed == NULL, "%s: %d", hammers[i].failed, hammers[i].code);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("calls");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, good_calls_leave_the_error_alone, 0, CALLS);
    tcase_add_loop_test(tcase, failures_are_told, 0, FAILURES);
    tcase_add_loop_test(tcase, children_are_told_and_the_parent_notices_nothing, 0, CALLS);
    tcase_add_test(tcase, threads_may_call_everything_at_once);
    Suite *suite = suite_create("contract");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    /* A test in a child of its own would find the agent's threads gone. */
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
