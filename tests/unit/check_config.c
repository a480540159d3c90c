#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "agent/config.h"
#include "agent_fixture.h"
#include "store_fixture.h"

static repli_config *config;
static repli_error error;

static void setup(void) {
    error = (repli_error)REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_config_new(NULL, &config, NULL), REPLI_OK);
}

static void teardown(void) {
    repli_config_free(config);
}

static void assert_said(const char *text) {
    ck_assert_msg(strstr(error.message, text) != NULL, "\"%s\" is not in: %s", text, error.message);
}

START_TEST(every_key_explains_itself) {
    const repli_config_key *const *keys = repli_config_keys();
    int count = 0;
    for (; keys[count] != NULL; count++) {
        const repli_config_key *key = keys[count];
        ck_assert_uint_eq(key->struct_size, sizeof(repli_config_key));
        ck_assert_ptr_nonnull(key->summary);
        ck_assert_int_eq(repli__config_find(key->name), count);
        for (int other = 0; other < count; other++)
            ck_assert_str_ne(keys[other]->name, key->name);
        if (key->type == REPLI_CONFIG_INTEGER) {
            ck_assert_int_lt(key->min, key->max);
            ck_assert_int_eq(
                repli_config_set_int(config, key->name, strtoll(key->default_text, NULL, 10), NULL),
                REPLI_OK);
        } else if (key->default_text != NULL) {
            ck_assert_int_eq(repli_config_set_str(config, key->name, key->default_text, NULL),
                             REPLI_OK);
        }
    }
    ck_assert_int_eq(count, REPLI__KEY_COUNT);
}
END_TEST

START_TEST(defaults_are_those_that_operators_know) {
    ck_assert_str_eq(repli__config_text(config, REPLI__KEY_STORE_PATH), "agent.db");
    ck_assert_int_eq(repli__config_integer(config, REPLI__KEY_ACTIONS_CLEAN_AGE), 14);
    ck_assert_int_eq(repli__config_integer(config, REPLI__KEY_ACTIONS_EXECUTE_INTERVAL), 10);
    ck_assert_ptr_null(repli__config_text(config, REPLI__KEY_NODE_ID));
    ck_assert_ptr_null(repli__config_strings(config, REPLI__KEY_VERSION_COMMAND));
}
END_TEST

START_TEST(unknown_keys_are_refused) {
    ck_assert_int_eq(repli_config_set_str(config, "node_ids", "x", &error), REPLI_EINVALID);
    assert_said("node_ids");
    ck_assert_int_eq(repli_config_set_int(config, NULL, 1, &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_bool(config, "http.bind", 1, NULL), REPLI_EINVALID);
}
END_TEST

START_TEST(wrong_types_are_refused) {
    const char *const strings[] = {"a"};
    ck_assert_int_eq(repli_config_set_int(config, "node_id", 1, &error), REPLI_EINVALID);
    assert_said("\"node_id\" must be a string, not an integer");
    ck_assert_int_eq(repli_config_set_str(config, "actions.clean_age", "1", &error),
                     REPLI_EINVALID);
    assert_said("must be an integer, not a string");
    ck_assert_int_eq(repli_config_set_strs(config, "store_path", strings, 1, &error),
                     REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "version.command", "postgres", &error),
                     REPLI_EINVALID);
    assert_said("must be a list of strings, not a string");
    ck_assert_int_eq(repli_config_set_bool(config, "node_id", 1, &error), REPLI_EINVALID);
}
END_TEST

START_TEST(integers_have_bounds) {
    ck_assert_int_eq(repli_config_set_int(config, "observe.timeout_ms", 0, &error), REPLI_EINVALID);
    assert_said("within 1 and 3600000, not 0");
    ck_assert_int_eq(repli_config_set_int(config, "observe.timeout_ms", INT64_MIN, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_int(config, "observe.timeout_ms", INT64_MAX, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(repli__config_integer(config, REPLI__KEY_OBSERVE_TIMEOUT), 2000);
    ck_assert_int_eq(repli_config_set_int(config, "observe.timeout_ms", 1, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_int(config, "observe.timeout_ms", 3600000, NULL), REPLI_OK);
    ck_assert_int_eq(repli__config_integer(config, REPLI__KEY_OBSERVE_TIMEOUT), 3600000);
}
END_TEST

START_TEST(texts_are_checked) {
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "", &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "node_id", NULL, &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "a\nb", &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "\xff", &error), REPLI_EINVALID);
    char longest[2000];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    ck_assert_int_eq(repli_config_set_str(config, "node_id", longest, &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "store_path", longest, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(config, "store_synchronous", "ful", &error),
                     REPLI_EINVALID);
    assert_said("full|normal");
    ck_assert_int_eq(repli_config_set_str(config, "store_synchronous", "full|normal", NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "store_synchronous", "normal", NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(config, "version.fixed", "none", &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_str(config, "version.fixed", "15", NULL), REPLI_OK);
}
END_TEST

START_TEST(a_failed_setter_changes_nothing) {
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "one", NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "", NULL), REPLI_EINVALID);
    ck_assert_str_eq(repli__config_text(config, REPLI__KEY_NODE_ID), "one");
    const char *const good[] = {"postgres", "--version"};
    const char *const bad[] = {"postgres", NULL};
    ck_assert_int_eq(repli_config_set_strs(config, "version.command", good, 2, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_strs(config, "version.command", bad, 2, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_strs(config, "version.command", good, 0, NULL),
                     REPLI_EINVALID);
    const char *const *command = repli__config_strings(config, REPLI__KEY_VERSION_COMMAND);
    ck_assert_str_eq(command[1], "--version");
    ck_assert_ptr_null(command[2]);
}
END_TEST

START_TEST(the_driver_checks_its_configuration) {
    static const char json[] = "{\"status\": \"healthy\", \"password\": \"hunter2\"}";
    ck_assert_ptr_null(repli_config_driver(config));
    ck_assert_int_eq(repli_config_set_driver_config(config, json, strlen(json), &error),
                     REPLI_ESTATE);
    ck_assert_int_eq(repli_config_set_driver(config, NULL, &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_driver(config, repli_driver_fake_entry, NULL), REPLI_OK);
    ck_assert_str_eq(repli_config_driver(config)->name, "fake");
    ck_assert_int_eq(repli_config_set_driver_config(config, json, strlen(json), NULL), REPLI_OK);
    static const char wrong[] = "{\"password\": 4711}";
    ck_assert_int_eq(repli_config_set_driver_config(config, wrong, strlen(wrong), &error),
                     REPLI_EINVALID);
    assert_said("password");
    ck_assert_ptr_null(strstr(error.message, "4711"));
    size_t size = 0;
    ck_assert_str_eq(repli__config_driver_json(config, &size), json);
    ck_assert_uint_eq(size, strlen(json));
}
END_TEST

START_TEST(another_driver_needs_another_configuration) {
    static const char json[] = "{\"status\": \"healthy\"}";
    ck_assert_int_eq(repli_config_set_driver(config, repli_driver_fake_entry, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_driver_config(config, json, strlen(json), NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_driver(config, repli_driver_fake_entry, NULL), REPLI_OK);
    size_t size = 0;
    ck_assert_str_eq(repli__config_driver_json(config, &size), "{}");
}
END_TEST

START_TEST(a_driver_that_is_not_there_is_named) {
    ck_assert_int_ne(repli_config_load_driver(config, "nosuch", "/nowhere", &error), REPLI_OK);
    assert_said("/nowhere");
    ck_assert_int_eq(repli_config_load_driver(config, NULL, NULL, &error), REPLI_EINVALID);
    ck_assert_ptr_null(repli_config_driver(config));
}
END_TEST

static int32_t no_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    return REPLI_OK;
}

START_TEST(actions_of_the_host_have_a_domain_of_their_own) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.summary = "Do it";
    static const struct {
        const char *kind;
        int32_t code;
    } cases[] = {{"example.com/do", REPLI_OK},
                 {"example.com/do", REPLI_ECONFLICT},
                 {"agent.replicante.io/do", REPLI_EINVALID},
                 {"nodomain", REPLI_EINVALID},
                 {NULL, REPLI_EINVALID}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kind.kind = cases[i].kind;
        ck_assert_int_eq(repli_config_add_action(config, &kind, NULL, no_step, NULL, NULL),
                         cases[i].code);
    }
    kind.kind = "example.com/other";
    ck_assert_int_eq(repli_config_add_action(config, &kind, NULL, NULL, NULL, NULL),
                     REPLI_EINVALID);
    kind.summary = NULL;
    ck_assert_int_eq(repli_config_add_action(config, &kind, NULL, no_step, NULL, NULL),
                     REPLI_EINVALID);
    kind.summary = "Do it";
    kind.struct_size = 4;
    ck_assert_int_eq(repli_config_add_action(config, &kind, NULL, no_step, NULL, NULL),
                     REPLI_EINVALID);
    ck_assert_uint_eq(config->action_count, 1);
}
END_TEST

START_TEST(log_levels_are_checked) {
    ck_assert_int_eq(repli_config_set_log(config, 0, NULL, NULL, &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_log(config, 5, NULL, NULL, &error), REPLI_EINVALID);
    ck_assert_int_eq(repli_config_set_log(config, REPLI_LOG_DEBUG, NULL, NULL, NULL), REPLI_OK);
}
END_TEST

START_TEST(half_an_allocator_is_refused) {
    repli_allocator allocator = {.struct_size = sizeof(allocator)};
    repli_config *none = NULL;
    ck_assert_int_eq(repli_config_new(&allocator, &none, &error), REPLI_EINVALID);
    ck_assert_ptr_null(none);
}
END_TEST

static int32_t build_and_copy(const repli_allocator *allocator) {
    repli_config *built = NULL;
    repli_config *copy = NULL;
    const char *const command[] = {"a", "b", "c"};
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/do";
    kind.summary = "Do it";
    kind.arguments = "none";
    int32_t code = repli_config_new(allocator, &built, NULL);
    if (code == REPLI_OK)
        code = repli_config_set_str(built, "node_id", "node", NULL);
    if (code == REPLI_OK)
        code = repli_config_set_strs(built, "version.command", command, 3, NULL);
    if (code == REPLI_OK)
        code = repli_config_set_driver(built, repli_driver_fake_entry, NULL);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(built, "{}", 2, NULL);
    if (code == REPLI_OK)
        code = repli_config_add_action(built, &kind, NULL, no_step, NULL, NULL);
    if (code == REPLI_OK)
        code = repli__config_copy(built, &copy, NULL);
    repli_config_free(built);
    if (code == REPLI_OK) {
        ck_assert_str_eq(repli__config_text(copy, REPLI__KEY_NODE_ID), "node");
        ck_assert_str_eq(repli__config_strings(copy, REPLI__KEY_VERSION_COMMAND)[2], "c");
        ck_assert_str_eq(copy->actions[0].kind.arguments, "none");
        ck_assert_str_eq(copy->driver_config, "{}");
        ck_assert_str_eq(repli_config_driver(copy)->name, "fake");
    }
    repli_config_free(copy);
    return code;
}

START_TEST(every_failed_allocation_is_reported) {
    failing memory;
    int32_t code = REPLI_ENOMEM;
    long i = 0;
    for (; code != REPLI_OK; i++) {
        failing_init(&memory);
        failing_arm(&memory, (size_t)i + 1, 1);
        code = build_and_copy(&memory.allocator);
        ck_assert_int_eq(code, code == REPLI_OK ? REPLI_OK : REPLI_ENOMEM);
        ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
    ck_assert_int_gt(i, 10);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_key_explains_itself);
    tcase_add_test(tcase, defaults_are_those_that_operators_know);
    tcase_add_test(tcase, unknown_keys_are_refused);
    tcase_add_test(tcase, wrong_types_are_refused);
    tcase_add_test(tcase, integers_have_bounds);
    tcase_add_test(tcase, texts_are_checked);
    tcase_add_test(tcase, a_failed_setter_changes_nothing);
    tcase_add_test(tcase, the_driver_checks_its_configuration);
    tcase_add_test(tcase, another_driver_needs_another_configuration);
    tcase_add_test(tcase, a_driver_that_is_not_there_is_named);
    tcase_add_test(tcase, actions_of_the_host_have_a_domain_of_their_own);
    tcase_add_test(tcase, log_levels_are_checked);
    tcase_add_test(tcase, half_an_allocator_is_refused);
    tcase_add_test(tcase, every_failed_allocation_is_reported);
    Suite *suite = suite_create("config");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
