#ifndef REPLI_AGENT_CONFIG_H
#define REPLI_AGENT_CONFIG_H

#include <stdatomic.h>

#include <replicante/agent.h>

#include "base/mem.h"
#include "driver/instance.h"
#include "event/hook.h"

/* The keys of the library's own configuration, in the order of repli_config_keys(). */
enum {
    REPLI__KEY_NODE_ID,
    REPLI__KEY_STORE_PATH,
    REPLI__KEY_STORE_SYNCHRONOUS,
    REPLI__KEY_STORE_DAMAGED,
    REPLI__KEY_ACTIONS_CLEAN_AGE,
    REPLI__KEY_ACTIONS_EXECUTE_INTERVAL,
    REPLI__KEY_ACTIONS_QUEUE_LIMIT,
    REPLI__KEY_ACTIONS_STEP_TIMEOUT,
    REPLI__KEY_MAINTENANCE_ALLOWED,
    REPLI__KEY_ADDRESS_CLIENT,
    REPLI__KEY_ADDRESS_MEMBER,
    REPLI__KEY_EVENTS_CLEAN_AGE,
    REPLI__KEY_EVENTS_LIMIT,
    REPLI__KEY_OBSERVE_INTERVAL,
    REPLI__KEY_OBSERVE_TIMEOUT,
    REPLI__KEY_OBSERVE_BACKOFF_MAX,
    REPLI__KEY_SERVICE_UNIT,
    REPLI__KEY_SERVICE_PID,
    REPLI__KEY_SERVICE_START,
    REPLI__KEY_SERVICE_STOP,
    REPLI__KEY_SERVICE_TIMEOUT,
    REPLI__KEY_VERSION_COMMAND,
    REPLI__KEY_VERSION_FILE,
    REPLI__KEY_VERSION_FIXED,
    REPLI__KEY_VERSION_TIMEOUT,
    REPLI__KEY_COUNT
};

/* What a key is set to; which member counts is said by the key's type. */
typedef struct repli__config_value {
    int64_t integer; /* of integers and booleans */
    char *text;      /* of strings and choices; NULL if not set */
    char **strings;  /* of lists, NULL-terminated; NULL if not set */
} repli__config_value;

/* A kind of action of the host's own; the texts are owned. */
typedef struct repli__config_action {
    repli_action_kind kind;
    repli_action_validate_fn validate;
    repli_action_step_fn step;
    void *user_data;
} repli__config_action;

/* A kind of action that is done by commands; all of it is owned. */
typedef struct repli__config_external {
    char *kind;
    char *summary;
    char **action;
    char **check; /* or NULL */
    int64_t timeout_ms;
} repli__config_external;

/*
 * A host changes its configuration and frees it. An agent has a copy, which nobody changes any
 * more, and which whoever works by it keeps a reference to: a reload brings another.
 */
struct repli_config {
    atomic_uint references;
    repli__mem mem;
    repli__config_value values[REPLI__KEY_COUNT];

    int has_driver;
    repli__driver_table driver;
    char *driver_config; /* JSON; NULL: none was given */
    size_t driver_config_size;

    repli__config_action *actions;
    size_t action_count, action_capacity;
    repli__config_external *externals;
    size_t external_count, external_capacity;
    repli__hook *hooks;
    size_t hook_count, hook_capacity;

    int32_t run_mode;
    int32_t log_level;
    repli_log_fn log;
    void *log_data;
};

/* Index of a key by its name, -1 if there is none. */
int repli__config_find(const char *name);

int32_t repli__config_copy(const repli_config *config, repli_config **ret_copy, repli_error *err);
repli_config *repli__config_ref(repli_config *config);
void repli__config_unref(repli_config *config);

/* The driver's configuration as it is handed to the driver. */
const char *repli__config_driver_json(const repli_config *config, size_t *ret_size);

/* Lists of texts, NULL-terminated; NULL if there is none or, of a copy, out of memory. */
char **repli__config_strings_copy(const repli__mem *mem, const char *const *strings);
void repli__config_strings_free(const repli__mem *mem, char **strings);
int repli__config_strings_same(const char *const *a, const char *const *b);

/* config_hook.c: its part of a configuration. */
int32_t repli__config_hooks_copy(repli_config *copy, const repli_config *from);
void repli__config_hooks_free(repli_config *config);

/* config_external.c: its part of a configuration. */
int32_t repli__config_externals_copy(repli_config *copy, const repli_config *from);
void repli__config_externals_free(repli_config *config);
int repli__config_externals_same(const repli_config *a, const repli_config *b);

int64_t repli__config_integer(const repli_config *config, int key);
const char *repli__config_text(const repli_config *config, int key);
/* NULL-terminated, or NULL. */
const char *const *repli__config_strings(const repli_config *config, int key);

#endif
