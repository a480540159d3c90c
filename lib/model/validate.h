#ifndef REPLI_MODEL_VALIDATE_H
#define REPLI_MODEL_VALIDATE_H

#include <replicante/model.h>

/* Limits of single values, in bytes. */
enum {
    REPLI__NAME_MAX = 255,         /* names, units, requesters */
    REPLI__ID_MAX = 1024,          /* ids, addresses and the reason of maintenance */
    REPLI__PROSE_MAX = 64 * 1024,  /* reasons, values of attributes and headers */
    REPLI__VALUE_MAX = 1024 * 1024 /* JSON values: arguments, payload, error */
};

/* Checks of local records of today's size: what repli__*_read() gives. Messages name the member as
 * the JSON does. */
int32_t repli__shard_check(const repli_shard *shard, repli_error *err);
int32_t repli__transition_check(const repli_transition *transition, repli_error *err);
int32_t repli__action_summary_check(const repli_action_summary *summary, repli_error *err);
/* With everything they point to. */
int32_t repli__node_check(const repli_node *node, repli_error *err);
int32_t repli__store_extras_check(const repli_store_extras *extras, repli_error *err);
int32_t repli__action_check(const repli_action *action, repli_error *err);
int32_t repli__request_check(const repli_request *request, repli_error *err);
int32_t repli__maintenance_check(const repli_maintenance *maintenance, repli_error *err);

/* Not 0 if it is one of replicante.io's kinds of action that drivers may offer. */
int repli__kind_for_drivers(const char *kind);

#endif
