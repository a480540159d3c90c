#ifndef REPLICANTE_AGENT_H
#define REPLICANTE_AGENT_H

/*
 * The agent for hosts: one node's datastore under one model, and a durable, ordered queue of
 * actions. No global state: a process may hold as many agents as it likes.
 *
 * Unless a function says otherwise: what is called on an agent is thread-safe, from
 * repli_agent_new() until repli_agent_free() is called; a configuration belongs to one thread at a
 * time; inputs are copied before it returns; outputs are untouched if it fails, and err, which may
 * be NULL, if it does not. In a child made by fork() all that is called on an agent returns
 * REPLI_EFORK, but for repli_agent_free(); all else works.
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>
#include <replicante/driver.h>
#include <replicante/error.h>
#include <replicante/log.h>
#include <replicante/model.h>
#include <replicante/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct repli_config repli_config;
typedef struct repli_agent repli_agent;
typedef struct repli_snapshot repli_snapshot;

/* Configuration. */

/** An empty configuration: defaults for all but node_id and the driver. allocator may be NULL; the
 *  agents made from it use it, too. A configuration belongs to one thread at a time. */
REPLI_API int32_t repli_config_new(const repli_allocator *allocator, repli_config **ret_config,
                                   repli_error *err);
REPLI_API void repli_config_free(repli_config *config);

/** All keys there are, NULL-terminated, each with type, limits, default and a summary. Static. */
REPLI_API const repli_config_key *const *repli_config_keys(void);

/* Unknown keys, wrong types and values out of bounds are REPLI_EINVALID. */
REPLI_API int32_t repli_config_set_str(repli_config *config, const char *key, const char *value,
                                       repli_error *err);
REPLI_API int32_t repli_config_set_int(repli_config *config, const char *key, int64_t value,
                                       repli_error *err);
REPLI_API int32_t repli_config_set_bool(repli_config *config, const char *key, int32_t value,
                                        repli_error *err);
REPLI_API int32_t repli_config_set_strs(repli_config *config, const char *key,
                                        const char *const *values, size_t count, repli_error *err);

/** Use a driver that is linked into the host. */
REPLI_API int32_t repli_config_set_driver(repli_config *config, repli_driver_entry_fn entry,
                                          repli_error *err);
/** Use a driver from a file: an absolute path, or a name to be found as driver_NAME.so in
 *  directory (NULL: the one the library was built with). The file is loaded at once and stays
 *  loaded for the life of the process. */
REPLI_API int32_t repli_config_load_driver(repli_config *config, const char *name_or_path,
                                           const char *directory, repli_error *err);
/** The driver's table as the library uses it, or NULL if none was set. Borrowed from config. */
REPLI_API const repli_driver *repli_config_driver(const repli_config *config);
/** The driver's own configuration: a JSON object, checked against its config_keys. */
REPLI_API int32_t repli_config_set_driver_config(repli_config *config, const char *json,
                                                 size_t size, repli_error *err);

/** Log messages of level and more important ones. */
REPLI_API int32_t repli_config_set_log(repli_config *config, int32_t level, repli_log_fn log,
                                       void *user_data, repli_error *err);

/** Who runs an agent. */
enum {
    REPLI_RUN_THREADS = 0,  /**< threads of its own, the default */
    REPLI_RUN_DISPATCH = 1, /**< no thread: repli_agent_dispatch() does everything, calls of the
                                 driver included, which may block it */
    REPLI_RUN_LENT = 2 /**< no thread: dispatch never calls the driver, which is left to threads
                            that the host lends by repli_agent_work() */
};
/** Choose one, before repli_agent_new(). */
REPLI_API int32_t repli_config_set_run_mode(repli_config *config, int32_t mode, repli_error *err);

/** Do one step of an action; see repli_driver's action_step. Runs on the agent's executor. */
typedef int32_t (*repli_action_step_fn)(void *user_data, const repli_host *host, repli_op *op,
                                        const repli_step *step, repli_sink *sink, repli_error *err);
/** Check arguments; see repli_driver's action_validate. Any thread, at any time. */
typedef int32_t (*repli_action_validate_fn)(void *user_data, const char *kind,
                                            const char *args_json, size_t args_size,
                                            repli_error *err);
/** Offer a kind of action of the host's own. validate may be NULL: any arguments will do. */
REPLI_API int32_t repli_config_add_action(repli_config *config, const repli_action_kind *kind,
                                          repli_action_validate_fn validate,
                                          repli_action_step_fn step, void *user_data,
                                          repli_error *err);

/** A kind of action that is done by commands. */
typedef struct repli_external_action {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;    /**< the kind is external.agent.replicante.io/NAME */
    const char *summary; /**< one line for people; NULL: the library makes one */
    /** Does the work, or starts it and returns at once. NULL-terminated; [0] is a path, or looked
     * up in PATH. No shell. Gets the record of the action as JSON on standard input. */
    const char *const *action;
    /** Run once action has ended well, again and again until it tells how the work ended; gets the
     *  same. Prints {"status": "running" | "finished" | "failed", "error": "..."} and exits with 0.
     *  NULL: how action ends is how the work ends. */
    const char *const *check;
    int64_t timeout_ms; /**< milliseconds for all of it, after which it is ended; 0: no limit */
} repli_external_action;

#define REPLI_EXTERNAL_ACTION_INIT                                                                 \
    { (uint32_t)sizeof(repli_external_action), 0, NULL, NULL, NULL, NULL, 0 }

/** Offer a kind of action that is done by commands, which are never run twice for one action,
 *  whatever becomes of the agent. REPLI_EINVALID, REPLI_ECONFLICT: the name is taken. */
REPLI_API int32_t repli_config_add_external_action(repli_config *config,
                                                   const repli_external_action *external,
                                                   repli_error *err);

/** A command to be run for events. */
typedef struct repli_hook {
    uint32_t struct_size;
    uint32_t timeout_ms;        /**< after which it is killed, with its process group; 0: 30000 */
    const char *name;           /**< letters, digits, '_' and '-'; one hook of that name at a time */
    const char *const *command; /**< its arguments, NULL-terminated; no shell is involved */
    const char *const *events;  /**< types such as "role", NULL-terminated; NULL: all */
} repli_hook;

#define REPLI_HOOK_INIT                                                                            \
    { (uint32_t)sizeof(repli_hook), 0, NULL, NULL, NULL }

/**
 * Run a command for each event of some types, which it gets as JSON on standard input, in their
 * order and one at a time. How far it has come is on disk by its name: it begins with what happens
 * after the agent is first made with it, and goes on from there after restarts. The event at which
 * an agent ended may come again, which its number tells. REPLI_ECONFLICT: there is one of that
 * name.
 */
REPLI_API int32_t repli_config_add_hook(repli_config *config, const repli_hook *hook,
                                        repli_error *err);

/* Life. */

/**
 * Make an agent: opens the database of actions (whose owner it then is) and the driver, but
 * starts nothing. The configuration is copied. REPLI_EBUSY: another process owns the database.
 */
REPLI_API int32_t repli_agent_new(const repli_config *config, repli_agent **ret_agent,
                                  repli_error *err);
/** Start observing the node and executing actions, in threads of the agent's own that take no
 *  signals, or, in the other run modes, by whoever drives the agent. Once per agent. */
REPLI_API int32_t repli_agent_start(repli_agent *agent, repli_error *err);
/**
 * Stop: no new action is picked up, the running step is cancelled and waited for, up to
 * timeout_ms. An action that still runs is resumed by the next start. REPLI_ETIMEOUT: the driver
 * did not return. It may be waited for again; repli_agent_free() gives its thread up and leaves
 * what that thread uses. Needs nobody to dispatch; REPLI_ESTATE in a callback that dispatch calls.
 */
REPLI_API int32_t repli_agent_stop(repli_agent *agent, int64_t timeout_ms, repli_error *err);
/** Stop if need be, for which it waits a second at most, and free. NULL is fine. The last call on
 * an agent, and not from one of its callbacks. In a child made by fork(), also in a handler of
 *  pthread_atfork(), it only closes the lock of the database, so that a child that outlives the
 *  parent does not keep it. */
REPLI_API void repli_agent_free(repli_agent *agent);

/**
 * Change what can be changed while running: the driver's configuration, intervals, limits, hooks,
 * log.
 * REPLI_EINVALID names a key that needs a restart; on any failure everything stays as it was.
 */
REPLI_API int32_t repli_agent_reload(repli_agent *agent, const repli_config *config,
                                     repli_error *err);

/* The loop of a host that drives the agent: REPLI_RUN_DISPATCH and REPLI_RUN_LENT. In the other
 * mode these functions return REPLI_ESTATE, no descriptor and no deadline. */

/**
 * The descriptor to watch for reading, the same for life; level-triggered: readable while
 * repli_agent_dispatch() has something to do. Only to be watched, with poll(), or in any loop.
 * -1 if there is none.
 */
REPLI_API int32_t repli_agent_fd(const repli_agent *agent);
/** When dispatch has something to do though nothing happened: CLOCK_MONOTONIC, nanoseconds;
 *  UINT64_MAX: never. On Linux the descriptor says it, too. */
REPLI_API uint64_t repli_agent_deadline(repli_agent *agent);
/**
 * Do what is due. Waits for nothing but the disk and, with REPLI_RUN_DISPATCH, the driver; does at
 * most one call of it, one step of an action, one commit and so on, and leaves the rest to the next
 * call, for which the descriptor stays readable. One thread at a time, else REPLI_EBUSY. Callbacks
 * run within it, and may call anything but stop, free and dispatch.
 */
REPLI_API int32_t repli_agent_dispatch(repli_agent *agent, repli_error *err);
/** Make the descriptor readable, and repli_agent_run() return. Async-signal-safe. */
REPLI_API void repli_agent_wakeup(repli_agent *agent);
/** A loop for hosts without one: dispatch until repli_agent_wakeup() (REPLI_OK), for timeout_ms
 *  (REPLI_ETIMEOUT; below 0: for ever), or until the agent is stopped (REPLI_ESTATE). */
REPLI_API int32_t repli_agent_run(repli_agent *agent, int64_t timeout_ms, repli_error *err);
/**
 * REPLI_RUN_LENT: make the calls of the driver and the steps that are due, in the calling thread,
 * until the agent is stopped (REPLI_OK) or for timeout_ms (REPLI_ETIMEOUT; below 0: for ever),
 * which is looked at between calls. As many threads as one likes, from before the start; two can be
 * busy, one with the node's status and one with an action.
 */
REPLI_API int32_t repli_agent_work(repli_agent *agent, int64_t timeout_ms, repli_error *err);

typedef struct repli_source repli_source;
/** Do what is there to be done, without waiting; there may be nothing. Returns when to be called
 *  again at the latest: CLOCK_MONOTONIC, nanoseconds; UINT64_MAX: when fd is readable. */
typedef uint64_t (*repli_source_fn)(void *user_data);
/**
 * Have dispatch call ready: once soon, whenever fd (-1: none) is readable, and when it asked for
 * that. For what belongs to the agent's loop, at any time of its life. Wakes a host that sleeps.
 * fd stays the caller's, and open until the source is removed.
 */
REPLI_API int32_t repli_agent_add_source(repli_agent *agent, int32_t fd, repli_source_fn ready,
                                         void *user_data, repli_source **ret_source,
                                         repli_error *err);
/** ready is not called any more, nor in the middle of a call unless it is the caller. NULL is
 *  fine. */
REPLI_API void repli_agent_remove_source(repli_agent *agent, repli_source *source);

/* Status. */

/**
 * The latest snapshot of the node: never blocks, never asks the store, never NULL on success
 * (before the first observation the status is Unknown). Give it back with repli_snapshot_unref().
 */
REPLI_API int32_t repli_agent_snapshot(repli_agent *agent, repli_snapshot **ret_snapshot,
                                       repli_error *err);

/** Receives a snapshot, borrowed for the call. Runs on a thread of the agent, or in dispatch, or
 *  within the call that asked or stops; must not block, and not free or stop the agent. */
typedef void (*repli_observe_fn)(void *user_data, repli_snapshot *snapshot);

/**
 * Ask for a snapshot no older than max_age_ms (0: one that begins now). observed is called exactly
 * once: at once if the present one will do, else when a new one is there, and after timeout_ms
 * with whatever there is, or at stop. However many ask, the store is asked once.
 */
REPLI_API int32_t repli_agent_observe(repli_agent *agent, int64_t max_age_ms, int64_t timeout_ms,
                                      repli_observe_fn observed, void *user_data, repli_error *err);

REPLI_API repli_snapshot *repli_snapshot_ref(repli_snapshot *snapshot);
REPLI_API void repli_snapshot_unref(repli_snapshot *snapshot);

/* A snapshot never changes; what these return lives as long as it does. */

/** The node. Never NULL. */
REPLI_API const repli_node *repli_snapshot_node(const repli_snapshot *snapshot);
/** What the running store told; NULL with the reason in err if it could not be asked. */
REPLI_API const repli_store_extras *repli_snapshot_store(const repli_snapshot *snapshot,
                                                         repli_error *err);
/** The shards; NULL with the reason in err if the store could not be asked. */
REPLI_API const repli_shards *repli_snapshot_shards(const repli_snapshot *snapshot,
                                                    repli_error *err);
/* The same, as the JSON that clients get; encoded once. ret_size may be NULL. */
REPLI_API const char *repli_snapshot_node_json(const repli_snapshot *snapshot, size_t *ret_size);
REPLI_API const char *repli_snapshot_store_json(const repli_snapshot *snapshot, size_t *ret_size,
                                                repli_error *err);
REPLI_API const char *repli_snapshot_shards_json(const repli_snapshot *snapshot, size_t *ret_size,
                                                 repli_error *err);
/** When the observation behind it was finished: UTC, nanoseconds since 1970. */
REPLI_API int64_t repli_snapshot_time_ns(const repli_snapshot *snapshot);
/** Age in milliseconds, by the monotonic clock. */
REPLI_API int64_t repli_snapshot_age_ms(const repli_snapshot *snapshot);

/* Actions. */

/**
 * Schedule an action. When it returns REPLI_OK the action is on disk and will run, after all that
 * were scheduled before. REPLI_ENOTFOUND: unknown kind; REPLI_EINVALID: bad arguments or request;
 * REPLI_ECONFLICT: the id is in use; REPLI_EFULL: the queue is at its limit or the disk is full.
 */
REPLI_API int32_t repli_agent_schedule(repli_agent *agent, const repli_request *request,
                                       char ret_id[REPLI_UUID_SIZE], repli_error *err);

/** How a schedule ended: code, and either the id or the error, both borrowed for the call. Runs
 *  on a thread of the agent, or in dispatch, or within the call that stops; must not block, and not
 *  free or stop the agent. */
typedef void (*repli_scheduled_fn)(void *user_data, int32_t code, const char *id,
                                   const repli_error *error);

/** The same without waiting for the disk. If this returns an error, scheduled is never called;
 *  otherwise it is called exactly once. */
REPLI_API int32_t repli_agent_schedule_async(repli_agent *agent, const repli_request *request,
                                             repli_scheduled_fn scheduled, void *user_data,
                                             repli_error *err);

/** What an action would do now. */
typedef struct repli_plan {
    uint32_t struct_size;
    uint32_t reserved;
    const char *kind;
    const repli_plan_step *steps; /**< in their order */
    size_t step_count;            /**< 0: nothing is to be done */
    const char *json;             /**< the same, as the JSON that clients get */
    size_t json_size;             /**< bytes */
} repli_plan;

/** How a plan ended: code, and either the plan or the error, both borrowed for the call. Runs on a
 *  thread of the agent, or in dispatch, or within the call that stops; must not block, and not free
 *  or stop the agent. */
typedef void (*repli_planned_fn)(void *user_data, int32_t code, const repli_plan *plan,
                                 const repli_error *error);

/**
 * Find out what an action would do if it began now, without doing it. Nothing is recorded; of the
 * request only kind and args_json matter. The driver is asked between two steps of what runs, and
 * looks at the store. The error is what the action would fail with, or REPLI_ENOTSUP if whoever
 * does such actions cannot tell. If this returns an error, planned is never called; otherwise it is
 * called exactly once, at the latest when the agent stops.
 */
REPLI_API int32_t repli_agent_plan(repli_agent *agent, const repli_request *request,
                                   repli_planned_fn planned, void *user_data, repli_error *err);

/**
 * Cancel an action that waits: it becomes FAILED, REPLI_ENDED_CANCELLED. Ask one that runs to end
 * at a safe point, if its kind has one (REPLI_KIND_CANCEL_*): it may carry on. REPLI_ENOTFOUND: no
 * such id; REPLI_ECONFLICT: it is finished, or runs and is of another kind.
 */
REPLI_API int32_t repli_agent_cancel(repli_agent *agent, const char *id, repli_error *err);

/** Look up an action with its history. REPLI_ENOTFOUND: no such id, or not a UUID. */
REPLI_API int32_t repli_agent_action(repli_agent *agent, const char *id, repli_doc **ret_doc,
                                     const repli_action **ret_action, repli_error *err);
/** Every unfinished action, in the order of execution: what runs, what waits for its turn, and what
 *  waits for its time. */
REPLI_API int32_t repli_agent_queue(repli_agent *agent, repli_doc **ret_doc,
                                    const repli_action_summary **ret_summaries, size_t *ret_count,
                                    repli_error *err);
/**
 * Finished actions, newest first. before_id: only those finished before that one (NULL: from the
 * newest). limit 0: all of the last hour and at least the newest 100.
 */
REPLI_API int32_t repli_agent_finished(repli_agent *agent, uint32_t limit, const char *before_id,
                                       repli_doc **ret_doc,
                                       const repli_action_summary **ret_summaries,
                                       size_t *ret_count, repli_error *err);

/* Maintenance. */

/** Even if somebody else holds the actions up. */
#define REPLI_MAINTENANCE_FORCE (1u << 0)

/**
 * Hold actions up, from now on until until_ns, if that is set, or until this is called with NULL,
 * which is always possible. When it returns REPLI_OK that is on disk, and survives a restart; no
 * action starts any more, but for kinds that "maintenance.allowed_actions" names, in their order.
 * since_ns and allowed are not looked at. Called again it changes reason and end.
 * REPLI_EINVALID: it makes no sense; REPLI_ECONFLICT: somebody else holds them up, whom the message
 * names. flags: REPLI_MAINTENANCE_FORCE.
 */
REPLI_API int32_t repli_agent_set_maintenance(repli_agent *agent,
                                              const repli_maintenance *maintenance, uint32_t flags,
                                              repli_error *err);
/** The maintenance that lasts. REPLI_ENOTFOUND: none does. */
REPLI_API int32_t repli_agent_maintenance(repli_agent *agent, repli_doc **ret_doc,
                                          const repli_maintenance **ret_maintenance,
                                          repli_error *err);

/** Called for each kind of action the agent knows; a result other than 0 ends the listing and is
 *  returned. */
typedef int32_t (*repli_action_kind_fn)(void *user_data, const repli_action_kind *kind);
REPLI_API int32_t repli_agent_action_kinds(repli_agent *agent, repli_action_kind_fn visit,
                                           void *user_data, repli_error *err);

/* Events. */

/**
 * Read the log of changes: events numbered after and on, oldest first, at most limit (0 and above
 * 1000: 1000). None is there twice or left out, but for those that are too old to be kept: then
 * the first one's number is more than after + 1. *ret_first is the oldest number that is kept,
 * *ret_last the newest; either may be NULL. REPLI_ECONFLICT: after is newer than all, so it is the
 * number of another database.
 */
REPLI_API int32_t repli_agent_events(repli_agent *agent, int64_t after, uint32_t limit,
                                     repli_doc **ret_doc, const repli_event **ret_events,
                                     size_t *ret_count, int64_t *ret_first, int64_t *ret_last,
                                     repli_error *err);

typedef struct repli_subscription repli_subscription;
/** Receives an event, borrowed for the call. Runs on a thread of the agent that does nothing else, or
 *  in dispatch: one that takes long holds up those who subscribed as well, or the host. Must not free
 *  or stop the agent. */
typedef void (*repli_event_fn)(void *user_data, const repli_event *event);
/** For after: only what happens from now on. */
#define REPLI_EVENTS_NEW (-1)
/**
 * Be told of each event after a number, in their order, one at a time, from the start of the agent
 * until it is stopped. Those that are on disk already come first. What was told is not told again
 * but to who asks for it: whoever must not miss anything over restarts keeps the number. At any
 * time, also within a callback. REPLI_ECONFLICT as for repli_agent_events().
 */
REPLI_API int32_t repli_agent_subscribe(repli_agent *agent, int64_t after, repli_event_fn told,
                                        void *user_data, repli_subscription **ret_subscription,
                                        repli_error *err);
/** told is not called any more, nor in the middle of a call unless it is the caller. Before the
 *  agent is freed; NULL is fine. */
REPLI_API void repli_agent_unsubscribe(repli_agent *agent, repli_subscription *subscription);

/* The agent itself. */

/** REPLI_OK while the agent's own threads make progress, or those of the host that drive it,
 *  whatever the store does. */
REPLI_API int32_t repli_agent_live(repli_agent *agent, repli_error *err);
/** REPLI_OK once the first observation is there and while the database of actions works. */
REPLI_API int32_t repli_agent_ready(repli_agent *agent, repli_error *err);
/** Counters and gauges in the Prometheus text format, appended to ret_text. */
REPLI_API int32_t repli_agent_metrics(repli_agent *agent, repli_buf *ret_text, repli_error *err);
/** Text in the same format that the host has to add, valid until the next call; NULL: none now.
 *  Called by whoever asks for metrics, one at a time; must not ask for them itself. */
typedef const char *(*repli_metrics_fn)(void *user_data);
/** What repli_agent_metrics() tells from now on includes what write returns; NULL: nothing more than
 *  the agent's own. What was set before is not called any more, nor in the middle of a call. */
REPLI_API int32_t repli_agent_set_metrics(repli_agent *agent, repli_metrics_fn write,
                                          void *user_data, repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
