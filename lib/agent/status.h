#ifndef REPLI_AGENT_STATUS_H
#define REPLI_AGENT_STATUS_H

#include "agent/probe.h"

/* Room for the reason of any status. */
#define REPLI__REASON_SIZE 1024

/* The status that a driver's error means (REPLI_STATUS_*); Healthy for REPLI_OK. */
int32_t repli__status_of_code(int32_t code);

/* The status that an observation means, and the reason, which is empty if there is none. */
int32_t repli__status_of_probe(const repli__probe *probe, char ret_reason[REPLI__REASON_SIZE]);

#endif
