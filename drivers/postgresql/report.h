#ifndef REPLI_PG_REPORT_H
#define REPLI_PG_REPORT_H

#include <replicante/driver.h>

/* The three questions every driver answers; see repli_driver. */
int32_t repli__pg_node_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t repli__pg_store_info(void *self, repli_op *op, repli_sink *sink, repli_error *err);
int32_t repli__pg_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err);

#endif
