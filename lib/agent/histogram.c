#include "agent/histogram.h"

#include <stdio.h>

void repli__prometheus_histogram(repli__prometheus *out, const char *name, repli__label label,
                                 repli__calls *calls) {
    char part[128];
    uint64_t count = 0;
    snprintf(part, sizeof(part), "%s_bucket", name);
    for (int i = 0; i < REPLI__CALLS_BUCKETS; i++) {
        char bound[40] = "+Inf";
        if (i < REPLI__CALLS_BUCKETS - 1)
            repli__prometheus_format_seconds(bound, sizeof(bound), repli__calls_bounds_ns[i]);
        count += atomic_load(&calls->buckets[i]);
        const repli__label labels[] = {label, {"le", bound}, {NULL, NULL}};
        repli__prometheus_count(out, part, labels, count);
    }
    const repli__label labels[] = {label, {NULL, NULL}};
    snprintf(part, sizeof(part), "%s_sum", name);
    repli__prometheus_seconds(out, part, labels, atomic_load(&calls->total_ns));
    snprintf(part, sizeof(part), "%s_count", name);
    repli__prometheus_count(out, part, labels, count);
}
