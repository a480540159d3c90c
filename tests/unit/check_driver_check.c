#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/instance.h"

/* Each test spoils one thing about a driver that is fine otherwise. */

static int32_t good_open(const repli_host *host, const char *config_json, size_t config_size,
                         void **ret_self, repli_error *err) {
    (void)host;
    (void)config_json;
    (void)config_size;
    (void)ret_self;
    (void)err;
    return REPLI_OK;
}

static void good_close(void *self) {
    (void)self;
}

static int32_t good_info(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)op;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static int32_t good_describe(void *self, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static int32_t good_validate(void *self, const char *kind, const char *args_json, size_t args_size,
                             repli_error *err) {
    (void)self;
    (void)kind;
    (void)args_json;
    (void)args_size;
    (void)err;
    return REPLI_OK;
}

static int32_t good_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                         repli_error *err) {
    (void)self;
    (void)op;
    (void)step;
    (void)sink;
    (void)err;
    return REPLI_OK;
}

static void good_cancel(void *self, repli_op *op) {
    (void)self;
    (void)op;
}

static repli_driver driver;
static repli__driver_table table;
static repli_error err;

static void setup(void) {
    driver = (repli_driver){
        .struct_size = sizeof(repli_driver),
        .abi_version = REPLI_DRIVER_ABI,
        .name = "good",
        .version = "1.0.0",
        .store_id = "good.store",
        .summary = "A good driver",
        .open = good_open,
        .close = good_close,
        .node_info = good_info,
        .store_info = good_info,
        .shards = good_info,
    };
    memset(&table, 0, sizeof(table));
    err = (repli_error)REPLI_ERROR_INIT;
}

static void assert_rejected(int32_t code, const char *text) {
    const repli__driver_table before = table;
    const int32_t returned = repli__driver_check(&driver, "good", &table, &err);
    if (returned != code || strstr(err.message, text) == NULL)
        ck_abort_msg("expected %d and \"%s\": %d %s", code, text, returned, err.message);
    ck_assert_int_eq(err.code, code);
    ck_assert_str_eq(err.origin, "driver");
    ck_assert_mem_eq(&before, &table, sizeof(table));
    ck_assert_int_eq(repli__driver_check(&driver, "good", &table, NULL), code);
    setup();
}

START_TEST(accepts_good_ones) {
    ck_assert_int_eq(repli__driver_check(&driver, "good", &table, &err), REPLI_OK);
    ck_assert_int_eq(table.has_actions, 0);
    ck_assert(table.driver.actions_describe != NULL);
    ck_assert(table.driver.action_validate != NULL);
    ck_assert(table.driver.action_step != NULL);
    ck_assert(table.driver.cancel != NULL);
    ck_assert_int_eq(table.driver.action_step(NULL, NULL, NULL, NULL, &err), REPLI_ENOTSUP);
    ck_assert_int_eq(repli__driver_check(&driver, NULL, &table, NULL), REPLI_OK);

    driver.actions_describe = good_describe;
    driver.action_validate = good_validate;
    driver.action_step = good_step;
    driver.cancel = good_cancel;
    driver.capabilities = REPLI_CAP_CANCEL | UINT64_C(1) << 63;
    ck_assert_int_eq(repli__driver_check(&driver, "good", &table, &err), REPLI_OK);
    ck_assert_int_eq(table.has_actions, 1);
    ck_assert(table.driver.action_step == good_step);
    ck_assert(table.driver.cancel == good_cancel);
}
END_TEST

START_TEST(layout) {
    ck_assert_int_eq(repli__driver_check(NULL, "good", &table, &err), REPLI_EABI);
    ck_assert_ptr_nonnull(strstr(err.message, "no table"));
    driver.abi_version = 0;
    assert_rejected(REPLI_EABI, "version 0");
    driver.abi_version = 2;
    assert_rejected(REPLI_EABI, "version 2");
    driver.struct_size = 0;
    assert_rejected(REPLI_EABI, "struct_size 0");
    driver.struct_size = REPLI_DRIVER_V1_SIZE - 1;
    assert_rejected(REPLI_EABI, "sizeof(repli_driver)");
}
END_TEST

/* What lies behind the end that a driver names is not looked at. */
START_TEST(reads_no_further_than_the_driver_goes) {
    const size_t size = REPLI_DRIVER_V1_SIZE;
    void *small = malloc(size); /* a sanitizer sees what goes too far */
    ck_assert_ptr_nonnull(small);
    driver.struct_size = (uint32_t)size;
    memcpy(small, &driver, size);
    ck_assert_int_eq(repli__driver_check(small, "good", &table, &err), REPLI_OK);
    ck_assert_uint_eq(table.driver.struct_size, sizeof(repli_driver));
    free(small);

    uint32_t *smallest = malloc(sizeof(*smallest));
    ck_assert_ptr_nonnull(smallest);
    *smallest = sizeof(*smallest);
    ck_assert_int_eq(repli__driver_check((const repli_driver *)smallest, "good", &table, &err),
                     REPLI_EABI);
    ck_assert_ptr_nonnull(strstr(err.message, "struct_size 4"));
    free(smallest);
}
END_TEST

START_TEST(identity) {
    driver.name = NULL;
    assert_rejected(REPLI_EINVALID, "no name");
    static const char *const names[] = {"",      "Good", "9lives", "go-od", "go od",
                                        "_good", "gööd", "good\n", "good.x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        driver.name = names[i];
        assert_rejected(REPLI_EINVALID, "cannot be a driver's name");
    }
    driver.name = "abcdefghijklmnopqrstuvwxy";
    assert_rejected(REPLI_EINVALID, "24 bytes");
    driver.name = "better";
    assert_rejected(REPLI_EINVALID, "better");
    driver.version = NULL;
    assert_rejected(REPLI_EINVALID, "no version");
    driver.version = "1.0";
    assert_rejected(REPLI_EINVALID, "version of driver good");
    driver.version = "";
    assert_rejected(REPLI_EINVALID, "version of driver good");
    driver.store_id = NULL;
    assert_rejected(REPLI_EINVALID, "no store_id");
    driver.store_id = "";
    assert_rejected(REPLI_EINVALID, "no store_id");
    driver.store_id = "bell\a";
    assert_rejected(REPLI_EINVALID, "store_id");
    driver.summary = NULL;
    assert_rejected(REPLI_EINVALID, "no summary");
    driver.summary = "two\nlines";
    assert_rejected(REPLI_EINVALID, "summary");
}
END_TEST

START_TEST(methods) {
    driver.open = NULL;
    assert_rejected(REPLI_EABI, "lacks the method open");
    driver.close = NULL;
    assert_rejected(REPLI_EABI, "lacks the method close");
    driver.node_info = NULL;
    assert_rejected(REPLI_EABI, "lacks the method node_info");
    driver.store_info = NULL;
    assert_rejected(REPLI_EABI, "lacks the method store_info");
    driver.shards = NULL;
    assert_rejected(REPLI_EABI, "lacks the method shards");
}
END_TEST

START_TEST(actions_come_together) {
    driver.actions_describe = good_describe;
    assert_rejected(REPLI_EABI, "it lacks action_validate action_step;");
    driver.action_validate = good_validate;
    assert_rejected(REPLI_EABI, "it lacks actions_describe action_step;");
    driver.action_step = good_step;
    assert_rejected(REPLI_EABI, "it lacks actions_describe action_validate;");
    driver.action_validate = good_validate;
    driver.action_step = good_step;
    assert_rejected(REPLI_EABI, "it lacks actions_describe;");
    driver.actions_describe = good_describe;
    driver.action_step = good_step;
    assert_rejected(REPLI_EABI, "it lacks action_validate;");
    driver.actions_describe = good_describe;
    driver.action_validate = good_validate;
    assert_rejected(REPLI_EABI, "it lacks action_step;");
}
END_TEST

START_TEST(cancel_and_its_promise) {
    driver.capabilities = REPLI_CAP_CANCEL;
    assert_rejected(REPLI_EABI, "lacks the method cancel");
    driver.cancel = good_cancel;
    assert_rejected(REPLI_EABI, "does not set REPLI_CAP_CANCEL");
}
END_TEST

/* Configuration keys. */

static repli_config_key key;
static repli_config_key second;

static repli_config_key key_of(int32_t type, const char *name) {
    return (repli_config_key){
        .struct_size = sizeof(repli_config_key), .type = type, .name = name, .summary = "A key"};
}

static void reject_key(const char *text) {
    const repli_config_key *const keys[] = {&key, NULL};
    driver.config_keys = keys;
    assert_rejected(REPLI_EINVALID, text);
}

static void accept_key(void) {
    const repli_config_key *const keys[] = {&key, NULL};
    driver.config_keys = keys;
    ck_assert_msg(repli__driver_check(&driver, "good", &table, &err) == REPLI_OK, "%s",
                  err.message);
}

START_TEST(key_names) {
    static const char *const bad[] = {"",    "Port", "1port", "port.", ".port", "a.",  "a..b",
                                      "a b", "a-b",  "ä",     "_a",    "a._b",  "a\n", "a.1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        key = key_of(REPLI_CONFIG_STRING, bad[i]);
        reject_key("cannot be the name");
    }
    key = key_of(REPLI_CONFIG_STRING, NULL);
    reject_key("cannot be the name");
    char name[80];
    memset(name, 'a', sizeof(name));
    name[65] = '\0';
    key = key_of(REPLI_CONFIG_STRING, name);
    reject_key("64 bytes");
    name[64] = '\0';
    accept_key();
    key = key_of(REPLI_CONFIG_STRING, "service.start_2");
    accept_key();
    key.struct_size = 8;
    const repli_config_key *const keys[] = {&key, NULL};
    driver.config_keys = keys;
    assert_rejected(REPLI_EABI, "configuration key number 1 has struct_size 8");
}
END_TEST

START_TEST(key_types) {
    key = key_of(0, "a");
    reject_key("type");
    key = key_of(6, "a");
    reject_key("type");
    key = key_of(REPLI_CONFIG_STRING, "a");
    key.summary = NULL;
    reject_key("no summary");
    key = key_of(REPLI_CONFIG_INTEGER, "a");
    reject_key("without bounds");
    key.min = 5;
    key.max = 4;
    reject_key("min above its max");
    key = key_of(REPLI_CONFIG_CHOICE, "a");
    reject_key("needs choices");
    key.choices = "one||two";
    reject_key("needs choices");
    key.choices = "";
    reject_key("needs choices");
    key = key_of(REPLI_CONFIG_STRING, "a");
    key.choices = "one|two";
    reject_key("not of type choice");
    key = key_of(REPLI_CONFIG_BOOLEAN, "a");
    key.flags = REPLI_CONFIG_SECRET;
    reject_key("secret but not a string");
}
END_TEST

START_TEST(key_defaults) {
    key = key_of(REPLI_CONFIG_STRING, "a");
    key.default_text = "x";
    accept_key();
    key.flags = REPLI_CONFIG_REQUIRED;
    reject_key("required and yet");
    key.flags = REPLI_CONFIG_SECRET;
    reject_key("secret and yet");

    key = key_of(REPLI_CONFIG_INTEGER, "a");
    key.min = 1;
    key.max = 9;
    static const char *const bad_integers[] = {"", "one", "1x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad_integers) / sizeof(bad_integers[0]); i++) {
        key.default_text = bad_integers[i];
        reject_key("no integer");
    }
    key.default_text = "10";
    reject_key("out of bounds");
    key.default_text = "9";
    accept_key();

    key = key_of(REPLI_CONFIG_BOOLEAN, "a");
    key.default_text = "yes";
    reject_key("not true or false");
    key.default_text = "true";
    accept_key();

    key = key_of(REPLI_CONFIG_CHOICE, "a");
    key.choices = "one|two";
    key.default_text = "tw";
    reject_key("none of the choices");
    key.default_text = "two";
    accept_key();

    key = key_of(REPLI_CONFIG_STRINGS, "a");
    key.default_text = "ls -l";
    reject_key("no JSON list");
    key.default_text = "[\"ls\", 1]";
    reject_key("no JSON list");
    key.default_text = "[\"ls\", \"-l\"]";
    accept_key();
}
END_TEST

START_TEST(keys_among_each_other) {
    static const struct {
        const char *one, *other, *says;
        uint32_t flags;
    } cases[] = {
        {"a", "a", "\"a\" is declared twice", 0},
        {"a", "a.b", "\"a\" is a value and also a section", 0},
        {"a.b", "a", "\"a\" is a value and also a section", 0},
        {"a.b.c", "a.b", "\"a.b\" is a value and also a section", 0},
        {"a", "a_file", "\"a\" is secret", REPLI_CONFIG_SECRET},
        {"a_file", "a", "\"a\" is secret", REPLI_CONFIG_SECRET},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        key = key_of(REPLI_CONFIG_STRING, cases[i].one);
        second = key_of(REPLI_CONFIG_STRING, cases[i].other);
        key.flags = cases[i].flags;
        second.flags = cases[i].flags;
        const repli_config_key *const keys[] = {&key, &second, NULL};
        driver.config_keys = keys;
        assert_rejected(REPLI_EINVALID, cases[i].says);
    }
    key = key_of(REPLI_CONFIG_STRING, "ab");
    second = key_of(REPLI_CONFIG_STRING, "a");
    const repli_config_key *const keys[] = {&key, &second, NULL};
    driver.config_keys = keys;
    ck_assert_int_eq(repli__driver_check(&driver, "good", &table, &err), REPLI_OK);
}
END_TEST

START_TEST(endless_keys) {
    static char names[400][8];
    static repli_config_key many[400];
    static const repli_config_key *keys[401];
    for (size_t i = 0; i < 400; i++) {
        snprintf(names[i], sizeof(names[i]), "a%zu", i);
        many[i] = key_of(REPLI_CONFIG_STRING, names[i]);
        keys[i] = &many[i];
    }
    driver.config_keys = keys;
    assert_rejected(REPLI_EINVALID, "NULL at the end");
}
END_TEST

/* Entry functions. */

static const repli_driver *entry(uint32_t host_abi) {
    ck_assert_uint_eq(host_abi, REPLI_DRIVER_ABI);
    return &driver;
}

static const repli_driver *refusing_entry(uint32_t host_abi) {
    (void)host_abi;
    return NULL;
}

START_TEST(entries) {
    ck_assert_int_eq(repli__driver_from_entry(entry, NULL, &table, &err), REPLI_OK);
    ck_assert_int_eq(repli__driver_from_entry(entry, "good", &table, &err), REPLI_OK);
    ck_assert_int_eq(repli__driver_from_entry(entry, "bad", &table, &err), REPLI_EINVALID);
    ck_assert_int_eq(repli__driver_from_entry(NULL, NULL, &table, &err), REPLI_EINVALID);
    ck_assert_int_eq(repli__driver_from_entry(refusing_entry, "good", &table, &err), REPLI_EABI);
    ck_assert_ptr_nonnull(strstr(err.message, "driver good does not serve version 1"));
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("driver_check");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, accepts_good_ones);
    tcase_add_test(tcase, layout);
    tcase_add_test(tcase, reads_no_further_than_the_driver_goes);
    tcase_add_test(tcase, identity);
    tcase_add_test(tcase, methods);
    tcase_add_test(tcase, actions_come_together);
    tcase_add_test(tcase, cancel_and_its_promise);
    tcase_add_test(tcase, key_names);
    tcase_add_test(tcase, key_types);
    tcase_add_test(tcase, key_defaults);
    tcase_add_test(tcase, keys_among_each_other);
    tcase_add_test(tcase, endless_keys);
    tcase_add_test(tcase, entries);
    Suite *suite = suite_create("driver_check");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
