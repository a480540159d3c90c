#include "figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* See proc(5): user, nice, system, idle, iowait, irq, softirq, steal. */
figures_time figures_now(void) {
    enum { TIMES = 8 };
    figures_time now = {0, 0};
    FILE *file = fopen("/proc/stat", "re");
    int told = file != NULL && fscanf(file, "cpu") == 0;
    for (int i = 0; told && i < TIMES; i++) {
        told = fscanf(file, " %llu", &now.stolen) == 1;
        now.all += now.stolen;
    }
    if (file != NULL)
        fclose(file);
    return told ? now : (figures_time){0, 0};
}

double figures_stolen(figures_time since) {
    const figures_time now = figures_now();
    return now.all > since.all ? (double)(now.stolen - since.stolen) / (double)(now.all - since.all)
                               : 0;
}

int figures_quick(void) {
    const char *quick = getenv("BENCH_QUICK");
    return quick != NULL && strcmp(quick, "0") != 0;
}

int figures_rounds(void) {
    return figures_quick() ? 5 : FIGURES_ROUNDS;
}

static void print_target(double value, figures_target target) {
    if (target.least > 0)
        printf("  %s, %.2f or more", value >= target.least ? "met" : "MISSED", target.least);
    if (target.most > 0)
        printf("  %s, %.2f or less", value <= target.most ? "met" : "MISSED", target.most);
    putchar('\n');
    fflush(stdout);
}

static void line(const char *what, double ours, double theirs, double ratio, const char *unit,
                 figures_target target) {
    const int digits = ours < 100 && theirs < 100 ? 1 : 0;
    printf("  %-54s %9.*f %9.*f %-11s %5.2f", what, digits, ours, digits, theirs, unit, ratio);
    print_target(ratio, target);
}

void figures_head(const char *ours, const char *theirs) {
    printf("  %-54s %9s %9s %-11s %5s  %s\n", "", ours, theirs, "", "ratio", "target");
}

void figures_print(figures *both, const char *what, const char *unit, figures_target target) {
    line(what, figures_quantile(both->ours, both->count, 0.5),
         figures_quantile(both->theirs, both->count, 0.5),
         figures_quantile(both->ratio, both->count, 0.5), unit, target);
}

void figures_line(const char *what, double ours, double theirs, const char *unit,
                  figures_target target) {
    line(what, ours, theirs, ours / theirs, unit, target);
}

void figures_alone(const char *what, double ours, const char *unit, figures_target target) {
    printf("  %-54s %9.*f %9s %-11s %5s", what, ours < 100 ? 1 : 0, ours, "", unit, "");
    print_target(ours, target);
}
