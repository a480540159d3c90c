#include <check.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "agent_fixture.h"

/* An agent whose loop is held up says that it does not live, and lives again afterwards. */

enum { PATIENCE_MS = 60000 };

static agent_fixture driven;
static agent_fixture threaded;
static sem_t held;
static sem_t release;

static void setup(void) {
    agent_fixture_setup_quick(&driven);
    agent_fixture_setup_quick(&threaded);
    ck_assert_int_eq(repli_config_set_run_mode(driven.config, REPLI_RUN_DISPATCH, NULL), REPLI_OK);
    sem_init(&held, 0, 0);
    sem_init(&release, 0, 0);
}

static void teardown(void) {
    agent_fixture_teardown(&threaded);
    agent_fixture_teardown(&driven);
    sem_destroy(&release);
    sem_destroy(&held);
}

/* What no callback may do: it blocks the agent's loop. */
static void hold_up(void *user_data, repli_snapshot *snapshot) {
    (void)user_data;
    (void)snapshot;
    sem_post(&held);
    while (sem_wait(&release) != 0)
        continue;
}

static void await_live(const agent_fixture *fixture, int32_t code, const char *why) {
    repli_error error = REPLI_ERROR_INIT;
    const int64_t end_ms = now_ms() + PATIENCE_MS;
    int32_t live = repli_agent_live(fixture->agent, &error);
    for (; live != code && now_ms() < end_ms; live = repli_agent_live(fixture->agent, &error))
        pause_ms(10);
    ck_assert_int_eq(live, code);
    if (why != NULL)
        ck_assert_ptr_nonnull(strstr(error.message, why));
}

static int32_t dispatch_for(int64_t ms) {
    return repli_agent_run(driven.agent, ms, NULL);
}

START_TEST(an_agent_that_is_held_up_says_so_until_it_goes_on) {
    agent_fixture_start(&driven);
    agent_fixture_start(&threaded);
    ck_assert_int_eq(dispatch_for(200), REPLI_ETIMEOUT);
    await_live(&driven, REPLI_OK, NULL);
    await_live(&threaded, REPLI_OK, NULL);

    /* From here on nobody dispatches the one, and the other waits for a callback to return. */
    ck_assert_int_eq(repli_agent_observe(threaded.agent, 0, PATIENCE_MS, hold_up, NULL, NULL),
                     REPLI_OK);
    while (sem_wait(&held) != 0)
        continue;
    await_live(&driven, REPLI_EINTERNAL, "does not call repli_agent_dispatch()");
    await_live(&threaded, REPLI_EINTERNAL, "has made no progress");
    ck_assert_int_eq(repli_agent_ready(driven.agent, NULL), REPLI_EINTERNAL);

    sem_post(&release);
    ck_assert_int_eq(dispatch_for(200), REPLI_ETIMEOUT);
    await_live(&driven, REPLI_OK, NULL);
    await_live(&threaded, REPLI_OK, NULL);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("live");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, an_agent_that_is_held_up_says_so_until_it_goes_on);
    Suite *suite = suite_create("live");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
