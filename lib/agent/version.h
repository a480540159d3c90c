#ifndef REPLI_AGENT_VERSION_H
#define REPLI_AGENT_VERSION_H

#include "agent/config.h"
#include "agent/facts.h"
#include "base/process.h"

/* Finds out the store's version without the store: by version.command, which runs beside whoever
 * searches, else from version.file, else version.fixed. */
typedef struct repli__search {
    repli_config *config; /* NULL: no search is on */
    repli__log *log;
    int runs; /* the command */
    repli__job job;
    char output[4096];
} repli__search;

/* Begin one; none is on. */
void repli__search_begin(repli__search *search, repli_config *config, repli__log *log);
int repli__search_is_on(const repli__search *search);
/* Go on with one that is on; never waits. REPLI_EBUSY: the command still runs, come back in
 * REPLI__JOB_TICK_MS. Else the search is over: what fails was logged, and the next way tried.
 * REPLI_ENOTFOUND: no way is configured, or none worked. */
int32_t repli__search_go_on(repli__search *search, repli__version *ret_version);
/* End one that is on. Waits until the command, killed, is gone. */
void repli__search_cancel(repli__search *search);

/* The version of this library, and how it was built. Static. */
repli_agent_version repli__version_of_agent(void);

#endif
