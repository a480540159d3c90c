#ifndef REPLI_PG_ACTIONS_H
#define REPLI_PG_ACTIONS_H

#include <replicante/driver.h>

/* The methods of repli_driver about actions. */
int32_t repli__pg_actions_describe(void *self, repli_sink *sink, repli_error *err);
int32_t repli__pg_action_validate(void *self, const char *kind, const char *args_json,
                                  size_t args_size, repli_error *err);
int32_t repli__pg_action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                              repli_error *err);

int32_t repli__pg_action_plan(void *self, repli_op *op, const char *kind, const char *args_json,
                              size_t args_size, repli_sink *sink, repli_error *err);

/* Not 0 if an action of that kind makes this node a member; kind may be NULL. */
int repli__pg_action_joins(const char *kind);

#endif
