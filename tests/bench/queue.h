#ifndef TESTS_QUEUE_H
#define TESTS_QUEUE_H

#include <stdint.h>

#include "action/executor.h"
#include "driver/instance.h"
#include "store/store.h"

/* The queue that is measured: the store, and an executor whose actions are done in one step. Ends
 * the program when something fails. */
typedef struct queue {
    repli__store *store;
    repli__log log;
    repli__registry *registry;
    repli__host *host;
    repli__executor *executor;
} queue;

void queue_need(int32_t code, const repli_error *error);

/* The database may be there already. */
void queue_open(queue *it, const char *path);
void queue_close(queue *it);
/* id NULL: a new one. */
void queue_schedule(queue *it, const char *id);

void queue_start(queue *it);
void queue_stop(queue *it);
/* Wait until that many actions are done since the start. */
void queue_wait(uint64_t number);
/* When the last step was called. */
uint64_t queue_stepped_ns(void);
/* Schedule that many, then execute them; actions a second of the latter. */
double queue_drain(queue *it, uint64_t count);

/* A path below the directory in which the benchmarks work; static for each of up to four calls. */
const char *queue_path(const char *directory, const char *name);

#endif
