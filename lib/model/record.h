#ifndef REPLI_MODEL_RECORD_H
#define REPLI_MODEL_RECORD_H

#include <replicante/model.h>

/*
 * Records from a driver or host that was compiled against another release are smaller or larger
 * than ours. Each of these makes a local record of today's size out of one: what the sender's
 * release did not have is zero, what ours does not have is dropped. NULL, and a record smaller than
 * in the first release, are REPLI_EINVALID.
 */
int32_t repli__attribute_read(repli_attribute *to, const void *from, repli_error *err);
int32_t repli__address_read(repli_address *to, const void *from, repli_error *err);
int32_t repli__store_version_read(repli_store_version *to, const void *from, repli_error *err);
int32_t repli__shard_read(repli_shard *to, const void *from, repli_error *err);
int32_t repli__node_read(repli_node *to, const void *from, repli_error *err);
int32_t repli__store_extras_read(repli_store_extras *to, const void *from, repli_error *err);
int32_t repli__shards_read(repli_shards *to, const void *from, repli_error *err);
int32_t repli__header_read(repli_header *to, const void *from, repli_error *err);
int32_t repli__transition_read(repli_transition *to, const void *from, repli_error *err);
int32_t repli__action_read(repli_action *to, const void *from, repli_error *err);
int32_t repli__action_summary_read(repli_action_summary *to, const void *from, repli_error *err);
int32_t repli__request_read(repli_request *to, const void *from, repli_error *err);
int32_t repli__error_read(repli_error *to, const void *from, repli_error *err);
int32_t repli__maintenance_read(repli_maintenance *to, const void *from, repli_error *err);

/* The record after this one in an array: the sender's size is the stride. Only for records that
 * one of the above has read. */
const void *repli__record_next(const void *record);

#endif
