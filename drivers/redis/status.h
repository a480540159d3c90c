#ifndef REPLI_REDIS_STATUS_H
#define REPLI_REDIS_STATUS_H

#include "observe.h"

/* Status of a node whose server answered; the reason goes into ret_reason, and may be empty. */
int32_t repli__redis_status(const repli__redis *redis, const char *running_action, char *ret_reason,
                            size_t reason_size);

/* Its role for its shard. *ret_reason is set for REPLI_ROLE_OTHER, else NULL. */
int32_t repli__redis_role(const repli__redis_observation *seen, const char **ret_reason);

#endif
