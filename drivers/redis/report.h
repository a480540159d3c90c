#ifndef REPLI_REDIS_REPORT_H
#define REPLI_REDIS_REPORT_H

#include <replicante/driver.h>

/* The driver's methods that tell of the node. */
int32_t repli__redis_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t repli__redis_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t repli__redis_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err);

#endif
