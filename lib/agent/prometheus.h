#ifndef REPLI_AGENT_PROMETHEUS_H
#define REPLI_AGENT_PROMETHEUS_H

#include <stdint.h>

#include <replicante/alloc.h>

#include "agent/calls.h"

/*
 * Writes the Prometheus text format, whatever the locale is. What runs out of memory is remembered,
 * so that only the end needs to ask.
 */
typedef struct repli__prometheus {
    repli_buf *text;
    int32_t code;
} repli__prometheus;

/* A label of a sample. In a list of them a name of NULL ends it. */
typedef struct repli__label {
    const char *name;
    const char *value;
} repli__label;

/* What a metric is: its name, its type ("counter", "gauge", "histogram", "summary") and help. */
void repli__prometheus_metric(repli__prometheus *out, const char *name, const char *type,
                              const char *help);
/* One sample; labels may be NULL. */
void repli__prometheus_count(repli__prometheus *out, const char *name, const repli__label *labels,
                             uint64_t value);
void repli__prometheus_integer(repli__prometheus *out, const char *name, const repli__label *labels,
                               int64_t value);
/* value is finite. */
void repli__prometheus_real(repli__prometheus *out, const char *name, const repli__label *labels,
                            double value);
/* Nanoseconds, as seconds. */
void repli__prometheus_seconds(repli__prometheus *out, const char *name, const repli__label *labels,
                               uint64_t value_ns);
/* All samples of a histogram, in seconds. label is the one besides "le". */
void repli__prometheus_histogram(repli__prometheus *out, const char *name, repli__label label,
                                 repli__calls *calls);

#endif
