#ifndef CONFORMANCE_RULES_H
#define CONFORMANCE_RULES_H

/* Scenes: what is done with a driver, in a process each. */
enum scene_id {
    SCENE_LOAD,
    SCENE_STEADY,
    SCENE_AGAIN,
    SCENE_REOPEN,
    SCENE_SCARCE,
    SCENE_REFUSED,
    SCENE_MANY,
    SCENE_CONCURRENT,
    SCENE_WRITE,
    SCENE_STOPPED,
    SCENE_HUNG,
    SCENE_CREDENTIALS,
    SCENE_KINDS,
    SCENE_ACTIONS,
    SCENE_COUNT,
    SCENE_ANY = SCENE_COUNT /* judged in all of them, and summed up at the end */
};

/* Every rule: its name here, id, level, the scene that judges it, and what it demands. */
#define RULES(RULE)                                                                                \
    RULE(DRIVER_LOADS, "driver.loads", MUST, LOAD, "the loader accepts the driver")                \
    RULE(DRIVER_ABI, "driver.abi", MUST, LOAD, "no table for a host of an unknown interface")      \
    RULE(DRIVER_CONSTANT, "driver.constant", MUST, STEADY, "one table, which never changes")       \
    RULE(DRIVER_GLOBALS, "driver.globals", MUST, STEADY, "no globals that change")                 \
    RULE(DRIVER_RESIDENT, "driver.resident", SHOULD, LOAD, "the object stays loaded")              \
    RULE(OPEN_OFFLINE, "open.offline", MUST, ANY, "open() connects to nothing")                    \
    RULE(OPEN_STOPPED, "open.stopped", MUST, STOPPED, "open() succeeds while the store is down")   \
    RULE(OPEN_REPEATED, "open.repeated", MUST, REOPEN, "opening and closing leaves nothing")       \
    RULE(OPEN_TWICE, "open.twice", MUST, STEADY, "two instances work side by side")                \
    RULE(OPEN_MEMORY, "open.memory", MUST, SCARCE, "open() fails cleanly without memory")          \
    RULE(CALLS_DEADLINE, "calls.deadline", MUST, ANY, "every call returns by its deadline")        \
    RULE(CALLS_EXPIRED, "calls.expired", MUST, STEADY,                                             \
         "a call that comes too late returns at once")                                             \
    RULE(CALLS_CODES, "calls.codes", MUST, ANY, "methods return 0 or an error code")               \
    RULE(CALLS_ERRORS, "calls.errors", SHOULD, ANY, "what fails says why")                         \
    RULE(CALLS_MEMORY, "calls.memory", MUST, SCARCE, "calls fail cleanly without memory")          \
    RULE(CALLS_THREADS, "calls.threads", MUST, STEADY, "any thread may call, one after the other") \
    RULE(CALLS_CONCURRENT, "calls.concurrent", MUST, CONCURRENT,                                   \
         "calls at once work, as promised")                                                        \
    RULE(CALLS_CANCEL, "calls.cancel", MUST, HUNG, "a cancelled call returns soon, as promised")   \
    RULE(EMIT_ACCEPTED, "emit.accepted", MUST, ANY, "what is emitted is accepted")                 \
    RULE(EMIT_REFUSED, "emit.refused", MUST, REFUSED, "a refusal to take a record is returned")    \
    RULE(STATUS_RUNNING, "status.running", MUST, STEADY, "a running store is reachable and known") \
    RULE(STATUS_REASON, "status.reason", SHOULD, ANY, "a bad status comes with a reason")          \
    RULE(STATUS_STOPPED, "status.stopped", MUST, STOPPED, "a stopped store is UNAVAILABLE")        \
    RULE(STATUS_HUNG, "status.hung", MUST, HUNG, "a hung store is UNAVAILABLE by the deadline")    \
    RULE(STATUS_RESTARTED, "status.restarted", MUST, STOPPED, "a store that is back is seen")      \
    RULE(STATUS_RESUMED, "status.resumed", MUST, HUNG, "a store that answers again is seen")       \
    RULE(STATUS_CREDENTIALS, "status.credentials", MUST, CREDENTIALS,                              \
         "wrong credentials are UNKNOWN")                                                          \
    RULE(VERSION_RUNNING, "version.running", MUST, STEADY, "the store's version is told")          \
    RULE(VERSION_STOPPED, "version.stopped", MUST, STOPPED, "so it is while the store is stopped") \
    RULE(VERSION_STABLE, "version.stable", MUST, ANY, "the version stays the same")                \
    RULE(IDENTITY_CLUSTER, "identity.cluster", MUST, STEADY, "the cluster's id is told")           \
    RULE(IDENTITY_CALLS, "identity.calls", MUST, ANY, "it is the same in every call")              \
    RULE(IDENTITY_DRIVER, "identity.driver", MUST, AGAIN, "ids outlive the driver's process")      \
    RULE(IDENTITY_STORE, "identity.store", MUST, STOPPED, "ids outlive a restart of the store")    \
    RULE(STORE_STOPPED, "store.stopped", MUST, STOPPED, "a stopped store tells no ids or shards")  \
    RULE(SHARDS_LISTED, "shards.listed", MUST, STEADY, "a node of a cluster has a shard")          \
    RULE(SHARDS_VALID, "shards.valid", MUST, ANY, "shards have unique ids, roles and units")       \
    RULE(SHARDS_STABLE, "shards.stable", MUST, ANY, "shards keep their ids")                       \
    RULE(SHARDS_OFFSET, "shards.offset", MUST, ANY, "offsets never go back")                       \
    RULE(SHARDS_MOVES, "shards.offset-moves", SHOULD, WRITE, "a write moves an offset")            \
    RULE(SHARDS_UNIT, "shards.unit", MUST, ANY, "the unit of an offset stays the same")            \
    RULE(SHARDS_LAG_PRIMARY, "shards.lag-primary", MUST, ANY, "a primary has no lag")              \
    RULE(SHARDS_LAG_REPLICA, "shards.lag-replica", SHOULD, STEADY, "other roles tell their lag")   \
    RULE(ATTRIBUTES_SCOPED, "attributes.scoped", MUST, ANY, "names are domain/name, of its own")   \
    RULE(ATTRIBUTES_TYPES, "attributes.types", SHOULD, ANY, "an attribute keeps its type")         \
    RULE(ATTRIBUTES_SPLIT, "attributes.split", SHOULD, STEADY, "none is told by two methods")      \
    RULE(NETWORK_OWN_NODE, "network.own-node", MUST, ANY, "looking connects to the own node only") \
    RULE(LEAKS_MEMORY, "leaks.memory", MUST, MANY, "calls leave no memory")                        \
    RULE(LEAKS_DESCRIPTORS, "leaks.descriptors", MUST, MANY, "calls leave no descriptors")         \
    RULE(LEAKS_THREADS, "leaks.threads", MUST, MANY, "calls leave no threads")                     \
    RULE(ACTIONS_OFFERED, "actions.offered", MAY, KINDS, "the driver offers actions")              \
    RULE(ACTIONS_NAMES, "actions.names", MUST, KINDS, "kinds are named in domains of its own")     \
    RULE(ACTIONS_DESCRIBED, "actions.described", SHOULD, KINDS, "arguments are explained")         \
    RULE(ACTIONS_STABLE, "actions.stable", MUST, KINDS, "the same kinds, without asking anyone")   \
    RULE(ACTIONS_VALIDATE, "actions.validate", MUST, KINDS,                                        \
         "arguments are checked, by looking at them only")                                         \
    RULE(ACTIONS_RUN, "actions.run", MUST, ACTIONS, "actions are done")                            \
    RULE(ACTIONS_REPEATABLE, "actions.repeatable", MUST, ACTIONS,                                  \
         "done again, they change nothing")                                                        \
    RULE(ACTIONS_INTERRUPTED, "actions.interrupted", MUST, ACTIONS,                                \
         "an interrupted step is repeated")                                                        \
    RULE(PROCESS_SURVIVES, "process.survives", MUST, ANY, "no crash, no exit")                     \
    RULE(PROCESS_QUIET, "process.quiet", MUST, ANY, "no output")                                   \
    RULE(PROCESS_SIGNALS, "process.signals", MUST, ANY, "signals are left alone")                  \
    RULE(PROCESS_SETTINGS, "process.settings", MUST, ANY,                                          \
         "locale, directory, umask and environment are left alone")                                \
    RULE(PROCESS_CLOEXEC, "process.cloexec", MUST, STEADY, "descriptors are close-on-exec")        \
    RULE(PROCESS_CHILDREN, "process.children", MUST, ANY, "no child process is left behind")       \
    RULE(PROCESS_CLOSED, "process.closed", MUST, STEADY, "close() gives everything back")

#define RULE_NAME(name, id, level, scene, title) RULE_##name,
enum rule_id { RULES(RULE_NAME) RULE_COUNT };
#undef RULE_NAME

struct rule {
    const char *id;
    int level; /* CONFORMANCE_MUST, … */
    enum scene_id scene;
    const char *title;
};

extern const struct rule rules[RULE_COUNT];

#endif
