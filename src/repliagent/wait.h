#ifndef REPLIAGENT_WAIT_H
#define REPLIAGENT_WAIT_H

#include <stdint.h>

#include "client.h"

/* Wait for an action to end, showing its progress on standard error: in place on a terminal, else
 * a line for each change. timeout_ms -1: for ever. Prints the outcome, or the record if json.
 * wanted is the outcome (REPLI_ENDED_*) that is a success. Returns an exit status. */
int wait_for_action(struct client *client, const char *id, int64_t timeout_ms, int json,
                    int32_t wanted);

#endif
