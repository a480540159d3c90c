#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/instance.h"
#include "failing.h"

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

static repli__driver_table table;
static repli__instance *instance;
static repli_sink sink;
static repli_op op;
static repli_error err;

static void setup(void) {
    err = (repli_error)REPLI_ERROR_INIT;
    instance = NULL;
    op.deadline_ns = repli__deadline_ns(60000);
    op.running_action = NULL;
    atomic_init(&op.cancelled, 0);
    repli__sink_init(&sink, REPLI__SINK_NODE, NULL);
    ck_assert_int_eq(repli__driver_from_entry(repli_driver_fake_entry, NULL, &table, &err),
                     REPLI_OK);
}

static void teardown(void) {
    repli__instance_close(instance);
    repli__sink_dispose(&sink);
}

static void open_with(const char *config) {
    repli__instance_close(instance);
    instance = NULL;
    ck_assert_msg(repli__instance_open(&table, config, strlen(config), NULL, NULL, &instance,
                                       &err) == REPLI_OK,
                  "%s", err.message);
}

static void take(int32_t takes) {
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, takes, NULL);
}

static void assert_says(const char *text) {
    if (strstr(err.message, text) == NULL)
        ck_abort_msg("\"%s\" is not in: %s", text, err.message);
    ck_assert_str_eq(err.origin, "driver.fake");
}

START_TEST(answers) {
    open_with("{\"status\":\"unhealthy\",\"reason\":\"why\",\"version\":\"7.1.0\","
              "\"cluster_id\":\"c\",\"role\":\"secondary\",\"offset\":-5,\"lag\":3,"
              "\"shard_count\":2}");
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_UNHEALTHY);
    ck_assert_str_eq(sink.status_reason, "why");
    ck_assert_str_eq(sink.version.number, "7.1.0");
    ck_assert_str_eq(sink.addresses[0].name, "client");
    ck_assert_str_eq(sink.attributes[0].name, "fake.test/kind");
    take(REPLI__SINK_STORE);
    ck_assert_int_eq(repli__instance_store_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_str_eq(sink.cluster_id, "c");
    ck_assert_int_eq(sink.attributes[0].integer, 2);
    take(REPLI__SINK_SHARDS);
    ck_assert_int_eq(repli__instance_shards(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_uint_eq(sink.shard_count, 2);
    ck_assert_int_eq(sink.shards[1].role, REPLI_ROLE_SECONDARY);
    ck_assert_int_eq(sink.shards[1].commit_offset, -5);
    ck_assert_int_eq(sink.shards[1].lag, 3);
    ck_assert_int_eq(err.code, REPLI_OK);
}
END_TEST

START_TEST(defaults_come_from_the_keys) {
    open_with("{}");
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_HEALTHY);
    ck_assert_str_eq(sink.version.number, "1.2.3");
}
END_TEST

/* What was emitted before the error stays, for the version is known while the store is down. */
START_TEST(errors_are_explained) {
    open_with("{\"fail\":-1}");
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_EREFUSED);
    assert_says("told to fail");
    ck_assert_int_eq(err.code, REPLI_EREFUSED);
    ck_assert_str_eq(err.native, "FAKE1");
    ck_assert_str_eq(err.cause, "node_info");
    ck_assert_str_eq(sink.version.number, "1.2.3");
    ck_assert_int_eq(sink.status, 0);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, NULL), REPLI_EREFUSED);

    open_with("{\"fail\":1}");
    take(REPLI__SINK_SHARDS);
    ck_assert_int_eq(repli__instance_shards(instance, &op, &sink, &err), REPLI_EINTERNAL);
    assert_says("shards returned 1");
    open_with("{\"version\":\"not a version\"}");
    take(REPLI__SINK_NODE);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_EINVALID);
    assert_says("version");
}
END_TEST

static int32_t silent_failure(void *self, repli_op *o, repli_sink *s, repli_error *e) {
    (void)self;
    (void)o;
    (void)s;
    (void)e;
    return REPLI_ELOST;
}

static int32_t silent_open(const repli_host *host, const char *config_json, size_t config_size,
                           void **ret_self, repli_error *e) {
    (void)host;
    (void)config_json;
    (void)config_size;
    (void)ret_self;
    (void)e;
    return REPLI_EIO;
}

/* Thinks that a code is all there is to an error. */
static int32_t wordless_failure(void *self, repli_op *o, repli_sink *s, repli_error *e) {
    e->code = REPLI_ELOST;
    return silent_failure(self, o, s, e);
}

START_TEST(silent_failures_are_explained) {
    table.driver.node_info = silent_failure;
    open_with("{}");
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_ELOST);
    assert_says("node_info failed (lost)");
    table.driver.node_info = wordless_failure;
    open_with("{}");
    take(REPLI__SINK_NODE);
    err = (repli_error)REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_ELOST);
    assert_says("node_info failed (lost)");
    table.driver.open = silent_open;
    repli__instance *other = NULL;
    ck_assert_int_eq(repli__instance_open(&table, NULL, 0, NULL, NULL, &other, &err), REPLI_EIO);
    assert_says("open failed (io)");
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(opens_only_with_a_good_configuration) {
    repli__instance *other = NULL;
    ck_assert_int_eq(
        repli__instance_open(&table, "{\"statsu\":\"x\"}", 14, NULL, NULL, &other, &err),
        REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "did you mean \"status\"?"));
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(deadline_and_cancellation_reach_the_driver) {
    open_with("{\"delay_ms\":600000}");
    op.deadline_ns = repli__deadline_ns(50);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_ETIMEOUT);
    take(REPLI__SINK_NODE);
    op.deadline_ns = UINT64_MAX;
    repli__instance_cancel(instance, &op);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_ECANCELLED);
}
END_TEST

static int cancelled_with;

static void count_cancel(void *self, repli_op *o) {
    (void)self;
    cancelled_with += atomic_load(&o->cancelled);
}

START_TEST(cancel_is_passed_on) {
    cancelled_with = 0;
    table.driver.cancel = count_cancel;
    open_with("{}");
    repli__instance_cancel(instance, &op);
    ck_assert_int_eq(cancelled_with, 1);
}
END_TEST

/* Actions. */

START_TEST(actions_are_described) {
    open_with("{}");
    take(REPLI__SINK_KINDS);
    ck_assert_int_eq(repli__instance_actions_describe(instance, &sink, &err), REPLI_OK);
    ck_assert_uint_eq(sink.kind_count, 5);
    ck_assert_str_eq(sink.kinds[0].kind, "fake.test/echo");
}
END_TEST

static int32_t validate(const char *kind, const char *args) {
    return repli__instance_action_validate(instance, kind, args, strlen(args), &err);
}

START_TEST(arguments_are_validated) {
    open_with("{}");
    ck_assert_int_eq(validate("fake.test/echo", "null"), REPLI_OK);
    ck_assert_int_eq(validate("fake.test/steps", "{\"steps\":3}"), REPLI_OK);
    ck_assert_int_eq(validate("fake.test/steps", "null"), REPLI_OK);
    ck_assert_int_eq(validate("fake.test/steps", "{\"steps\":0}"), REPLI_EINVALID);
    assert_says("steps");
    ck_assert_int_eq(validate("fake.test/steps", "{\"steps\":\"x\"}"), REPLI_EINVALID);
    ck_assert_int_eq(validate("fake.test/append", "{}"), REPLI_EINVALID);
    assert_says("file and id");
    ck_assert_int_eq(validate("fake.test/nothing", "{}"), REPLI_ENOTFOUND);
}
END_TEST

static int32_t do_step(repli_action *action, uint64_t number) {
    const repli_step step = {.struct_size = sizeof(step), .number = number, .action = action};
    take(REPLI__SINK_STEP);
    return repli__instance_action_step(instance, &op, &step, &sink, &err);
}

static repli_action action_of(const char *kind, const char *args) {
    return (repli_action){.struct_size = sizeof(repli_action),
                          .phase = REPLI_PHASE_RUNNING,
                          .id = "00000000-0000-4000-8000-000000000000",
                          .kind = kind,
                          .args_json = args,
                          .requester = "test"};
}

START_TEST(steps) {
    open_with("{}");
    repli_action action = action_of("fake.test/echo", "[1,2]");
    ck_assert_int_eq(do_step(&action, 0), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_DONE);
    ck_assert_str_eq(sink.outcome.payload_json, "[1,2]");

    action = action_of("fake.test/steps", "{\"steps\":2,\"pause_ms\":7}");
    ck_assert_int_eq(do_step(&action, 0), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_RUNNING);
    ck_assert_str_eq(sink.outcome.payload_json, "{\"step\":1,\"steps\":2}");
    ck_assert_int_eq(sink.outcome.next_step_ms, 7);
    action.payload_json = "{\"step\":1,\"steps\":2}";
    ck_assert_int_eq(do_step(&action, 1), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_DONE);

    action = action_of("fake.test/fail", "{\"error\":\"oh\",\"cause\":\"no\"}");
    ck_assert_int_eq(do_step(&action, 0), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_FAILED);
    ck_assert_str_eq(sink.outcome.error, "oh");
    ck_assert_str_eq(sink.outcome.error_cause, "no");
    action.args_json = "{\"code\":-10}";
    ck_assert_int_eq(do_step(&action, 0), REPLI_ECONFLICT);
    assert_says("told to fail");

    action = action_of("fake.test/slow", "{\"ms\":600000}");
    atomic_store(&op.cancelled, 1);
    ck_assert_int_eq(do_step(&action, 0), REPLI_ECANCELLED);
}
END_TEST

START_TEST(appends) {
    char path[] = "/tmp/repli-append-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    char args[200];
    snprintf(args, sizeof(args), "{\"file\":\"%s\",\"id\":\"a1\",\"steps\":2}", path);
    open_with("{}");
    repli_action action = action_of("fake.test/append", args);
    ck_assert_int_eq(do_step(&action, 0), REPLI_OK);
    action.payload_json = "{\"step\":1}";
    ck_assert_int_eq(do_step(&action, 1), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_DONE);
    char text[100] = "";
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    ck_assert_str_eq(text, "a1 1\na1 2\n");
    close(fd);
    unlink(path);
}
END_TEST

/* The fake's script is read anew at each call. */

static void write_text(const char *path, const char *text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

START_TEST(scripts) {
    char directory[] = "/tmp/repli-script-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(directory));
    char script[100];
    char calls[100];
    char config[300];
    snprintf(script, sizeof(script), "%s/script", directory);
    snprintf(calls, sizeof(calls), "%s/calls", directory);
    snprintf(config, sizeof(config), "{\"script\":\"%s\",\"calls_file\":\"%s\"}", script, calls);
    open_with(config);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_HEALTHY);
    write_text(script, "{\"status\":\"unknown\",\"reason\":\"script\",\"fail\":-3,"
                       "\"calls\":\"shards\"}");
    take(REPLI__SINK_NODE);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_UNKNOWN);
    take(REPLI__SINK_SHARDS);
    ck_assert_int_eq(repli__instance_shards(instance, &op, &sink, &err), REPLI_ELOST);
    char text[100] = "";
    const int fd = open(calls, O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    close(fd);
    ck_assert_str_eq(text, "node_info\nnode_info\nshards\n");
    unlink(script);
    unlink(calls);
    rmdir(directory);
}
END_TEST

/* The host table. */

static char logged[200];

static void keep_log(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)user_data;
    snprintf(logged, sizeof(logged), "%d %s %s", level, origin, message);
}

START_TEST(logs) {
    repli__log log;
    repli__log_init(&log);
    repli__log_set(&log, REPLI_LOG_INFO, keep_log, NULL);
    repli__host *host;
    ck_assert_int_eq(repli__host_new("driver.test", NULL, &log, &host, &err), REPLI_OK);
    const repli_host *functions = repli__host_table(host);
    functions->log(functions, REPLI_LOG_WARNING, "100%s \xFF two\nlines");
    ck_assert_str_eq(logged, "2 driver.test 100%s ? two lines");
    functions->log(functions, REPLI_LOG_DEBUG, "too much");
    functions->log(functions, REPLI_LOG_ERROR, NULL);
    ck_assert_str_eq(logged, "2 driver.test 100%s ? two lines");
    functions->log(functions, -7, "odd");
    ck_assert_str_eq(logged, "1 driver.test odd");
    repli__host_free(host);
    repli__host_free(NULL);
    repli__log_dispose(&log);
}
END_TEST

START_TEST(errors_from_drivers) {
    open_with("{}");
    const repli_host *host = repli__instance_host(instance);
    ck_assert_int_eq(host->error(host, &err, REPLI_EAUTH, "28P01", "no\xE9", "ca\xE9se"),
                     REPLI_EAUTH);
    ck_assert_str_eq(err.message, "no?");
    ck_assert_str_eq(err.cause, "ca?se");
    ck_assert_str_eq(err.native, "28P01");
    ck_assert_str_eq(err.origin, "driver.fake");
    ck_assert_int_eq(host->error(host, NULL, REPLI_EAUTH, NULL, NULL, NULL), REPLI_EAUTH);
    /* Reporting an error never looks like success. */
    ck_assert_int_eq(host->error(host, &err, REPLI_OK, NULL, "text", NULL), REPLI_EINTERNAL);
    ck_assert_int_eq(host->error(host, &err, REPLI_EIO, NULL, NULL, NULL), REPLI_EIO);
    ck_assert_str_eq(err.message, "io");
}
END_TEST

START_TEST(calls_without_an_op) {
    open_with("{}");
    const repli_host *host = repli__instance_host(instance);
    ck_assert_uint_eq(host->deadline_ns(NULL), UINT64_MAX);
    ck_assert_int_eq(host->cancelled(NULL), 0);
    ck_assert_ptr_null(host->running_action(NULL));
    op.running_action = "a.test/a";
    ck_assert_str_eq(host->running_action(&op), "a.test/a");
    ck_assert_int_eq(host->cancelled(&op), 0);
    op.deadline_ns = host->now_ns(host);
    ck_assert_int_ne(host->cancelled(&op), 0);
}
END_TEST

START_TEST(processes_through_the_host) {
    open_with("{}");
    const repli_host *host = repli__instance_host(instance);
    repli_command command = REPLI_COMMAND_INIT;
    ck_assert_int_eq(host->process_run(host, &op, &command, NULL, 0, NULL, &err), REPLI_EINVALID);
    ck_assert_str_eq(err.origin, "driver.fake");
    const char *const sleep[] = {"sleep", "100", NULL};
    command.argv = sleep;
    op.deadline_ns = repli__deadline_ns(100);
    ck_assert_int_eq(host->process_run(host, &op, &command, NULL, 0, NULL, &err), REPLI_ETIMEOUT);
}
END_TEST

START_TEST(reads_json) {
    static const char json[] = "{\"a\":{\"b\":[{\"c\":\"deep\"},7,true,null,1.5]},\"n\":-3,"
                               "\"t\":\"text\"}";
    const size_t size = sizeof(json) - 1;
    open_with("{}");
    const repli_host *host = repli__instance_host(instance);
    char text[10] = "before";
    int64_t number = 42;
    int32_t truth = 5;
    ck_assert_int_eq(host->json_string(host, json, size, "a.b.0.c", text, sizeof(text), &err),
                     REPLI_OK);
    ck_assert_str_eq(text, "deep");
    ck_assert_int_eq(host->json_integer(host, json, size, "a.b.1", &number, &err), REPLI_OK);
    ck_assert_int_eq(number, 7);
    ck_assert_int_eq(host->json_boolean(host, json, size, "a.b.2", &truth, &err), REPLI_OK);
    ck_assert_int_eq(truth, 1);

    static const char *const missing[] = {
        "x",    "a.x", "a.b.5", "a.b.-1",          "a.b.x", "a.b.3",    "t.x",
        "a.b.", ".a",  "a..b",  "a.b.00000000000", "n.0.0", "a.b.0.c.d"};
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        ck_assert_msg(host->json_integer(host, json, size, missing[i], &number, &err) ==
                          REPLI_ENOTFOUND,
                      "%s", missing[i]);
    ck_assert_int_eq(host->json_integer(host, json, size, "t", &number, &err), REPLI_EINVALID);
    assert_says("\"t\" is not an integer");
    ck_assert_int_eq(host->json_integer(host, json, size, "a.b.4", &number, &err), REPLI_EINVALID);
    ck_assert_int_eq(host->json_boolean(host, json, size, "n", &truth, &err), REPLI_EINVALID);
    ck_assert_int_eq(host->json_string(host, json, size, "n", text, sizeof(text), &err),
                     REPLI_EINVALID);
    ck_assert_int_eq(host->json_string(host, json, size, "t", text, 4, &err), REPLI_EFULL);
    ck_assert_int_eq(host->json_string(host, json, size, "t", text, 0, &err), REPLI_EFULL);
    ck_assert_int_eq(host->json_string(host, json, size - 1, "t", text, 9, &err), REPLI_EINVALID);
    ck_assert_ptr_null(strstr(err.message, "text"));
    ck_assert_int_eq(host->json_string(host, NULL, 0, "t", text, 9, &err), REPLI_EINVALID);
    ck_assert_str_eq(text, "deep"); /* untouched by what failed */
    ck_assert_int_eq(number, 7);
    ck_assert_int_eq(truth, 1);
    ck_assert_int_eq(host->json_integer(host, "12", 2, "", &number, &err), REPLI_OK);
    ck_assert_int_eq(number, 12);
    ck_assert_int_eq(host->json_string(host, json, size, "t", text, 5, NULL), REPLI_OK);
}
END_TEST

START_TEST(memory_that_runs_out) {
    failing memory;
    failing_init(&memory);
    int32_t code = REPLI_ENOMEM;
    for (size_t fail_at = 1; code != REPLI_OK; fail_at++) {
        ck_assert_uint_lt(fail_at, 100);
        failing_arm(&memory, fail_at, 0);
        repli__instance *opened = NULL;
        code = repli__instance_open(&table, "{}", 2, &memory.allocator, NULL, &opened, &err);
        ck_assert(code == REPLI_OK || code == REPLI_ENOMEM);
        ck_assert_int_eq(opened != NULL, code == REPLI_OK);
        repli__instance_close(opened);
        ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
    repli__host *host = NULL;
    failing_arm(&memory, 1, 0);
    ck_assert_int_eq(repli__host_new("test", &memory.allocator, NULL, &host, &err), REPLI_ENOMEM);
    ck_assert_ptr_null(host);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("instance");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, answers);
    tcase_add_test(tcase, defaults_come_from_the_keys);
    tcase_add_test(tcase, errors_are_explained);
    tcase_add_test(tcase, silent_failures_are_explained);
    tcase_add_test(tcase, opens_only_with_a_good_configuration);
    tcase_add_test(tcase, deadline_and_cancellation_reach_the_driver);
    tcase_add_test(tcase, cancel_is_passed_on);
    tcase_add_test(tcase, actions_are_described);
    tcase_add_test(tcase, arguments_are_validated);
    tcase_add_test(tcase, steps);
    tcase_add_test(tcase, appends);
    tcase_add_test(tcase, scripts);
    tcase_add_test(tcase, logs);
    tcase_add_test(tcase, errors_from_drivers);
    tcase_add_test(tcase, calls_without_an_op);
    tcase_add_test(tcase, processes_through_the_host);
    tcase_add_test(tcase, reads_json);
    tcase_add_test(tcase, memory_that_runs_out);
    Suite *suite = suite_create("instance");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
