#ifndef REPLI_REDIS_PLAN_H
#define REPLI_REDIS_PLAN_H

#include "peer.h"

/*
 * A plan is an action whose commands are told instead of being sent: the action's own code looks at
 * the servers, decides and refuses. Where it would wait and then go on, it goes on at once, as if
 * what it waits for had happened.
 */

/* Tell the command. */
int32_t repli__redis_plan_command(repli__redis_task *task, const repli__redis_peer *peer,
                                  repli__redis_command command);
/* What is waited for after the command that was told last. Without a plan it does nothing. */
void repli__redis_plan_then(repli__redis_task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Pass on what was told last. */
int32_t repli__redis_plan_end(repli__redis_task *task);

#endif
