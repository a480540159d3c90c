#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/changes.h"
#include "agent/snapshot.h"
#include "agent/version.h"
#include "driver/instance.h"
#include "failing.h"

/* Roles of shards in two snapshots, and what is logged of their difference. */

static repli__host *host;
static repli__log log_of;
static char last[256];
static size_t lines, gone, come, moved;

static void count_line(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)level, (void)origin, (void)user_data;
    snprintf(last, sizeof(last), "%s", message);
    lines++;
    gone += strstr(message, "-> absent") != NULL;
    come += strstr(message, "absent ->") != NULL;
    moved += strstr(message, "absent") == NULL;
}

static void setup(void) {
    lines = gone = come = moved = 0;
    repli__log_init(&log_of);
    repli__log_set(&log_of, REPLI_LOG_INFO, count_line, NULL);
    ck_assert_int_eq(repli__host_new("driver.test", NULL, NULL, &host, NULL), REPLI_OK);
}

static void teardown(void) {
    repli__host_free(host);
    repli__log_dispose(&log_of);
}

/* Shards from, from + step and so on, count of them; every seventh is a primary, but for odd. */
static repli_snapshot *snapshot_of(int from, int step, int count, int odd) {
    repli_sink sink;
    repli__sink_init(&sink, REPLI__SINK_SHARDS, NULL);
    for (int i = 0; i < count; i++) {
        char id[32];
        const int number = from + i * step;
        snprintf(id, sizeof(id), "shard-%d", number);
        repli_shard shard = REPLI_SHARD_INIT;
        shard.id = id;
        shard.role =
            (number % 7 == 0) != (number == odd) ? REPLI_ROLE_PRIMARY : REPLI_ROLE_SECONDARY;
        ck_assert_int_eq(repli__host_table(host)->emit_shard(&sink, &shard), REPLI_OK);
    }
    const repli_error none = REPLI_ERROR_INIT;
    const repli__snapshot_parts parts = {.node = {.struct_size = sizeof(repli_node),
                                                  .status = REPLI_STATUS_HEALTHY,
                                                  .node_id = "node",
                                                  .store_id = "store",
                                                  .agent_version = repli__version_of_agent()},
                                         .store_error = &none,
                                         .shards = &sink};
    repli_snapshot *snapshot = NULL;
    ck_assert_int_eq(repli__snapshot_new(&parts, &repli__mem_default, &snapshot, NULL), REPLI_OK);
    repli__sink_dispose(&sink);
    return snapshot;
}

static void compare(const repli__mem *mem, repli_snapshot *before, repli_snapshot *after) {
    lines = gone = come = moved = 0;
    repli__changes_roles(&log_of, mem, before, after, "");
    repli_snapshot_unref(before);
    repli_snapshot_unref(after);
}

START_TEST(the_same_in_any_order_is_no_news) {
    const repli__mem *mem = &repli__mem_default;
    compare(mem, snapshot_of(0, 1, 100, -1), snapshot_of(0, 1, 100, -1));
    ck_assert_uint_eq(lines, 0);
    compare(mem, snapshot_of(0, 1, 100, -1), snapshot_of(99, -1, 100, -1));
    ck_assert_uint_eq(lines, 0);
    compare(mem, snapshot_of(0, 1, 0, -1), snapshot_of(0, 1, 0, -1));
    ck_assert_uint_eq(lines, 0);
}
END_TEST

START_TEST(each_difference_is_told_once) {
    const repli__mem *mem = &repli__mem_default;
    compare(mem, snapshot_of(0, 1, 100, -1), snapshot_of(110, -1, 100, 51));
    ck_assert_uint_eq(moved, 1);
    ck_assert_uint_eq(come, 11);
    ck_assert_uint_eq(gone, 11);
    ck_assert_uint_eq(lines, 23);
    compare(mem, snapshot_of(0, 1, 100, -1), snapshot_of(0, 1, 100, 51));
    ck_assert_uint_eq(lines, 1);
    ck_assert_str_eq(last, "shard \"shard-51\": Secondary -> Primary");
    compare(mem, snapshot_of(0, 1, 0, -1), snapshot_of(0, 1, 5, -1));
    ck_assert_uint_eq(come, 5);
    compare(mem, snapshot_of(0, 1, 5, -1), snapshot_of(0, 1, 0, -1));
    ck_assert_uint_eq(gone, 5);
}
END_TEST

/* Looked for one by one among all, they would keep the agent busy for minutes. */
START_TEST(all_of_very_many_may_change) {
    enum { COUNT = 50000 };
    compare(&repli__mem_default, snapshot_of(0, 1, COUNT, -1), snapshot_of(COUNT, 1, COUNT, -1));
    ck_assert_uint_eq(come, COUNT);
    ck_assert_uint_eq(gone, COUNT);
    ck_assert_uint_eq(lines, 2 * COUNT);
}
END_TEST

START_TEST(without_memory_it_says_so) {
    failing memory;
    failing_init(&memory);
    failing_arm(&memory, 1, 0);
    compare(&memory.allocator, snapshot_of(0, 1, 9, -1), snapshot_of(8, -1, 9, -1));
    ck_assert_uint_eq(lines, 1);
    ck_assert_ptr_nonnull(strstr(last, "out of memory"));
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("changes");
    TCase *tcase = tcase_create("roles");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_same_in_any_order_is_no_news);
    tcase_add_test(tcase, each_difference_is_told_once);
    tcase_add_test(tcase, all_of_very_many_may_change);
    tcase_add_test(tcase, without_memory_it_says_so);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
