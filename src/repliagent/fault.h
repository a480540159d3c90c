#ifndef REPLIAGENT_FAULT_H
#define REPLIAGENT_FAULT_H

#include "logsink.h"

/*
 * A driver runs in the agent's process, so one that crashes takes the agent with it. The last line
 * of the log then says in which thread, and so what the driver was doing; the signal does what it
 * would have done without that, core dump included.
 */

/* Once, before the driver is opened, which is said to be what the main thread does until
 * fault_started(). Handlers that somebody else has installed, such as a sanitizer, stay. */
void fault_prepare(const char *driver, const struct logsink *log);
void fault_started(void);

#endif
