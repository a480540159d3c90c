#ifndef REPLI_STORE_MACHINE_H
#define REPLI_STORE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* The life of an action: one table, from which store, executor, tests and documentation derive. */

/* What happens to an action. */
enum {
    REPLI__EVENT_SCHEDULE = 1, /* accepted and written down */
    REPLI__EVENT_CLAIM,        /* its turn has come, or come again after a restart */
    REPLI__EVENT_STEP,         /* a step was done and another is needed */
    REPLI__EVENT_SUCCEED,
    REPLI__EVENT_FAIL,
    REPLI__EVENT_CANCEL,
    REPLI__EVENT_EXPIRE /* its deadline passes */
};

typedef struct repli__machine_row {
    int32_t from; /* REPLI_PHASE_*, 0 before it exists */
    int32_t event;
    int32_t to;
    const char *comment;
} repli__machine_row;

extern const repli__machine_row repli__machine[];
extern const size_t repli__machine_rows;

/* The phase that event leads to; 0 if it cannot happen in phase from. */
int32_t repli__machine_next(int32_t from, int32_t event);
const char *repli__machine_event_name(int32_t event);

#endif
