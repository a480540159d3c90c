#include "figures.h"

#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double figures_quantile(double *values, size_t count, double part) {
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    const size_t at = (size_t)((double)count * part);
    return values[at < count ? at : count - 1];
}

void figures_add(figures *both, double ours, double theirs) {
    both->ours[both->count] = ours;
    both->theirs[both->count] = theirs;
    both->ratio[both->count++] = ours / theirs;
}

static void line(const char *what, double ours, double theirs, double ratio, const char *unit) {
    printf("  %-50s %8.0f %8.0f  %5.2f  %s\n", what, ours, theirs, ratio, unit);
    fflush(stdout);
}

void figures_head(const char *ours, const char *theirs) {
    printf("  %-50s %8s %8s  %5s\n", "", ours, theirs, "ratio");
}

void figures_print(figures *both, const char *what, const char *unit) {
    line(what, figures_quantile(both->ours, both->count, 0.5),
         figures_quantile(both->theirs, both->count, 0.5),
         figures_quantile(both->ratio, both->count, 0.5), unit);
}

void figures_line(const char *what, double ours, double theirs, const char *unit) {
    line(what, ours, theirs, ours / theirs, unit);
}
