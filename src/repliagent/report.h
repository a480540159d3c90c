#ifndef REPLIAGENT_REPORT_H
#define REPLIAGENT_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "conformance.h"

/* How many rules came out how. */
struct report_sum {
    size_t passed, failed, not_applicable;
    size_t failed_musts, failed_shoulds;
};

struct report_sum report_sum(const struct conformance *conformance);

/* What a check found, for people, for programs, and in the form of the Test Anything Protocol,
 * where strict makes a SHOULD count that is not kept. A table has lines of at most width
 * characters, unless that is 0; what was cut off is told below it if it matters. */
void report_table(const struct conformance *conformance, size_t width, FILE *to, int colour);
void report_json(const struct conformance *conformance, const char *driver, FILE *to);
void report_tap(const struct conformance *conformance, int strict, FILE *to);

#endif
