#ifndef REPLI_ALLDATA_ACTIONS_H
#define REPLI_ALLDATA_ACTIONS_H

#include <replicante/driver.h>

/* The driver's methods about actions. */
int32_t repli__alldata_actions_describe(void *self, repli_sink *sink, repli_error *err);
int32_t repli__alldata_action_validate(void *self, const char *kind, const char *args_json,
                                       size_t args_size, repli_error *err);
int32_t repli__alldata_action_step(void *self, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err);
int32_t repli__alldata_action_plan(void *self, repli_op *op, const char *kind,
                                   const char *args_json, size_t args_size, repli_sink *sink,
                                   repli_error *err);

/* Whether an action of this kind makes this node join a cluster. kind may be
 * NULL. */
int repli__alldata_action_joins(const char *kind);

#endif
