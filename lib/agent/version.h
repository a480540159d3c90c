#ifndef REPLI_AGENT_VERSION_H
#define REPLI_AGENT_VERSION_H

#include <stdatomic.h>

#include "agent/config.h"
#include "agent/facts.h"

/*
 * Find out the store's version without the store: by version.command, else from version.file, else
 * version.fixed. Blocks for as long as the command may take. What fails is logged, and the next way
 * tried. REPLI_ENOTFOUND: none is configured, or none worked.
 */
int32_t repli__version_find(const repli_config *config, const atomic_int *cancelled,
                            repli__log *log, repli__version *ret_version);

/* The version of this library, and how it was built. Static. */
repli_agent_version repli__version_of_agent(void);

#endif
