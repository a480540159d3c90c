#ifndef REPLI_ACTION_EXTERNAL_H
#define REPLI_ACTION_EXTERNAL_H

#include "action/command.h"

#define REPLI__EXTERNAL_DOMAIN "external.agent.replicante.io/"

/*
 * An action that is done by configured commands: action does or starts the work, and check, if
 * there is one, tells what became of it. The record of the action is their standard input. Texts
 * are borrowed.
 */
typedef struct repli__external {
    repli__commands *commands;
    const char *const *action;
    const char *const *check; /* or NULL */
    int64_t timeout_ms;       /* for all of it; 0: as long as it takes */
} repli__external;

/* For the registry; user_data is a repli__external. */
int32_t repli__external_step(void *user_data, const repli_host *host, repli_op *op,
                             const repli_step *step, repli_sink *sink, repli_error *err);
int32_t repli__external_plan(void *user_data, const repli_host *host, repli_op *op,
                             const char *kind, const char *args_json, size_t args_size,
                             repli_sink *sink, repli_error *err);

#endif
