#ifndef REPLI_AGENT_COMPOSE_H
#define REPLI_AGENT_COMPOSE_H

#include "agent/config.h"
#include "agent/facts.h"
#include "agent/probe.h"
#include "agent/snapshot.h"

/* Makes snapshots out of what is known. before is the snapshot that is to be replaced. */
typedef struct repli__composer {
    const repli_config *config;
    repli__facts *facts;
    const repli__mem *mem;
} repli__composer;

/* Before the first observation: Unknown. */
int32_t repli__compose_first(const repli__composer *composer, repli_snapshot **ret_snapshot,
                             repli_error *err);
/* What the driver answered. The shards are taken out of the probe. */
int32_t repli__compose_answer(const repli__composer *composer, repli__probe *probe,
                              const repli_snapshot *before, repli_snapshot **ret_snapshot,
                              repli_error *err);
/* That the driver does not return: Unavailable, with what was known before. */
int32_t repli__compose_overrun(const repli__composer *composer, repli__probe *probe,
                               const repli_snapshot *before, repli_snapshot **ret_snapshot,
                               repli_error *err);

#endif
