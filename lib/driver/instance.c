#include "driver/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "driver/check.h"
#include "driver/host.h"

struct repli__instance {
    repli__host host;
    repli_driver driver;
    void *self;
};

static void make_text(char *text, size_t size) {
    text[size - 1] = '\0';
    repli__utf8_clean(text);
}

/* A driver may have written into the error itself, whatever it liked. */
static void make_proper(repli_error *error) {
    error->struct_size = sizeof(*error);
    make_text(error->native, sizeof(error->native));
    make_text(error->message, sizeof(error->message));
    make_text(error->cause, sizeof(error->cause));
}

/* How a method of the driver's ended: its code, made sense of, and an error that says whose it is.
 * error is what the driver filled, or did not. */
static int32_t conclude(const repli__instance *instance, const char *method, int32_t code,
                        repli_error *error, repli_error *err) {
    if (code == REPLI_OK)
        return REPLI_OK;
    make_proper(error);
    if (code > REPLI_OK)
        code = repli__error(error, REPLI_EINTERNAL, "",
                            "driver %s: %s returned %d, which is neither 0 nor an error code",
                            instance->driver.name, method, code);
    else if (error->message[0] == '\0')
        repli__error(error, code, "", "driver %s: %s failed (%s) and did not say why",
                     instance->driver.name, method, repli_error_name(code));
    error->code = code;
    repli__host_origin(&instance->host.table, code, error);
    return repli__error_copy(err, error);
}

int32_t repli__instance_open(const repli__driver_table *table, const char *config_json,
                             size_t config_size, const repli__mem *mem, repli__log *log,
                             repli__instance **ret_instance, repli_error *err) {
    if (mem == NULL)
        mem = &repli__mem_default;
    char *config;
    int32_t code =
        repli__driver_config_complete(&table->driver, config_json, config_size, &config, err);
    if (code != REPLI_OK)
        return code;
    repli__instance *instance = repli__calloc(mem, 1, sizeof(*instance));
    if (instance == NULL) {
        free(config);
        return repli__error_nomem(err, "driver", "opening a driver");
    }
    char origin[sizeof(instance->host.origin)];
    snprintf(origin, sizeof(origin), "driver.%.24s", table->driver.name);
    repli__host_init(&instance->host, origin, mem, log);
    instance->driver = table->driver;

    /* If it crashes or hangs, this is the last that is heard of it. */
    repli__log_printf(log, REPLI_LOG_INFO, origin, "opening version %s of the driver",
                      table->driver.version);
    repli_error error = REPLI_ERROR_INIT;
    code = instance->driver.open(&instance->host.table, config, strlen(config), &instance->self,
                                 &error);
    free(config);
    code = conclude(instance, "open", code, &error, err);
    if (code != REPLI_OK) {
        repli__free(mem, instance);
        return code;
    }
    *ret_instance = instance;
    return REPLI_OK;
}

void repli__instance_close(repli__instance *instance) {
    if (instance == NULL)
        return;
    instance->driver.close(instance->self);
    const repli__mem mem = instance->host.mem;
    repli__free(&mem, instance);
}

const repli_driver *repli__instance_driver(const repli__instance *instance) {
    return &instance->driver;
}

const repli_host *repli__instance_host(const repli__instance *instance) {
    return &instance->host.table;
}

/* For what the library found wrong, and not the driver. */
static void blame(const repli__instance *instance, const char *method, int32_t code,
                  repli_error *error) {
    const char *name = instance->driver.name;
    error->struct_size = sizeof(*error);
    if (strncmp(error->message, method, strlen(method)) == 0)
        repli__error_within(error, code, "driver %s", name);
    else
        repli__error_within(error, code, "driver %s: %s", name, method);
}

static int32_t finish(const repli__instance *instance, const char *method, repli_sink *sink,
                      int32_t code, repli_error *error, repli_error *err) {
    const int its_own = code < REPLI_OK && error->message[0] != '\0';
    code = repli__sink_finish(sink, code, error);
    repli__sink_close(sink);
    if (code != REPLI_OK && !its_own)
        blame(instance, method, code, error);
    return conclude(instance, method, code, error, err);
}

int32_t repli__instance_node_info(repli__instance *instance, repli_op *op, repli_sink *sink,
                                  repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = instance->driver.node_info(instance->self, op, sink, &error);
    return finish(instance, "node_info", sink, code, &error, err);
}

int32_t repli__instance_store_info(repli__instance *instance, repli_op *op, repli_sink *sink,
                                   repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = instance->driver.store_info(instance->self, op, sink, &error);
    return finish(instance, "store_info", sink, code, &error, err);
}

int32_t repli__instance_shards(repli__instance *instance, repli_op *op, repli_sink *sink,
                               repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = instance->driver.shards(instance->self, op, sink, &error);
    return finish(instance, "shards", sink, code, &error, err);
}

int32_t repli__instance_actions_describe(repli__instance *instance, repli_sink *sink,
                                         repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = instance->driver.actions_describe(instance->self, sink, &error);
    return finish(instance, "actions_describe", sink, code, &error, err);
}

int32_t repli__instance_action_validate(repli__instance *instance, const char *kind,
                                        const char *args_json, size_t args_size, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        instance->driver.action_validate(instance->self, kind, args_json, args_size, &error);
    return conclude(instance, "action_validate", code, &error, err);
}

int32_t repli__instance_action_step(repli__instance *instance, repli_op *op, const repli_step *step,
                                    repli_sink *sink, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = instance->driver.action_step(instance->self, op, step, sink, &error);
    return finish(instance, "action_step", sink, code, &error, err);
}

int32_t repli__instance_action_plan(repli__instance *instance, repli_op *op, const char *kind,
                                    const char *args_json, size_t args_size, repli_sink *sink,
                                    repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        instance->driver.action_plan(instance->self, op, kind, args_json, args_size, sink, &error);
    return finish(instance, "action_plan", sink, code, &error, err);
}

void repli__instance_cancel(repli__instance *instance, repli_op *op) {
    atomic_store(&op->cancelled, 1);
    instance->driver.cancel(instance->self, op);
}
