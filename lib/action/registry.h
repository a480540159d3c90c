#ifndef REPLI_ACTION_REGISTRY_H
#define REPLI_ACTION_REGISTRY_H

#include <replicante/agent.h>

#include "base/mem.h"

/* The kinds of action an agent knows and how each is done. Filled before the agent starts; from
 * then on read only, so any thread may look. */
typedef struct repli__registry repli__registry;

/* Emit what an action would do now; see repli_driver's action_plan. Runs on the agent's executor.
 */
typedef int32_t (*repli__action_plan_fn)(void *user_data, const repli_host *host, repli_op *op,
                                         const char *kind, const char *args_json, size_t args_size,
                                         repli_sink *sink, repli_error *err);

typedef struct repli__handler {
    repli_action_kind kind;
    repli_action_validate_fn validate; /* or NULL */
    repli_action_step_fn step;
    void *user_data;
    repli__action_plan_fn plan; /* or NULL */
} repli__handler;

/* Who registers decides which names are allowed. */
enum {
    REPLI__OWNER_LIBRARY = 1, /* anything */
    REPLI__OWNER_DRIVER = 2,  /* well-known cluster.* names, and domains outside replicante.io */
    REPLI__OWNER_HOST = 3     /* domains outside replicante.io */
};

int32_t repli__registry_new(const repli__mem *mem, repli__registry **ret_registry,
                            repli_error *err);
void repli__registry_free(repli__registry *registry);
/* Copies handler. REPLI_EINVALID: a bad or reserved name; REPLI_ECONFLICT: taken. */
int32_t repli__registry_add(repli__registry *registry, int32_t owner, const repli__handler *handler,
                            repli_error *err);
/* NULL if the kind is not known. */
const repli__handler *repli__registry_find(const repli__registry *registry, const char *kind);
/* In the order of their names. */
size_t repli__registry_count(const repli__registry *registry);
const repli__handler *repli__registry_at(const repli__registry *registry, size_t index);

/* agent.replicante.io/test.success, test.fail and test.loop. */
int32_t repli__registry_add_tests(repli__registry *registry, repli_error *err);

#endif
