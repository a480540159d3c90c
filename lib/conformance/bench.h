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
void scene_reopen(struct bench *bench);
void scene_scarce(struct bench *bench);
void scene_refused(struct bench *bench);
void scene_many(struct bench *bench);
void scene_concurrent(struct bench *bench);
void scene_write(struct bench *bench);
void scene_stopped(struct bench *bench);
void scene_hung(struct bench *bench);
void scene_credentials(struct bench *bench);
void scene_kinds(struct bench *bench);
void scene_actions(struct bench *bench);

/* Not 0 if the configuration says how. */
int bench_can(const struct bench *bench, int command);
/* Have the process that watches run a command: it has the rights that this one gave up. 0 if it was
 * done, else board->command_error says why not. */
int bench_command(struct bench *bench, int command);
/* Where it stands in the configuration. */
const char *bench_command_name(int command);
/* No rule of that scene can be judged, but for those that were. */
void bench_skip(struct bench *bench, enum scene_id scene, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Not 0 if both are configured; skips the scene otherwise. */
int bench_needs(struct bench *bench, enum scene_id scene, int command, int other);

#endif
