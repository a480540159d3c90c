#include "agent/config.h"

#include <string.h>

#define KEY(type, flags, name, default_text, choices, min, max, summary)                           \
    {                                                                                              \
        (uint32_t)sizeof(repli_config_key), type, flags, 0, name, default_text, choices, min, max, \
            summary                                                                                \
    }
#define STRING(name, default_text, summary)                                                        \
    KEY(REPLI_CONFIG_STRING, 0, name, default_text, NULL, 0, 0, summary)
#define INTEGER(name, default_text, min, max, summary)                                             \
    KEY(REPLI_CONFIG_INTEGER, 0, name, default_text, NULL, min, max, summary)

enum { DAY_S = 24 * 3600, HOUR_MS = 3600 * 1000 };

static const repli_config_key node_id =
    KEY(REPLI_CONFIG_STRING, REPLI_CONFIG_REQUIRED, "node_id", NULL, NULL, 0, 0,
        "name of this node, unique within its cluster");

static const repli_config_key store_path =
    STRING("store_path", "agent.db", "file of the database of actions; made if it is missing");
static const repli_config_key store_synchronous =
    KEY(REPLI_CONFIG_CHOICE, 0, "store_synchronous", "full", "full|normal", 0, 0,
        "full: an accepted action survives a power cut; normal: faster, and it survives a crash");

static const repli_config_key store_damaged =
    KEY(REPLI_CONFIG_CHOICE, 0, "store_damaged", "refuse", "refuse|set_aside", 0, 0,
        "what to do at the start if the database is damaged: refuse, or rename it and begin anew");

static const repli_config_key actions_clean_age =
    INTEGER("actions.clean_age", "14", 0, 36500,
            "days after which a finished action is forgotten; 0: never");
static const repli_config_key actions_execute_interval =
    INTEGER("actions.execute_interval", "10", 1, 3600,
            "longest pause, in seconds, between two steps of an action that asks for none");
static const repli_config_key actions_queue_limit =
    INTEGER("actions.queue_limit", "10000", 1, INT64_C(1000000000),
            "most actions that may wait; more are refused");
static const repli_config_key actions_step_timeout =
    INTEGER("actions.step_timeout", "60", 1, DAY_S, "seconds that one step of an action may take");

static const repli_config_key maintenance_allowed =
    KEY(REPLI_CONFIG_STRINGS, 0, "maintenance.allowed_actions", NULL, NULL, 0, 0,
        "kinds of action that run during maintenance; one that ends with * is the beginning of "
        "several");

static const repli_config_key address_client =
    STRING("address.client", NULL,
           "address at which clients reach the store; wins over what the store says");
static const repli_config_key address_member =
    STRING("address.member", NULL,
           "address at which members of the cluster reach the store; wins over what it says");

static const repli_config_key events_clean_age =
    INTEGER("events.clean_age", "14", 0, 36500,
            "days after which an event is forgotten, if its action is not before; 0: never");
static const repli_config_key events_limit = INTEGER(
    "events.limit", "1000000", 1000, INT64_C(1000000000), "most events that are kept, the newest");

static const repli_config_key observe_interval =
    INTEGER("observe.interval_ms", "1000", 1, HOUR_MS, "milliseconds between two observations");
static const repli_config_key observe_timeout =
    INTEGER("observe.timeout_ms", "2000", 1, HOUR_MS,
            "milliseconds an observation may take before the node counts as unavailable");
static const repli_config_key observe_backoff_max =
    INTEGER("observe.backoff_max_ms", "5000", 1, HOUR_MS,
            "most milliseconds between two observations while the store cannot be asked");

static const repli_config_key service_unit =
    STRING("service.unit", NULL, "systemd unit that is the store, to be started and stopped");
static const repli_config_key service_pid =
    KEY(REPLI_CONFIG_STRINGS, 0, "service.pid", NULL, NULL, 0, 0,
        "command that prints the number of the store's process, or fails while it is stopped");
static const repli_config_key service_start =
    KEY(REPLI_CONFIG_STRINGS, 0, "service.start", NULL, NULL, 0, 0,
        "command that starts the store and returns");
static const repli_config_key service_stop =
    KEY(REPLI_CONFIG_STRINGS, 0, "service.stop", NULL, NULL, 0, 0, "command that stops the store");
static const repli_config_key service_timeout =
    INTEGER("service.timeout_ms", "60000", 1, DAY_S * 1000,
            "milliseconds that the store may take to start, and to stop");

static const repli_config_key version_command =
    KEY(REPLI_CONFIG_STRINGS, 0, "version.command", NULL, NULL, 0, 0,
        "command that prints the store's version while the store is down");
static const repli_config_key version_file =
    STRING("version.file", NULL, "file with the store's version, for when the command fails");
static const repli_config_key version_fixed =
    STRING("version.fixed", NULL, "the store's version, for when nothing else tells it");
static const repli_config_key version_timeout = INTEGER(
    "version.timeout_ms", "5000", 1, 60 * 1000, "milliseconds that version.command may take");

static const repli_config_key *const keys[REPLI__KEY_COUNT + 1] = {
    [REPLI__KEY_NODE_ID] = &node_id,
    [REPLI__KEY_STORE_PATH] = &store_path,
    [REPLI__KEY_STORE_SYNCHRONOUS] = &store_synchronous,
    [REPLI__KEY_STORE_DAMAGED] = &store_damaged,
    [REPLI__KEY_ACTIONS_CLEAN_AGE] = &actions_clean_age,
    [REPLI__KEY_ACTIONS_EXECUTE_INTERVAL] = &actions_execute_interval,
    [REPLI__KEY_ACTIONS_QUEUE_LIMIT] = &actions_queue_limit,
    [REPLI__KEY_ACTIONS_STEP_TIMEOUT] = &actions_step_timeout,
    [REPLI__KEY_MAINTENANCE_ALLOWED] = &maintenance_allowed,
    [REPLI__KEY_ADDRESS_CLIENT] = &address_client,
    [REPLI__KEY_ADDRESS_MEMBER] = &address_member,
    [REPLI__KEY_EVENTS_CLEAN_AGE] = &events_clean_age,
    [REPLI__KEY_EVENTS_LIMIT] = &events_limit,
    [REPLI__KEY_OBSERVE_INTERVAL] = &observe_interval,
    [REPLI__KEY_OBSERVE_TIMEOUT] = &observe_timeout,
    [REPLI__KEY_OBSERVE_BACKOFF_MAX] = &observe_backoff_max,
    [REPLI__KEY_SERVICE_UNIT] = &service_unit,
    [REPLI__KEY_SERVICE_PID] = &service_pid,
    [REPLI__KEY_SERVICE_START] = &service_start,
    [REPLI__KEY_SERVICE_STOP] = &service_stop,
    [REPLI__KEY_SERVICE_TIMEOUT] = &service_timeout,
    [REPLI__KEY_VERSION_COMMAND] = &version_command,
    [REPLI__KEY_VERSION_FILE] = &version_file,
    [REPLI__KEY_VERSION_FIXED] = &version_fixed,
    [REPLI__KEY_VERSION_TIMEOUT] = &version_timeout,
    [REPLI__KEY_COUNT] = NULL,
};

const repli_config_key *const *repli_config_keys(void) {
    return keys;
}

int repli__config_find(const char *name) {
    for (int i = 0; i < REPLI__KEY_COUNT; i++)
        if (strcmp(keys[i]->name, name) == 0)
            return i;
    return -1;
}
