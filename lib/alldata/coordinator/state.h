#ifndef ALLDATA_COORDINATOR_STATE_H
#define ALLDATA_COORDINATOR_STATE_H

#include <pthread.h>

#include <alldata/coordinator.h>

#include "alldata/coordinator/job.h"
#include "alldata/internal.h"
#include "alldata/rouser.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

#define ALLDATA__COORDINATOR "coordinator"

/* Most records that are written at a time. */
enum { ALLDATA__WRITES = 4096 };

/*
 * The inside of a coordinator, for the files that it is made of. What is told or sent is collected
 * under the mutex, and told and sent when it is let go: see alldata__coordinator_leave().
 */
struct alldata_coordinator {
    repli__mem mem;
    repli__log log;
    alldata__owner owner;
    alldata_coordinator_options options;
    alldata__rouser rouser;
    repli__worker writer; /* to the disk */
    repli__worker clock;  /* for what is late */
    int has_writer, has_clock;

    /* Of the writer. */
    alldata_record *records;
    alldata__item **items;

    pthread_mutex_t mutex;                  /* guards what follows */
    alldata__item *first, *last;            /* that wait for the disk */
    alldata__item *earliest, *latest;       /* by their deadlines, of those that have one */
    uint64_t clock_ns;                      /* when the clock looks next */
    int is_used;                            /* since it looked last */
    alldata__job *finished, **finished_end; /* to be told */
    alldata_coordinator_counters counters;
};

/* Take the mutex, to be given back with leave, which then tells what is to be told. */
void alldata__coordinator_enter(alldata_coordinator *c);
void alldata__coordinator_leave(alldata_coordinator *c);

/* The mutex is held for all that follows. */

/* Nothing more is to become of a job's events. */
void alldata__coordinator_release(alldata_coordinator *c, alldata__job *job);
/* Have the clock look by then. */
void alldata__coordinator_watch(alldata_coordinator *c, uint64_t deadline_ns);

/* put.c: what becomes of an event. */

/* Without the mutex: look whether it is fit to be put, and under which key. */
void alldata__put_prepare(alldata_coordinator *c, alldata__item *item, const alldata_put *put);
void alldata__put_begin(alldata_coordinator *c, alldata__item *item);
/* The disk has it, or says why not. */
void alldata__put_written(alldata_coordinator *c, alldata__item *item, int32_t code,
                          const repli_error *error);
/* Answer all that were not. */
void alldata__put_cancel(alldata_coordinator *c);
/* Answer those whose deadline has passed. */
void alldata__put_expire(alldata_coordinator *c, uint64_t now_ns);

/* The work of the two workers, without the mutex (write.c, clock.c). */

uint64_t alldata__coordinator_write(void *user_data);
uint64_t alldata__coordinator_tick(void *user_data);

#endif
