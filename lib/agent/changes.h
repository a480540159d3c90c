#ifndef REPLI_AGENT_CHANGES_H
#define REPLI_AGENT_CHANGES_H

#include <replicante/agent.h>

#include "base/log.h"
#include "base/mem.h"

/* Log how the status differs between two snapshots, and the roles of shards between two that have
 * shards (either may be NULL). action: the kind that ran meanwhile; empty if none did. */
void repli__changes_status(repli__log *log, const repli_snapshot *before,
                           const repli_snapshot *after, const char *action);
void repli__changes_roles(repli__log *log, const repli__mem *mem, const repli_snapshot *before,
                          const repli_snapshot *after, const char *action);

/* A shard that came (old is NULL), went (new is NULL) or has another role. Returns 0 to end. */
typedef int (*repli__changes_fn)(void *user_data, const repli_shard *old, const repli_shard *new);
/* Returns 0 when out of memory, or if visit did. */
int repli__changes_each(const repli__mem *mem, const repli_shards *old, const repli_shards *new,
                        repli__changes_fn visit, void *user_data);

#endif
