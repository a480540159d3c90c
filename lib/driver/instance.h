#ifndef REPLI_DRIVER_INSTANCE_H
#define REPLI_DRIVER_INSTANCE_H

#include <replicante/driver.h>

#include "base/log.h"
#include "base/mem.h"
#include "driver/op.h"
#include "driver/sink.h"

/*
 * A driver's table as the library uses it: checked, copied as far as both sides know it, and with a
 * stub behind every optional method that is missing, so that no caller tests a pointer.
 */
typedef struct repli__driver_table {
    repli_driver driver;
    int has_actions;
} repli__driver_table;

/* Check what an entry function returned. name: what the file is called, or NULL. Each way to be
 * wrong has a message of its own (REPLI_EABI or REPLI_EINVALID). */
int32_t repli__driver_check(const repli_driver *driver, const char *name,
                            repli__driver_table *ret_table, repli_error *err);
/* Call the entry function and check. */
int32_t repli__driver_from_entry(repli_driver_entry_fn entry, const char *name,
                                 repli__driver_table *ret_table, repli_error *err);
/* From driver_NAME.so in directory, or from an absolute path. Stays loaded. */
int32_t repli__driver_load(const char *name_or_path, const char *directory,
                           repli__driver_table *ret_table, repli_error *err);

/* Check a driver's configuration (JSON object) against its keys: unknown keys, types, bounds,
 * choices, required keys. */
int32_t repli__driver_config_check(const repli_driver *driver, const char *json, size_t size,
                                   repli_error *err);

/* An opened driver. One call at a time unless the driver is concurrent: the caller sees to it. */
typedef struct repli__instance repli__instance;

int32_t repli__instance_open(const repli__driver_table *table, const char *config_json,
                             size_t config_size, const repli__mem *mem, repli__log *log,
                             repli__instance **ret_instance, repli_error *err);
void repli__instance_close(repli__instance *instance);
const repli_driver *repli__instance_driver(const repli__instance *instance);
const repli_host *repli__instance_host(const repli__instance *instance);

/* The methods, with the sink finished after each: see repli__sink_finish(). err is always filled on
 * failure, even if the driver forgot to; its origin is "driver.NAME". */
int32_t repli__instance_node_info(repli__instance *instance, repli_op *op, repli_sink *sink,
                                  repli_error *err);
int32_t repli__instance_store_info(repli__instance *instance, repli_op *op, repli_sink *sink,
                                   repli_error *err);
int32_t repli__instance_shards(repli__instance *instance, repli_op *op, repli_sink *sink,
                               repli_error *err);
int32_t repli__instance_actions_describe(repli__instance *instance, repli_sink *sink,
                                         repli_error *err);
int32_t repli__instance_action_validate(repli__instance *instance, const char *kind,
                                        const char *args_json, size_t args_size, repli_error *err);
int32_t repli__instance_action_step(repli__instance *instance, repli_op *op, const repli_step *step,
                                    repli_sink *sink, repli_error *err);
int32_t repli__instance_action_plan(repli__instance *instance, repli_op *op, const char *kind,
                                    const char *args_json, size_t args_size, repli_sink *sink,
                                    repli_error *err);
/* Any thread: mark op as cancelled, and tell the driver if it can be told. */
void repli__instance_cancel(repli__instance *instance, repli_op *op);

/* A host table without a driver, for actions that the host itself registered. */
typedef struct repli__host repli__host;
int32_t repli__host_new(const char *origin, const repli__mem *mem, repli__log *log,
                        repli__host **ret_host, repli_error *err);
void repli__host_free(repli__host *host);
const repli_host *repli__host_table(const repli__host *host);

#endif
