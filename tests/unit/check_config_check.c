#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/check.h"
#include "driver/instance.h"

#define KEY(key_type, key_name, ...)                                                               \
    {                                                                                              \
        .struct_size = sizeof(repli_config_key), .type = key_type, .name = key_name,               \
        .summary = "A key", __VA_ARGS__                                                            \
    }

static const repli_config_key keys[] = {
    KEY(REPLI_CONFIG_STRING, "host", .flags = REPLI_CONFIG_REQUIRED),
    KEY(REPLI_CONFIG_INTEGER, "port", .default_text = "5432", .min = 1, .max = 65535),
    KEY(REPLI_CONFIG_BOOLEAN, "tls", .default_text = "true"),
    KEY(REPLI_CONFIG_CHOICE, "mode", .choices = "fast|safe", .default_text = "safe"),
    KEY(REPLI_CONFIG_STRING, "password", .flags = REPLI_CONFIG_SECRET),
    KEY(REPLI_CONFIG_STRINGS, "service.start", .default_text = "[\"systemctl\", \"start\"]"),
    KEY(REPLI_CONFIG_STRING, "service.user.name", .default_text = "nobody"),
    KEY(REPLI_CONFIG_INTEGER, "offset", .min = INT64_MIN, .max = INT64_MAX),
};

static const repli_config_key *const list[] = {&keys[0], &keys[1], &keys[2], &keys[3], &keys[4],
                                               &keys[5], &keys[6], &keys[7], NULL};

static repli_driver driver = {.name = "db", .config_keys = list};
static repli_error err;

static void setup(void) {
    driver.config_keys = list;
    err = (repli_error)REPLI_ERROR_INIT;
}

static void accept(const char *json) {
    ck_assert_msg(repli__driver_config_check(&driver, json, strlen(json), &err) == REPLI_OK, "%s",
                  err.message);
}

static void reject(const char *json, const char *text) {
    ck_assert_int_eq(repli__driver_config_check(&driver, json, strlen(json), &err), REPLI_EINVALID);
    ck_assert_int_eq(err.code, REPLI_EINVALID);
    if (strstr(err.message, text) == NULL)
        ck_abort_msg("\"%s\" is not in: %s", text, err.message);
    ck_assert_ptr_nonnull(strstr(err.message, "driver db"));
    ck_assert_int_eq(repli__driver_config_check(&driver, json, strlen(json), NULL), REPLI_EINVALID);
}

START_TEST(accepts) {
    accept("{\"host\":\"h\"}");
    accept("{\"host\":\"h\",\"port\":1,\"tls\":false,\"mode\":\"fast\",\"password\":\"p\","
           "\"service\":{\"start\":[],\"user\":{\"name\":\"x\"}},\"offset\":-9223372036854775808}");
    accept("{\"host\":\"h\",\"service\":{}}");
    accept("  {\"host\":\"\"}  ");
}
END_TEST

START_TEST(not_json) {
    reject("", "not valid JSON");
    reject("{", "line 1");
    reject("{\"host\":\"h\"}}", "not valid JSON");
    reject("[]", "must be an object");
    reject("\"host\"", "must be an object");
    reject("null", "must be an object");
    reject("{\"host\":\"h\",\"host\":\"g\"}", "twice");
    reject("{\"host\":\"\xFF\"}", "not valid JSON");
    static char huge[2 << 20];
    memset(huge, ' ', sizeof(huge));
    ck_assert_int_eq(repli__driver_config_check(&driver, huge, sizeof(huge), &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "more than"));
}
END_TEST

START_TEST(types) {
    reject("{\"host\":1}", "\"host\" must be a string");
    reject("{\"host\":null}", "\"host\" must be a string");
    reject("{\"host\":\"h\",\"port\":\"1\"}", "\"port\" must be an integer from 1 to 65535");
    reject("{\"host\":\"h\",\"port\":1.5}", "\"port\" must be an integer");
    reject("{\"host\":\"h\",\"port\":0}", "\"port\" is 0, but must be from 1 to 65535");
    reject("{\"host\":\"h\",\"port\":65536}", "\"port\" is 65536");
    reject("{\"host\":\"h\",\"tls\":\"true\"}", "\"tls\" must be true or false");
    reject("{\"host\":\"h\",\"tls\":1}", "\"tls\" must be true or false");
    reject("{\"host\":\"h\",\"mode\":\"slow\"}",
           "\"mode\" is \"slow\", but must be one of fast|safe");
    reject("{\"host\":\"h\",\"mode\":\"fast|safe\"}", "must be one of");
    reject("{\"host\":\"h\",\"mode\":\"\"}", "must be one of");
    reject("{\"host\":\"h\",\"mode\":true}", "must be one of");
    reject("{\"host\":\"h\",\"service\":{\"start\":\"run\"}}",
           "\"service.start\" must be a list of strings");
    reject("{\"host\":\"h\",\"service\":{\"start\":[\"run\",1]}}",
           "\"service.start\" must be a list");
    reject("{\"host\":\"h\",\"service\":[]}", "\"service\" is a section");
    reject("{\"host\":\"h\",\"service\":{\"user\":\"x\"}}", "\"service.user\" is a section");
}
END_TEST

START_TEST(unknown_keys) {
    reject("{\"host\":\"h\",\"prot\":1}", "\"prot\" is not known: did you mean \"port\"?");
    reject("{\"host\":\"h\",\"Port\":1}", "did you mean \"port\"?");
    reject("{\"host\":\"h\",\"pasword\":\"x\"}", "did you mean \"password\"?");
    reject("{\"host\":\"h\",\"service\":{\"strat\":[]}}",
           "\"service.strat\" is not known: did you mean \"service.start\"?");
    reject("{\"host\":\"h\",\"start\":[]}", "did you mean \"service.start\"?");
    reject("{\"host\":\"h\",\"service.start\":[]}", "must be written as a section");
    reject("{\"host\":\"h\",\"completely_different\":1}", "is not known");
    ck_assert_ptr_null(strstr(err.message, "did you mean"));
    reject("{\"host\":\"h\",\"\":1}", "\"\" is not known");
    reject("{\"host\":\"h\",\"a\\nb\\u001b[31m\":1}", "a b [31m");
    /* Far too long a name, and far too deep a section. */
    char json[3000] = "{\"host\":\"h\",\"";
    memset(json + strlen(json), 'k', 2000);
    memcpy(json + strlen(json), "\":1}", 5);
    reject(json, "is not known");
    reject("{\"host\":\"h\",\"service\":{\"service\":{\"service\":{\"service\":{}}}}}",
           "\"service.service\" is not known");
}
END_TEST

START_TEST(required_keys) {
    reject("{}", "\"host\" is missing (A key)");
    ck_assert_int_eq(repli__driver_config_check(&driver, NULL, 0, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "\"host\" is missing"));
}
END_TEST

START_TEST(drivers_without_keys) {
    static const repli_config_key *const none[] = {NULL};
    const repli_config_key *const *without[] = {NULL, none};
    for (size_t i = 0; i < 2; i++) {
        driver.config_keys = without[i];
        accept("{}");
        ck_assert_int_eq(repli__driver_config_check(&driver, NULL, 0, &err), REPLI_OK);
        reject("{\"host\":1}", "takes no configuration");
    }
}
END_TEST

/* Whatever is wrong, the message never shows a secret. */
START_TEST(secrets_stay_secret) {
    static const char *const configs[] = {
        "{\"host\":\"h\",\"password\":[\"hunter2\"]}",
        "{\"host\":\"h\",\"password\":{\"hunter2\":1}}",
        "{\"host\":\"h\",\"password\":\"hunter2\" \"hunter2\"}",
        "{\"host\":\"h\",\"password\":hunter2}",
        "{\"host\":\"h\",\"password\":\"hunter2",
        "{\"password\":\"hunter2\"}",
        "{\"host\":\"h\",\"pasword\":\"hunter2\"}",
    };
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        reject(configs[i], "configuration");
        ck_assert_ptr_null(strstr(err.message, "hunter2"));
        ck_assert_ptr_null(strstr(err.cause, "hunter2"));
        ck_assert_ptr_null(strstr(err.native, "hunter2"));
    }
}
END_TEST

static void assert_completed(const char *json, const char *expected) {
    char *completed = NULL;
    ck_assert_int_eq(repli__driver_config_complete(&driver, json, json != NULL ? strlen(json) : 0,
                                                   &completed, &err),
                     REPLI_OK);
    ck_assert_str_eq(completed, expected);
    free(completed);
}

START_TEST(fills_in_defaults) {
    assert_completed("{\"host\":\"h\"}",
                     "{\"host\":\"h\",\"port\":5432,\"tls\":true,\"mode\":\"safe\",\"service\":"
                     "{\"start\":[\"systemctl\",\"start\"],\"user\":{\"name\":\"nobody\"}}}");
    assert_completed("{\"service\":{\"user\":{\"name\":\"me\"}},\"tls\":false,\"host\":\"h\"}",
                     "{\"service\":{\"user\":{\"name\":\"me\"},\"start\":[\"systemctl\","
                     "\"start\"]},\"tls\":false,\"host\":\"h\",\"port\":5432,\"mode\":\"safe\"}");
    driver.config_keys = NULL;
    assert_completed(NULL, "{}");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("config_check");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, accepts);
    tcase_add_test(tcase, not_json);
    tcase_add_test(tcase, types);
    tcase_add_test(tcase, unknown_keys);
    tcase_add_test(tcase, required_keys);
    tcase_add_test(tcase, drivers_without_keys);
    tcase_add_test(tcase, secrets_stay_secret);
    tcase_add_test(tcase, fills_in_defaults);
    Suite *suite = suite_create("config_check");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
