#include "driver/check.h"

#include <stddef.h>
#include <string.h>

#include <replicante/model.h>

#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "driver/instance.h"
#include "model/doc.h"

#define ORIGIN "driver"

enum { STORE_ID_MAX = 64, SUMMARY_MAX = 200 };

int repli__driver_name_ok(const char *text, size_t size) {
    if (size == 0 || size > REPLI__DRIVER_NAME_MAX || text[0] < 'a' || text[0] > 'z')
        return 0;
    for (size_t i = 1; i < size; i++) {
        const char c = text[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return 0;
    }
    return 1;
}

/* Stubs for what a driver leaves out. The instance knows which driver that is, and says so. */

static int32_t no_actions_describe(void *self, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)sink;
    return repli__error(err, REPLI_ENOTSUP, ORIGIN, "this driver offers no actions");
}

static int32_t no_action_validate(void *self, const char *kind, const char *args_json,
                                  size_t args_size, repli_error *err) {
    (void)self;
    (void)kind;
    (void)args_json;
    (void)args_size;
    return repli__error(err, REPLI_ENOTSUP, ORIGIN, "this driver offers no actions");
}

static int32_t no_action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                              repli_error *err) {
    (void)self;
    (void)op;
    (void)step;
    (void)sink;
    return repli__error(err, REPLI_ENOTSUP, ORIGIN, "this driver offers no actions");
}

static int32_t no_action_plan(void *self, repli_op *op, const char *kind, const char *args_json,
                              size_t args_size, repli_sink *sink, repli_error *err) {
    (void)self;
    (void)op;
    (void)args_json;
    (void)args_size;
    (void)sink;
    return repli__error(err, REPLI_ENOTSUP, ORIGIN,
                        "this driver cannot tell the steps of %s in advance", kind);
}

static void no_cancel(void *self, repli_op *op) {
    (void)self;
    (void)op;
}

/* Checks, in the order in which a failure makes the next one meaningless. */

static int32_t check_layout(const repli_driver *driver, const char *name, repli_error *err) {
    const int has_version = driver->struct_size >= REPLI__SIZE_TO(repli_driver, abi_version);
    if (has_version && driver->abi_version != REPLI_DRIVER_ABI)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s speaks version %u of the driver interface, this library "
                            "speaks version %u: compile the driver with this library's headers",
                            name, (unsigned)driver->abi_version, REPLI_DRIVER_ABI);
    if (driver->struct_size < REPLI_DRIVER_V1_SIZE)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s has struct_size %u, but a table of interface version 1 has "
                            "at least %zu bytes: set it to sizeof(repli_driver)",
                            name, (unsigned)driver->struct_size, (size_t)REPLI_DRIVER_V1_SIZE);
    return REPLI_OK;
}

static int32_t check_name(const repli_driver *driver, const char *expected, repli_error *err) {
    if (driver->name == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "driver %s has no name in its table",
                            expected != NULL ? expected : "(unknown)");
    const size_t size = strnlen(driver->name, REPLI__DRIVER_NAME_MAX + 1);
    if (!repli__driver_name_ok(driver->name, size)) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "%s cannot be a driver's name: it must be a lower-case letter "
                            "followed by lower-case letters, digits and '_', %u bytes at most",
                            repli__utf8_quote(quote, driver->name), REPLI__DRIVER_NAME_MAX);
    }
    if (expected != NULL && strcmp(driver->name, expected) != 0)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "the file is for a driver called %s, but the table in it says %s",
                            expected, driver->name);
    return REPLI_OK;
}

static int32_t check_text(const char *text, size_t max, const char *name, const char *what,
                          repli_error *err) {
    if (text == NULL || text[0] == '\0')
        return repli__error(err, REPLI_EINVALID, ORIGIN, "driver %s has no %s", name, what);
    repli_error reason = REPLI_ERROR_INIT;
    if (repli__text_validate(text, max, what, &reason) != REPLI_OK)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "driver %s: %s", name, reason.message);
    return REPLI_OK;
}

static int32_t check_identity(const repli_driver *driver, repli_error *err) {
    if (driver->version == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "driver %s has no version", driver->name);
    repli_error reason = REPLI_ERROR_INIT;
    if (repli_semver_validate(driver->version, &reason) != REPLI_OK)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "version of driver %s: %s", driver->name,
                            reason.message);
    int32_t code = check_text(driver->store_id, STORE_ID_MAX, driver->name, "store_id", err);
    if (code == REPLI_OK)
        code = check_text(driver->summary, SUMMARY_MAX, driver->name, "summary", err);
    return code;
}

static int32_t missing_method(const repli_driver *driver, const char *method, repli_error *err) {
    return repli__error(err, REPLI_EABI, ORIGIN,
                        "driver %s lacks the method %s, which every driver "
                        "must have",
                        driver->name, method);
}

static int32_t check_methods(const repli_driver *driver, repli_error *err) {
    if (driver->open == NULL)
        return missing_method(driver, "open", err);
    if (driver->close == NULL)
        return missing_method(driver, "close", err);
    if (driver->node_info == NULL)
        return missing_method(driver, "node_info", err);
    if (driver->store_info == NULL)
        return missing_method(driver, "store_info", err);
    if (driver->shards == NULL)
        return missing_method(driver, "shards", err);
    return REPLI_OK;
}

static int32_t check_actions(const repli_driver *driver, int *ret_has_actions, repli_error *err) {
    const int describe = driver->actions_describe != NULL;
    const int validate = driver->action_validate != NULL;
    const int step = driver->action_step != NULL;
    if (describe != validate || validate != step)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s has only some of the methods for actions: it lacks%s%s%s; "
                            "they come together or not at all",
                            driver->name, describe ? "" : " actions_describe",
                            validate ? "" : " action_validate", step ? "" : " action_step");
    if (driver->action_plan != NULL && !describe)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s has the method action_plan but none of the others for "
                            "actions",
                            driver->name);
    *ret_has_actions = describe;
    return REPLI_OK;
}

static int32_t check_cancel(const repli_driver *driver, repli_error *err) {
    const int promised = (driver->capabilities & REPLI_CAP_CANCEL) != 0;
    if (promised && driver->cancel == NULL)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s sets REPLI_CAP_CANCEL but lacks the method cancel",
                            driver->name);
    if (!promised && driver->cancel != NULL)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s has the method cancel but does not set REPLI_CAP_CANCEL",
                            driver->name);
    return REPLI_OK;
}

static void fill_stubs(repli_driver *driver) {
    if (driver->actions_describe == NULL) {
        driver->actions_describe = no_actions_describe;
        driver->action_validate = no_action_validate;
        driver->action_step = no_action_step;
    }
    if (driver->action_plan == NULL)
        driver->action_plan = no_action_plan;
    if (driver->cancel == NULL)
        driver->cancel = no_cancel;
}

int32_t repli__driver_check(const repli_driver *driver, const char *name,
                            repli__driver_table *ret_table, repli_error *err) {
    if (driver == NULL)
        return repli__error(err, REPLI_EABI, ORIGIN, "driver %s has no table",
                            name != NULL ? name : "(unnamed)");
    int32_t code = check_layout(driver, name != NULL ? name : "(unnamed)", err);
    if (code != REPLI_OK)
        return code;

    repli__driver_table table = {0};
    repli__sized_copy(&table.driver, sizeof(table.driver), driver);

    code = check_name(&table.driver, name, err);
    if (code == REPLI_OK)
        code = check_identity(&table.driver, err);
    if (code == REPLI_OK)
        code = check_methods(&table.driver, err);
    if (code == REPLI_OK)
        code = check_actions(&table.driver, &table.has_actions, err);
    if (code == REPLI_OK)
        code = check_cancel(&table.driver, err);
    if (code == REPLI_OK)
        code = repli__driver_check_keys(table.driver.config_keys, table.driver.name, err);
    if (code != REPLI_OK)
        return code;
    fill_stubs(&table.driver);
    *ret_table = table;
    return REPLI_OK;
}

int32_t repli__driver_from_entry(repli_driver_entry_fn entry, const char *name,
                                 repli__driver_table *ret_table, repli_error *err) {
    if (entry == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "a driver's entry function is needed");
    const repli_driver *driver = entry(REPLI_DRIVER_ABI);
    if (driver == NULL)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s does not serve version %u of the driver interface, which "
                            "this library speaks: a newer driver or an older library may fit",
                            name != NULL ? name : "(unnamed)", REPLI_DRIVER_ABI);
    return repli__driver_check(driver, name, ret_table, err);
}
