#ifndef CONFORMANCE_BENCH_H
#define CONFORMANCE_BENCH_H

#include "conformance/board.h"
#include "conformance/conformance.h"

/* What a scene has to work with, in the process that the driver is in. */
struct bench {
    const char *driver;                        /* path of its file */
    const struct conformance_options *options; /* NULL: the driver is only loaded */
    struct board *board;
    int channel; /* to the process that watches */
};

/* Each returns when all that it can find out is on the board. */
void scene_load(struct bench *bench);
void scene_steady(struct bench *bench);
void scene_again(struct bench *bench);

/* Not 0 if the configuration says how. */
int bench_can(const struct bench *bench, int command);
/* Have the process that watches run a command: it has the rights that this one gave up. 0 if it was
 * done, else board->command_error says why not. */
int bench_command(struct bench *bench, int command);
/* What a rule cannot be judged without. */
const char *bench_command_name(int command);

#endif
