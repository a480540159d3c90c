#ifndef REPLIAGENT_SINK_H
#define REPLIAGENT_SINK_H

#include <replicante/agent.h>

#include "config.h"
#include "logsink.h"

/*
 * Ships the agent's log of events to AllData: each event under a key that is made of the event
 * itself, so that shipping it again changes nothing; in order, in batches, by a thread that goes on
 * where it was, which is written down in a file beside the database.
 */
struct sink;

/* What is wrong with the settings of the sink is added to problems. */
void sink_check(struct config *config, struct problems *problems);

/* *ret_sink is NULL if the configuration has no sink. Returns 0, or -1 after having logged why not.
 * agent and log outlive the sink. */
int sink_start(const struct config *config, repli_agent *agent, struct logsink *log,
               struct sink **ret_sink);
/* A request that is under way is given up: what it was about is shipped by the next agent. Before
 * the agent is freed. NULL is fine. */
void sink_stop(struct sink *sink);

#endif
