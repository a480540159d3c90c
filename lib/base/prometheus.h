#ifndef REPLI_BASE_PROMETHEUS_H
#define REPLI_BASE_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>

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
/* Nanoseconds as seconds, without more digits than are needed. 40 bytes are enough. */
void repli__prometheus_format_seconds(char *text, size_t size, uint64_t ns);

#endif
