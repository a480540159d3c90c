#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/instance.h"

#define INIT "agent.replicante.io/cluster.init"

/* The driver that strangers copy had better be right. */

static char directory[64];
static repli__instance *instance;
static repli_sink sink;
static repli_op op;
static repli_error err;

static void setup(void) {
    err = (repli_error)REPLI_ERROR_INIT;
    op.deadline_ns = repli__deadline_ns(60000);
    atomic_init(&op.cancelled, 0);
    snprintf(directory, sizeof(directory), "/tmp/repli-template-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));

    const char *build = getenv("BUILD");
    char relative[PATH_MAX];
    char path[PATH_MAX];
    snprintf(relative, sizeof(relative), "%s/drivers/driver_template.so",
             build != NULL ? build : "build");
    ck_assert_ptr_nonnull(realpath(relative, path));
    repli__driver_table table;
    ck_assert_msg(repli__driver_load(path, NULL, &table, &err) == REPLI_OK, "%s", err.message);
    char config[200];
    snprintf(config, sizeof(config), "{\"directory\":\"%s\"}", directory);
    ck_assert_msg(repli__instance_open(&table, config, strlen(config), NULL, NULL, &instance,
                                       &err) == REPLI_OK,
                  "%s", err.message);
    repli__sink_init(&sink, REPLI__SINK_NODE, NULL);
}

static void in_directory(char path[PATH_MAX], const char *file) {
    ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", directory, file), PATH_MAX);
}

static void teardown(void) {
    static const char *const files[] = {"cluster", "cluster.new", "a.shard", "b.shard", "b.txt"};
    repli__instance_close(instance);
    repli__sink_dispose(&sink);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[PATH_MAX];
        in_directory(path, files[i]);
        unlink(path);
    }
    rmdir(directory);
}

static void write_file(const char *file, const char *text) {
    char path[PATH_MAX];
    in_directory(path, file);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int32_t ask_node(void) {
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_NODE, NULL);
    return repli__instance_node_info(instance, &op, &sink, &err);
}

static int32_t ask_store(void) {
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_STORE, NULL);
    return repli__instance_store_info(instance, &op, &sink, &err);
}

static int32_t ask_shards(void) {
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_SHARDS, NULL);
    return repli__instance_shards(instance, &op, &sink, &err);
}

static int32_t init_cluster(const char *args) {
    const repli_action action = {.struct_size = sizeof(action),
                                 .phase = REPLI_PHASE_RUNNING,
                                 .id = "00000000-0000-4000-8000-000000000000",
                                 .kind = INIT,
                                 .args_json = args,
                                 .requester = "test"};
    const repli_step step = {.struct_size = sizeof(step), .action = &action};
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_STEP, NULL);
    return repli__instance_action_step(instance, &op, &step, &sink, &err);
}

START_TEST(a_store_that_is_down) {
    ck_assert_int_eq(rmdir(directory), 0);
    ck_assert_int_eq(ask_node(), REPLI_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, directory));
    ck_assert_ptr_nonnull(sink.version.number); /* known all the same */
    ck_assert_int_eq(ask_store(), REPLI_EREFUSED);
    ck_assert_int_eq(ask_shards(), REPLI_EREFUSED);
    ck_assert_int_eq(init_cluster("{\"cluster_id\":\"c\"}"), REPLI_EREFUSED);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    ck_assert_int_eq(ask_node(), REPLI_OK);
}
END_TEST

START_TEST(a_node_without_a_cluster) {
    ck_assert_int_eq(ask_node(), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_NOT_IN_CLUSTER);
    ck_assert_int_eq(ask_store(), REPLI_ENOTFOUND);
    ck_assert_int_eq(ask_shards(), REPLI_OK);
    ck_assert_uint_eq(sink.shard_count, 0);
}
END_TEST

START_TEST(a_node_of_a_cluster) {
    write_file("cluster", "mine\n");
    write_file("a.shard", "12345");
    write_file("b.txt", "no shard");
    ck_assert_int_eq(ask_node(), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_HEALTHY);
    ck_assert_int_eq(ask_store(), REPLI_OK);
    ck_assert_str_eq(sink.cluster_id, "mine");
    ck_assert_str_eq(sink.attributes[0].string, directory);
    ck_assert_int_eq(ask_shards(), REPLI_OK);
    ck_assert_uint_eq(sink.shard_count, 1);
    ck_assert_str_eq(sink.shards[0].id, "a");
    ck_assert_int_eq(sink.shards[0].role, REPLI_ROLE_PRIMARY);
    ck_assert_int_eq(sink.shards[0].commit_offset, 5);
    atomic_store(&op.cancelled, 1);
    ck_assert_int_eq(ask_shards(), REPLI_ETIMEOUT);
}
END_TEST

START_TEST(a_cluster_is_made_once) {
    static const char args[] = "{\"cluster_id\":\"c1\"}";
    ck_assert_int_eq(init_cluster(args), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_DONE);
    ck_assert_int_eq(ask_store(), REPLI_OK);
    ck_assert_str_eq(sink.cluster_id, "c1");
    ck_assert_int_eq(init_cluster(args), REPLI_OK); /* again after a crash */
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_DONE);
    ck_assert_int_eq(init_cluster("{\"cluster_id\":\"c2\"}"), REPLI_ECONFLICT);
    ck_assert_str_eq(err.cause, "c1");
    ck_assert_int_eq(ask_store(), REPLI_OK);
    ck_assert_str_eq(sink.cluster_id, "c1");
}
END_TEST

static int32_t plan_init(const char *args) {
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_PLAN, NULL);
    return repli__instance_action_plan(instance, &op, INIT, args, strlen(args), &sink, &err);
}

START_TEST(a_plan_does_nothing) {
    static const char args[] = "{\"cluster_id\":\"c1\"}";
    ck_assert_int_eq(plan_init(args), REPLI_OK);
    ck_assert_uint_eq(sink.plan_count, 1);
    ck_assert_ptr_nonnull(strstr(sink.plan[0].summary, "write \"c1\" into "));
    ck_assert_int_eq(ask_store(), REPLI_ENOTFOUND);
    ck_assert_int_eq(init_cluster(args), REPLI_OK);
    ck_assert_int_eq(plan_init(args), REPLI_OK);
    ck_assert_uint_eq(sink.plan_count, 0);
    ck_assert_int_eq(plan_init("{\"cluster_id\":\"c2\"}"), REPLI_ECONFLICT);
}
END_TEST

START_TEST(arguments) {
    static const char *const bad[] = {"null", "{}", "{\"cluster_id\":\"\"}", "{\"cluster_id\":1}",
                                      "{\"cluster_id\":\"a\\nb\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(
            repli__instance_action_validate(instance, INIT, bad[i], strlen(bad[i]), &err),
            REPLI_EINVALID);
    ck_assert_int_eq(
        repli__instance_action_validate(instance, INIT, "{\"cluster_id\":\"c\"}", 18, &err),
        REPLI_OK);
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_KINDS, NULL);
    ck_assert_int_eq(repli__instance_actions_describe(instance, &sink, &err), REPLI_OK);
    ck_assert_str_eq(sink.kinds[0].kind, INIT);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("template");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_store_that_is_down);
    tcase_add_test(tcase, a_node_without_a_cluster);
    tcase_add_test(tcase, a_node_of_a_cluster);
    tcase_add_test(tcase, a_cluster_is_made_once);
    tcase_add_test(tcase, a_plan_does_nothing);
    tcase_add_test(tcase, arguments);
    Suite *suite = suite_create("template");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
