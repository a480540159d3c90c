#ifndef REPLI_AGENT_HISTOGRAM_H
#define REPLI_AGENT_HISTOGRAM_H

#include "agent/calls.h"
#include "base/prometheus.h"

/* All samples of a histogram, in seconds. label is the one besides "le". */
void repli__prometheus_histogram(repli__prometheus *out, const char *name, repli__label label,
                                 repli__calls *calls);

#endif
