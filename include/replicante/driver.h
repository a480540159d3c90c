#ifndef REPLICANTE_DRIVER_H
#define REPLICANTE_DRIVER_H

/*
 * The driver ABI: all that a driver for a datastore needs. A driver is one folder, links nothing
 * of the library, and exports one function:
 *
 *     const repli_driver *repli_driver_NAME_entry(uint32_t host_abi);
 *
 * It works the same linked into a host, or loaded from a file called driver_NAME.so. See
 * replicante-driver(7), and drivers/template for the smallest one.
 *
 * Rules:
 * - A driver has no state but what open() returns; it keeps no globals that change.
 * - Pointers given to a method die when it returns, but for the host table, which outlives the
 *   instance. Pointers given to the host are copied before it returns.
 * - An instance gets one call at a time, unless REPLI_CAP_CONCURRENT is set. The library may open
 *   several instances: one to observe and one to act.
 * - Each call has a deadline and must return by it. One that does not makes the node Unavailable,
 *   and no second call is started until it returns.
 * - Nothing may unwind through the library: no C++ exception, no longjmp.
 * - A driver installs no signal handler, prints nothing, does not change locale, directory or
 *   environment, and marks its descriptors close-on-exec.
 *
 * Structures only grow at their end; each begins with its size as the side that made it knows it.
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>
#include <replicante/log.h>
#include <replicante/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Changes only when an old driver could no longer be used. */
#define REPLI_DRIVER_ABI 1u

/** One call in progress: its deadline and whether it was cancelled. */
typedef struct repli_op repli_op;

/** Takes what a call has to say. */
typedef struct repli_sink repli_sink;

/** What a driver says about its behaviour that pointers cannot. Unknown bits are ignored. */
#define REPLI_CAP_CONCURRENT (UINT64_C(1) << 0) /**< calls on one instance may run at once */
#define REPLI_CAP_CANCEL (UINT64_C(1) << 1)     /**< cancel() makes a running call return soon */

/* Configuration. */

/** Type of a configuration value. */
enum {
    REPLI_CONFIG_STRING = 1,
    REPLI_CONFIG_INTEGER = 2, /**< within min and max */
    REPLI_CONFIG_BOOLEAN = 3,
    REPLI_CONFIG_STRINGS = 4, /**< list of strings, such as a command and its arguments */
    REPLI_CONFIG_CHOICE = 5   /**< one of the words in choices */
};

#define REPLI_CONFIG_REQUIRED (1u << 0)
/** Never shown or logged. A program that reads files also accepts NAME_file: the value is then the
 *  content of that file, without the newline at its end. */
#define REPLI_CONFIG_SECRET (1u << 1)

/** One key of a configuration, so that mistakes are found before anything starts. */
typedef struct repli_config_key {
    uint32_t struct_size;
    int32_t type; /**< REPLI_CONFIG_* */
    uint32_t flags;
    uint32_t reserved;
    const char *name;         /**< dots lead into sections, as in "service.start" */
    const char *default_text; /**< as it would be written; NULL if there is none */
    const char *choices;      /**< for REPLI_CONFIG_CHOICE: words separated by '|' */
    int64_t min;              /**< for REPLI_CONFIG_INTEGER */
    int64_t max;
    const char *summary; /**< one line for people, with the unit */
} repli_config_key;

/* Actions. */

/* How actions of a kind may be ended before they end by themselves. Without any of these one that
 * runs cannot be cancelled, and at its deadline the library gives it up, its effect unknown. */

/** Between two steps is a safe point: the library may end the action there. */
#define REPLI_KIND_CANCEL_BETWEEN_STEPS (1u << 0)
/** The kind knows REPLI_STEP_CANCELLED: it is given a step to end the action in, or not. */
#define REPLI_KIND_CANCEL_BY_STEP (1u << 1)
/** An action that was interrupted is not resumed, but ends so: its steps cannot be repeated. */
#define REPLI_KIND_NO_RESUME (1u << 2)

/** A kind of action that a driver offers. */
typedef struct repli_action_kind {
    uint32_t struct_size;
    uint32_t flags; /**< REPLI_KIND_* */
    /** "domain/name". Of replicante.io's names only agent.replicante.io/cluster.init, .add, .join
     *  and .remove may be used; everything else belongs to a domain of the driver's own. */
    const char *kind;
    const char *summary;   /**< one line for people */
    const char *arguments; /**< for people: the arguments and what they mean; may be NULL */
} repli_action_kind;

#define REPLI_ACTION_KIND_INIT                                                                     \
    { (uint32_t)sizeof(repli_action_kind), 0, NULL, NULL, NULL }

/** The agent stopped, or the action's deadline came, while a step of this action ran: that step may
 *  or may not have happened. */
#define REPLI_STEP_INTERRUPTED (1u << 0)
/**
 * For REPLI_KIND_CANCEL_BY_STEP: the action is to end. The kind ends it at a safe point, undoing
 * what it has begun if it can: it emits FAILED, or returns REPLI_ECANCELLED, and says what it left
 * behind. Or it carries on: emits RUNNING or DONE. Without REPLI_STEP_DEADLINE all steps from now
 * on have this flag.
 */
#define REPLI_STEP_CANCELLED (1u << 1)
/** Beside it: because the action's deadline has passed. This is the last step there is, and has ten
 *  seconds; if it ends neither way, the effect of the action is unknown. */
#define REPLI_STEP_DEADLINE (1u << 2)

/** What action_step() is given. */
typedef struct repli_step {
    uint32_t struct_size;
    uint32_t flags;             /**< REPLI_STEP_* */
    uint64_t number;            /**< steps of this action that have been recorded so far */
    const repli_action *action; /**< as recorded, without history; payload_json is what the
                                     previous step left */
} repli_step;

/**
 * What a step says. Without one the action is RUNNING with the payload it had.
 * DONE and FAILED end the action; RUNNING asks for another step.
 */
typedef struct repli_outcome {
    uint32_t struct_size;
    int32_t phase;            /**< REPLI_PHASE_RUNNING, _DONE or _FAILED */
    const char *payload_json; /**< JSON text; NULL keeps the payload */
    const char *error;        /**< for FAILED: what went wrong, for people */
    const char *error_cause;  /**< for FAILED: the root cause, or NULL */
    /** For RUNNING: milliseconds until the next step. Negative leaves it to the library: at once
     *  while the payload changes, and more and more slowly while it does not. */
    int64_t next_step_ms;
    /** For RUNNING: what the action waits for, for people, such as "the replica to catch up"; or
     *  NULL. The library puts it into the payload, an object, as "waiting_for", and as "since" when
     *  the action began to wait for that. */
    const char *waiting_for;
} repli_outcome;

#define REPLI_OUTCOME_INIT                                                                         \
    { (uint32_t)sizeof(repli_outcome), REPLI_PHASE_RUNNING, NULL, NULL, NULL, -1, NULL }

/** What this does cannot be taken back: data, or a role, may be lost. */
#define REPLI_PLAN_DESTRUCTIVE (1u << 0)

/** Something that an action would do now; see action_plan(). */
typedef struct repli_plan_step {
    uint32_t struct_size;
    uint32_t flags;        /**< REPLI_PLAN_* */
    const char *summary;   /**< one line for people: "promote this standby" */
    const char *command;   /**< how: a command or a statement without secrets; or NULL */
    const char *waits_for; /**< what would then be waited for: "the end of recovery"; or NULL */
} repli_plan_step;

#define REPLI_PLAN_STEP_INIT                                                                       \
    { (uint32_t)sizeof(repli_plan_step), 0, NULL, NULL, NULL }

/* Processes. */

/** A command to run: no shell, a process group of its own, no descriptors but 0, 1 and 2. */
typedef struct repli_command {
    uint32_t struct_size;
    uint32_t reserved;
    const char *const *argv; /**< NULL-terminated; argv[0] is a path, or looked up in PATH */
    const char *const *env;  /**< "NAME=value" added to the agent's own; NULL-terminated, or NULL */
    const char *directory;   /**< to run in; NULL for the agent's own */
    const char *input;       /**< given on standard input, which is empty if NULL */
    size_t input_size;
    /** File that standard output and error are appended to. For process_run NULL means captured,
     *  for process_start NULL means thrown away. */
    const char *output_path;
} repli_command;

#define REPLI_COMMAND_INIT                                                                         \
    { (uint32_t)sizeof(repli_command), 0, NULL, NULL, NULL, NULL, 0, NULL }

enum {
    REPLI_PROCESS_RUNNING = 1,
    REPLI_PROCESS_EXITED = 2, /**< exit_code is known */
    REPLI_PROCESS_GONE = 3    /**< ended, but this agent was not its parent, so nobody knows how */
};

/** A started process, safe to write down and to find again after the agent was restarted. */
typedef struct repli_process {
    uint32_t struct_size;
    int32_t state; /**< REPLI_PROCESS_* */
    int64_t pid;
    uint64_t start_time; /**< clock ticks since boot; tells a recycled pid from the real one */
    int32_t exit_code;   /**< 0 to 255, or 128 + the signal that ended it */
    int32_t reserved;
} repli_process;

#define REPLI_PROCESS_INIT                                                                         \
    { (uint32_t)sizeof(repli_process), 0, 0, 0, 0, 0 }

/* What the library offers to a driver. */

typedef struct repli_host repli_host;

/**
 * The host table, handed to open(). All functions are thread-safe unless they take a sink, which
 * belongs to the call it was given to. None may be called in a child made by fork(); a driver runs
 * programs by process_run() and process_start(). Functions that return int32_t return REPLI_OK or
 * REPLI_E*; when one that takes a sink fails, stop and return its code.
 */
struct repli_host {
    uint32_t struct_size;
    uint32_t abi_version; /**< REPLI_DRIVER_ABI of the library */

    /** Log one line of UTF-8 text at a REPLI_LOG_* level. */
    void (*log)(const repli_host *host, int32_t level, const char *message);

    /** The agent's memory. As malloc, realloc and free. */
    void *(*alloc)(const repli_host *host, size_t size);
    void *(*resize)(const repli_host *host, void *ptr, size_t size);
    void (*release)(const repli_host *host, void *ptr);

    /** Monotonic clock (CLOCK_MONOTONIC) in nanoseconds: what deadlines are measured in. */
    uint64_t (*now_ns)(const repli_host *host);
    /** Absolute monotonic deadline of the call in nanoseconds. */
    uint64_t (*deadline_ns)(const repli_op *op);
    /** Not 0 once the call should be given up: it was cancelled, or its deadline has passed. Cheap:
     *  ask at every turn of a loop. */
    int32_t (*cancelled)(const repli_op *op);
    /** Kind of the action that runs on this agent now, or NULL. Valid until the call returns. */
    const char *(*running_action)(const repli_op *op);

    /** Fill err (may be NULL) and return code. native and cause may be NULL. */
    int32_t (*error)(const repli_host *host, repli_error *err, int32_t code, const char *native,
                     const char *message, const char *cause);

    /*
     * Emitting. Each record is checked and copied. Names and units have at most 255 bytes, ids and
     * addresses 1,024, none of them control characters; the text of an attribute has at most 65,536
     * bytes and a payload 1,048,576. All is UTF-8, and what is not so is refused. Text for people
     * (reasons, errors, summaries) is cut at 1,000 bytes and made proper UTF-8 instead.
     */

    /** node_info: the status (REPLI_STATUS_*). reason is needed for UNKNOWN and wanted for
     *  UNAVAILABLE and UNHEALTHY, else NULL. */
    int32_t (*emit_status)(repli_sink *sink, int32_t status, const char *reason);
    /** node_info: the store's version, if it could be asked. */
    int32_t (*emit_version)(repli_sink *sink, const repli_store_version *version);
    /** node_info: an address, of at most 64; the last one of a name wins, and what the
     * configuration names wins over it. */
    int32_t (*emit_address)(repli_sink *sink, const repli_address *address);
    /** node_info and store_info: an attribute, of at most 1,024; the last one of a name wins. */
    int32_t (*emit_attribute)(repli_sink *sink, const repli_attribute *attribute);
    /** store_info: the cluster's id, the same on every node of it. */
    int32_t (*emit_cluster_id)(repli_sink *sink, const char *cluster_id);
    /** shards: one shard, of at most 4,194,304; an id given twice is refused. */
    int32_t (*emit_shard)(repli_sink *sink, const repli_shard *shard);
    /** actions_describe: one kind of action, of at most 256. */
    int32_t (*emit_action_kind)(repli_sink *sink, const repli_action_kind *kind);
    /** action_step: the outcome of the step; the last one wins. */
    int32_t (*emit_outcome)(repli_sink *sink, const repli_outcome *outcome);

    /** Run a command until it ends or the call's deadline or cancellation, when its process group
     *  is killed and REPLI_ETIMEOUT or REPLI_ECANCELLED returned. What it wrote goes,
     * NUL-terminated and cut if need be, into output[output_size] (may be NULL, 0). A command that
     * ran returns REPLI_OK, whatever its exit code. */
    int32_t (*process_run)(const repli_host *host, const repli_op *op, const repli_command *command,
                           char *output, size_t output_size, int32_t *ret_exit_code,
                           repli_error *err);
    /** Start a command and leave it running; it survives the agent. */
    int32_t (*process_start)(const repli_host *host, const repli_command *command,
                             repli_process *ret_process, repli_error *err);
    /** Bring process->state up to date from pid and start_time. */
    int32_t (*process_poll)(const repli_host *host, repli_process *process, repli_error *err);
    /** Send a signal to the process group of a process that still runs; REPLI_ENOTFOUND if it does
     *  not. */
    int32_t (*process_signal)(const repli_host *host, const repli_process *process,
                              int32_t signal_number, repli_error *err);

    /*
     * Reading JSON, so that a driver needs no parser of its own: its configuration, arguments,
     * payloads. path names a member, with dots into objects and numbers into lists, as in
     * "nodes.0.name"; "" is the whole. REPLI_ENOTFOUND: nothing there, or null. REPLI_EINVALID: not
     * JSON, or a value of another type. The result is untouched unless REPLI_OK is returned, so
     * that it may hold a default.
     */

    /** A string, NUL-terminated; REPLI_EFULL if it does not fit into text_size. */
    int32_t (*json_string)(const repli_host *host, const char *json, size_t size, const char *path,
                           char *ret_text, size_t text_size, repli_error *err);
    int32_t (*json_integer)(const repli_host *host, const char *json, size_t size, const char *path,
                            int64_t *ret_value, repli_error *err);
    /** 0 or 1. */
    int32_t (*json_boolean)(const repli_host *host, const char *json, size_t size, const char *path,
                            int32_t *ret_value, repli_error *err);

    /** action_plan: a step, of at most 1,024, in the order in which they would be done. */
    int32_t (*emit_plan_step)(repli_sink *sink, const repli_plan_step *step);
    /* The table grows here. */
};

/* What a driver offers to the library. */

typedef struct repli_driver {
    uint32_t struct_size;  /**< sizeof(repli_driver) when the driver was compiled */
    uint32_t abi_version;  /**< REPLI_DRIVER_ABI when the driver was compiled */
    uint64_t capabilities; /**< REPLI_CAP_* */
    const char *name;      /**< [a-z][a-z0-9_]*, as in the entry function and the file */
    const char *version;   /**< semantic version of the driver */
    const char *store_id;  /**< which software, such as "postgresql" */
    const char *summary;   /**< one line for people */
    const repli_config_key *const *config_keys; /**< NULL-terminated; NULL: takes none */

    /* Needed. */

    /** Make an instance from its configuration, a JSON object that has been checked against
     *  config_keys and where keys that were left out have their defaults. Must succeed while the
     *  store is down, so it does not connect. */
    int32_t (*open)(const repli_host *host, const char *config_json, size_t config_size,
                    void **ret_self, repli_error *err);
    /** The last call, never during another. Cannot fail. */
    void (*close)(void *self);
    /** Status, version, addresses, attributes. Answers while the store is down, too: then it emits
     *  what it knows and either a status or, simpler, returns the error that it met, from which
     *  the library derives the status. Contacts no node but its own. */
    int32_t (*node_info)(void *self, repli_op *op, repli_sink *sink, repli_error *err);
    /** Cluster id and attributes that need a running store. */
    int32_t (*store_info)(void *self, repli_op *op, repli_sink *sink, repli_error *err);
    /** The shards on this node. */
    int32_t (*shards)(void *self, repli_op *op, repli_sink *sink, repli_error *err);

    /* Optional: NULL. The three about actions come together or not at all. */

    /** Emit the kinds of action offered. Called once, after open; does not ask the store. */
    int32_t (*actions_describe)(void *self, repli_sink *sink, repli_error *err);
    /** Check arguments (JSON text) before an action is accepted. Only looks at the text: any
     *  thread may call it at any time. */
    int32_t (*action_validate)(void *self, const char *kind, const char *args_json,
                               size_t args_size, repli_error *err);
    /** Do the next step of an action, and emit an outcome. Looks before it acts: a step that
     *  already happened must be recognised, since after a crash it is asked for again. An error
     *  returned fails the action. */
    int32_t (*action_step)(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                           repli_error *err);
    /** Make the call in progress return soon. Any thread; best effort; needs REPLI_CAP_CANCEL. */
    void (*cancel)(void *self, repli_op *op);
    /** Emit what an action would do if it began now, without doing any of it: it looks at the store
     *  as action_step() does, and returns the error for which that would refuse. No step: there is
     *  nothing to be done. Needs the three about actions; the arguments have been checked by
     *  action_validate(). */
    int32_t (*action_plan)(void *self, repli_op *op, const char *kind, const char *args_json,
                           size_t args_size, repli_sink *sink, repli_error *err);
    /* The table grows here. */
} repli_driver;

/** The least size that a driver of ABI 1 can have: the end of the last member of its first
 *  release, and never the size of today. */
#define REPLI_DRIVER_V1_SIZE (offsetof(repli_driver, cancel) + sizeof(void (*)(void *, repli_op *)))

/** A driver's entry function: its table, or NULL if it cannot serve a host of that ABI. */
typedef const repli_driver *(*repli_driver_entry_fn)(uint32_t host_abi);

#if defined(__GNUC__)
#define REPLI_DRIVER_EXPORT __attribute__((visibility("default")))
#else
#define REPLI_DRIVER_EXPORT
#endif

#ifdef __cplusplus
}
#endif

#endif
