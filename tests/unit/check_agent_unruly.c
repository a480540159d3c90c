/* run.sh timeout: 600 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_fixture.h"

/* A driver that does what none should: the agent goes on, and says which driver, which method and
 * what of it. */

static agent_fixture fixture;

static void setup(void) {
    agent_fixture_setup_quick(&fixture);
    agent_fixture_set(&fixture, "observe.timeout_ms", 200000);
    char path[512];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof(path), "%s/tests/plugins/driver_unruly.so",
             build != NULL ? build : "build");
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_config_load_driver(fixture.config, path, NULL, &error) == REPLI_OK, "%s",
                  error.message);
}

static void teardown(void) {
    agent_fixture_teardown(&fixture);
}

static int32_t make(const char *mode, repli_error *err) {
    char json[128];
    snprintf(json, sizeof(json), "{\"mode\":\"%s\"}", mode);
    ck_assert_int_eq(repli_config_set_driver_config(fixture.config, json, strlen(json), err),
                     REPLI_OK);
    return repli_agent_new(fixture.config, &fixture.agent, err);
}

static void start(const char *mode) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(make(mode, &error) == REPLI_OK, "%s: %s", mode, error.message);
    ck_assert_msg(repli_agent_start(fixture.agent, &error) == REPLI_OK, "%s: %s", mode,
                  error.message);
}

static repli_snapshot *await_observation(void) {
    repli_snapshot *snapshot = NULL;
    for (int64_t end = now_ms() + 200000; now_ms() < end; pause_ms(2)) {
        ck_assert_int_eq(repli_agent_snapshot(fixture.agent, &snapshot, NULL), REPLI_OK);
        const char *reason = repli_snapshot_node(snapshot)->status_reason;
        if (reason == NULL || strstr(reason, "observed yet") == NULL)
            return snapshot;
        repli_snapshot_unref(snapshot);
    }
    ck_abort_msg("the node was not observed");
    return NULL;
}

/* Where what is wrong is told. */
enum { NEW, STATUS, STORE, SHARDS, SCHEDULE, STEP };

typedef struct misdeed {
    const char *mode;
    int where;
    const char *words;
} misdeed;

static const misdeed misdeeds[] = {
    {"open:positive", NEW, "driver unruly: open returned 7, which is neither 0 nor"},
    {"open:silent", NEW, "driver unruly: open failed (unknown) and did not say why"},
    {"open:unended", NEW, "xxxx"},
    {"kind.kind:long", NEW, "driver unruly: actions_describe: kind of action: the name"},
    {"kind.kind:utf8", NEW, "driver unruly: actions_describe: kind of action: \"\?\?\" is not"},
    {"kind.kind:null", NEW, "driver unruly: actions_describe: kind of action"},
    {"kind.summary:null", NEW, "actions_describe: action kind \"unruly.test/act\" has no summary"},
    {"kind:twice", NEW, "driver unruly: actions_describe: action kind"},

    {"status:value", STATUS, "driver unruly: node_info: emit_status was given 77"},
    {"status:none", STATUS, "driver unruly: node_info succeeded without emitting a status"},
    {"status:unknown", STATUS, "driver unruly: node_info: emit_status was given UNKNOWN without"},
    {"version.number:long", STATUS, "driver unruly: node_info: store_version.number: \"xxx"},
    {"version.number:utf8", STATUS, "driver unruly: node_info: store_version.number: \"\?\?\""},
    {"version.number:null", STATUS, "driver unruly: node_info: store_version.number"},
    {"version:size", STATUS, "driver unruly: node_info: the store version has struct_size 5"},
    {"version:none", STATUS, "driver unruly: node_info: the store version is missing"},
    {"address.name:long", STATUS, "driver unruly: node_info: address: the name is longer"},
    {"address.name:utf8", STATUS, "driver unruly: node_info: address: the name is not UTF-8"},
    {"address.name:null", STATUS, "driver unruly: node_info: address: the name is missing"},
    {"address.address:control", STATUS, "node_info: address.client: the address contains the"},
    {"address:size", STATUS, "driver unruly: node_info: the address has struct_size 0"},
    {"attribute.name:long", STATUS, "driver unruly: node_info: attribute: the name"},
    {"attribute.name:null", STATUS, "driver unruly: node_info: attribute: the name is missing"},
    {"attribute.string:long", STATUS, "node_info: attribute unruly.test/a: the string is longer"},
    {"attribute.string:null", STATUS, "node_info: attribute unruly.test/a: the string is missing"},
    {"attribute.string:utf8", STATUS, "node_info: attribute unruly.test/a: the string is not"},
    {"attribute:type", STATUS, "node_info: attribute unruly.test/a: the type 77 is not known"},
    {"attribute:nan", STATUS, "node_info: attribute unruly.test/a: the number is not finite"},
    {"attribute:infinite", STATUS, "node_info: attribute unruly.test/a: the number is not finite"},
    {"attribute:reserved", STATUS, "node_info: attribute agent.replicante.io/mine: names under"},
    {"node_info:positive", STATUS, "driver unruly: node_info returned 2147483647"},
    {"node_info:silent", STATUS, "driver unruly: node_info failed (unknown) and did not say why"},
    {"node_info:unended", STATUS, "xxxx"},
    {"node_info:sink", STATUS, "node_info: emit_cluster_id may not be called in node_info"},
    {"node_info:endless", STATUS, "driver unruly: node_info: the attribute is missing"},
    /* Text for people is not worth losing a status for. */
    {"reason:long", STATUS, "xxxx"},
    {"reason:utf8", STATUS, "\?\?"},
    {"reason:control", STATUS, "a [2J b"},

    {"store_info:late", STORE, "driver unruly: store_info failed (state) and did not say why"},
    {"cluster_id:long", STORE, "driver unruly: store_info: the cluster id is longer than 1024"},
    {"cluster_id:utf8", STORE, "driver unruly: store_info: the cluster id is not UTF-8"},
    {"cluster_id:null", STORE, "driver unruly: store_info: the cluster id is missing"},
    {"cluster_id:empty", STORE, "driver unruly: store_info: the cluster id is empty"},

    {"shard.id:long", SHARDS, "driver unruly: shards: shard: the id is longer"},
    {"shard.id:null", SHARDS, "driver unruly: shards: shard: the id is missing"},
    {"shard.id:control", SHARDS, "driver unruly: shards: shard: the id contains the control"},
    {"shard.unit:utf8", SHARDS, "shards: shard \"s\": commit_offset.unit is not UTF-8"},
    {"shard:role", SHARDS, "driver unruly: shards: shard \"s\": role -9 is not known"},
    {"shard:twice", SHARDS, "driver unruly: shards: shard \"s\" was emitted twice"},
    {"shard:endless", SHARDS, "shards: emit_shard was called for more than 4194304 records"},

    {"action_validate:positive", SCHEDULE, "driver unruly: action_validate returned 3"},
    {"action_validate:silent", SCHEDULE, "driver unruly: action_validate failed (auth)"},

    {"action_step:positive", STEP, "driver unruly: action_step returned 3"},
    {"outcome:phase", STEP, "driver unruly: action_step: emit_outcome was given phase -2147483648"},
    {"outcome:unbalanced", STEP, "driver unruly: action_step: payload is not valid JSON"},
    {"outcome:failed", STEP, "driver unruly: action_step: emit_outcome was given FAILED without"},
    {"outcome:size", STEP, "action_step: emit_outcome was given a record with struct_size 8"},
    {"payload:long", STEP, "driver unruly: action_step: payload is longer than 1048576 bytes"},
    {"payload:utf8", STEP, "driver unruly: action_step: payload is not valid JSON"},
    {"payload:empty", STEP, "driver unruly: action_step: payload is empty"},
};

enum { MISDEEDS = sizeof(misdeeds) / sizeof(misdeeds[0]) };

static void expect(const misdeed *done, const char *text) {
    ck_assert_msg(text != NULL && strstr(text, done->words) != NULL, "%s: \"%s\" is not in: %s",
                  done->mode, done->words, text != NULL ? text : "nothing");
}

/* What the snapshot says, which is always proper JSON. */
static void look_at_snapshot(const misdeed *done) {
    repli_snapshot *snapshot = await_observation();
    repli_error store = REPLI_ERROR_INIT;
    repli_error shards = REPLI_ERROR_INIT;
    repli_snapshot_store_json(snapshot, NULL, &store);
    repli_snapshot_shards_json(snapshot, NULL, &shards);
    if (done->where == STATUS)
        expect(done, repli_snapshot_node(snapshot)->status_reason);
    if (done->where == STORE)
        expect(done, store.message);
    if (done->where == SHARDS)
        expect(done, shards.message);
    const char *json = repli_snapshot_node_json(snapshot, NULL);
    repli_doc *doc = NULL;
    const repli_node *node = NULL;
    ck_assert_int_eq(repli_node_from_json(json, strlen(json), &doc, &node, NULL), REPLI_OK);
    repli_doc_free(doc);
    repli_snapshot_unref(snapshot);
}

static void act(const misdeed *done) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "unruly.test/act";
    char id[REPLI_UUID_SIZE];
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_schedule(fixture.agent, &request, id, &error);
    if (done->where == SCHEDULE) {
        ck_assert_int_eq(code, REPLI_EINVALID);
        expect(done, error.message);
        return;
    }
    ck_assert_msg(code == REPLI_OK, "%s: %s", done->mode, error.message);
    const int32_t phase = agent_fixture_await_end(&fixture, id);
    ck_assert_int_eq(phase, done->where == STEP ? REPLI_PHASE_FAILED : REPLI_PHASE_DONE);
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
    if (done->where == STEP)
        expect(done, action->error_json);
    repli_doc_free(doc);
}

START_TEST(what_is_wrong_is_told) {
    const misdeed *done = &misdeeds[_i];
    if (done->where == NEW) {
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_lt(make(done->mode, &error), REPLI_OK);
        expect(done, error.message);
        ck_assert_ptr_null(fixture.agent);
        return;
    }
    start(done->mode);
    look_at_snapshot(done);
    act(done);
}
END_TEST

/* Odd, but no nonsense. */
START_TEST(what_is_allowed_is_taken) {
    static const char *const modes[] = {"status:thread", "version.checkout:control", "shard:offset",
                                        "shard:lag", "payload:null"};
    start(modes[_i]);
    repli_snapshot *snapshot = await_observation();
    repli_error error = REPLI_ERROR_INIT;
    const char *json = repli_snapshot_shards_json(snapshot, NULL, &error);
    ck_assert_msg(json != NULL, "%s: %s", modes[_i], error.message);
    ck_assert_int_ne(repli_snapshot_node(snapshot)->status, REPLI_STATUS_UNKNOWN);
    repli_snapshot_unref(snapshot);
    act(&(misdeed){modes[_i], STATUS, ""});
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("agent unruly");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_is_wrong_is_told, 0, MISDEEDS);
    tcase_add_loop_test(tcase, what_is_allowed_is_taken, 0, 5);
    Suite *suite = suite_create("agent unruly");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
