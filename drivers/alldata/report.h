#ifndef REPLI_ALLDATA_REPORT_H
#define REPLI_ALLDATA_REPORT_H

#include <replicante/driver.h>

/* The driver's methods about the node. */
int32_t repli__alldata_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t repli__alldata_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t repli__alldata_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err);

#endif
