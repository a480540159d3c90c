#ifndef REPLI_ACTION_RESULT_H
#define REPLI_ACTION_RESULT_H

#include <replicante/driver.h>

#include "base/mem.h"

/* What became of a step, to be recorded. */
typedef struct repli__result {
    int32_t phase;
    int32_t ended;       /* REPLI_ENDED_*, or 0: as phase says */
    const char *payload; /* NULL: as it was */
    const char *error;   /* for FAILED: JSON */
    repli_buf error_text;
    int64_t next_ms;
} repli__result;

/* RUNNING, nothing new. */
void repli__result_init(repli__result *result, const repli__mem *mem);
void repli__result_dispose(repli__result *result);
/* What the step said; ended: REPLI_ENDED_* of a FAILED one, or 0. Texts stay those of outcome. */
void repli__result_take(repli__result *result, const repli_outcome *outcome, int32_t ended);
/* FAILED. cause may be NULL. */
void repli__result_fail(repli__result *result, int32_t ended, const char *message,
                        const char *cause);

#endif
