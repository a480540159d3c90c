#ifndef TESTS_FIGURES_H
#define TESTS_FIGURES_H

#include <stddef.h>

/* Numbers of a measurement and their printing. */

/* The value below which that part of the values lies. Sorts them. */
double figures_quantile(double *values, size_t count, double part);

/* BENCH_QUICK=1: fewer rounds, and a tenth of the records. */
int figures_quick(void);

/* Two sides of one measurement, taken in turns, so that what else the machine does hits both. */
enum { FIGURES_ROUNDS = 25 };
int figures_rounds(void); /* at most FIGURES_ROUNDS */

typedef struct figures {
    double ours[FIGURES_ROUNDS];
    double theirs[FIGURES_ROUNDS];
    double ratio[FIGURES_ROUNDS];
    size_t count;
} figures;

/* Time of all processors since the start of the system, in ticks, and of it what the host of a
 * virtual machine gave to others. */
typedef struct figures_time {
    unsigned long long all, stolen;
} figures_time;

figures_time figures_now(void);
/* The part that was stolen since then; 0 if the system does not tell. */
double figures_stolen(figures_time since);

/* What a figure is to reach; 0: nothing. */
typedef struct figures_target {
    double least, most;
} figures_target;

#define AT_LEAST(value) ((figures_target){.least = (value)})
#define AT_MOST(value) ((figures_target){.most = (value)})
#define NO_TARGET ((figures_target){0})

void figures_add(figures *both, double ours, double theirs);
void figures_head(const char *ours, const char *theirs);
/* Medians; the target is that of the ratio. */
void figures_print(figures *both, const char *what, const char *unit, figures_target target);
void figures_line(const char *what, double ours, double theirs, const char *unit,
                  figures_target target);
/* One of which the target is not a ratio. */
void figures_alone(const char *what, double ours, const char *unit, figures_target target);

#endif
