#ifndef CONFORMANCE_SURROUNDINGS_H
#define CONFORMANCE_SURROUNDINGS_H

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "conformance/board.h"

/* What belongs to the process, and a driver leaves alone. */
struct surroundings {
    struct sigaction actions[NSIG];
    sigset_t mask;
    char locale[512];
    char directory[PATH_MAX];
    mode_t umask;
    uint64_t environment; /* a sum over it */
};

void surroundings_take(struct surroundings *surroundings);
/* Since then; fails the rules that were broken. started: programs that were started may go on. */
void surroundings_compare(const struct surroundings *before, struct board *board, int started);

/* How many there are in this process. */
size_t surroundings_descriptors(void);
size_t surroundings_threads(void);
/* Bytes that malloc has given out; 0 if it does not tell. */
size_t surroundings_memory(void);
unsigned char surroundings_is_open(int fd);
/* A descriptor that was not known and that a program started by this process would inherit, with
 * what it leads to; -1: none. */
int surroundings_inherited(const unsigned char *known, size_t known_size, char *text, size_t size);

#endif
