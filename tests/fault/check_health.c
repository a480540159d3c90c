#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include <replicante/agent.h>

#include "operation.h"
#include "trap.h"

/* What an agent says of its health while its disk fails, and afterwards. */

enum { PATIENCE_MS = 20000 };

static const operation nothing;

static int32_t schedule(const world *w) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.success";
    return repli_agent_schedule(w->agent, &request, NULL, NULL);
}

static int32_t await_ready(const world *w) {
    const int64_t end = now_ms() + PATIENCE_MS;
    int32_t code = repli_agent_ready(w->agent, NULL);
    for (; code != REPLI_OK && now_ms() < end; code = repli_agent_ready(w->agent, NULL))
        pause_ms(5);
    return code;
}

static const struct {
    unsigned kinds;
    int error;
    int32_t code;
} disks[] = {{TRAP_WRITE, SQLITE_FULL, REPLI_EFULL}, {TRAP_VFS, 0, REPLI_EIO}};

START_TEST(an_agent_is_not_ready_while_its_disk_fails_but_lives) {
    trap_exempt();
    trap_vfs_register();
    world w;
    world_begin(&w, &nothing);
    world_running(&w);
    ck_assert_int_eq(await_ready(&w), REPLI_OK);
    trap_set(&(trap_plan){.kinds = disks[_i].kinds,
                          .where = TRAP_EVERYWHERE,
                          .at = 1,
                          .for_good = 1,
                          .error = disks[_i].error});
    trap_enter();
    const int32_t scheduled = schedule(&w);
    trap_leave();
    repli_error error = REPLI_ERROR_INIT;
    const int32_t ready = repli_agent_ready(w.agent, &error);
    const int32_t live = repli_agent_live(w.agent, NULL);
    ck_assert_uint_gt(trap_clear(), 0);
    ck_assert_int_eq(scheduled, disks[_i].code);
    ck_assert_int_eq(ready, disks[_i].code);
    ck_assert_ptr_nonnull(strstr(error.message, "database of actions cannot be written"));
    ck_assert_int_eq(live, REPLI_OK);
    /* It finds out by itself. */
    ck_assert_int_eq(await_ready(&w), REPLI_OK);
    world_expect_actions(&w, "afterwards");
    world_end(&w);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("health");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, an_agent_is_not_ready_while_its_disk_fails_but_lives, 0,
                        sizeof(disks) / sizeof(disks[0]));
    Suite *suite = suite_create("fault: health");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
