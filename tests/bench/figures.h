#ifndef TESTS_FIGURES_H
#define TESTS_FIGURES_H

#include <stddef.h>

/* Numbers of a measurement and their printing. */

/* The value below which that part of the values lies. Sorts them. */
double figures_quantile(double *values, size_t count, double part);

/* Two sides of one measurement, taken in turns, so that what else the machine does hits both. */
enum { FIGURES_ROUNDS = 25 };

typedef struct figures {
    double ours[FIGURES_ROUNDS];
    double theirs[FIGURES_ROUNDS];
    double ratio[FIGURES_ROUNDS];
    size_t count;
} figures;

void figures_add(figures *both, double ours, double theirs);
void figures_head(const char *ours, const char *theirs);
/* Medians. */
void figures_print(figures *both, const char *what, const char *unit);
void figures_line(const char *what, double ours, double theirs, const char *unit);

#endif
