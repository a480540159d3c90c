#ifndef EXAMPLE_MODULE_H
#define EXAMPLE_MODULE_H

#include <replicante/driver.h>

#include "redis.h"

/* There is one Redis in a process, and so one context for calls that no command brought. */
RedisModuleCtx *module_context(void);

const repli_driver *repli_driver_redis_entry(uint32_t host_abi);

#endif
