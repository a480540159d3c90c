#ifndef ALLDATA_PACE_H
#define ALLDATA_PACE_H

#include <stdint.h>

/*
 * A reader that leaves the processors to writers: while there are any it rests as long as it works,
 * and longer when it is seen that others want the processor that it runs on. Else it would take half
 * of what a process is given, or the one that LevelDB wants to sort in what was written.
 */
typedef struct alldata__pace {
    uint64_t since_ns; /* of the thread's time on processors */
    uint64_t writes;
    long displaced; /* times that it was */
    unsigned steps;
} alldata__pace;

/* After each event that is read; writes is a number that others who write change. */
void alldata__pace_step(alldata__pace *pace, uint64_t writes);

#endif
