#ifndef REPLI_ACTION_RUN_H
#define REPLI_ACTION_RUN_H

#include "action/registry.h"
#include "action/result.h"
#include "base/arena.h"
#include "driver/sink.h"
#include "store/store.h"

/* An action while it runs: from TAKE to TAKE. */
typedef struct repli__run {
    repli__claim claim;
    const repli__handler *handler; /* NULL: nobody offers this kind any more */
    uint64_t steps;                /* recorded so far */
    uint32_t flags;                /* for the next step */
    const char *payload;           /* as recorded */
    repli__arena payload_arena;    /* owns payload, unless the claim does */
    int64_t pause_ms;              /* of the last pause that the library chose; 0: none */
    uint32_t answered;             /* the call to end that the last step was given */
    int late;                      /* the deadline came during a step */
    int waits;                     /* the last step said for what, and so payload does */

    /* Of the step that is to be recorded. */
    repli_sink sink;
    repli__result result;
} repli__run;

/* Does its kind have that REPLI_KIND_*? */
int repli__run_heeds(const repli__run *run, uint32_t flag);

/* A call to end is REPLI_STEP_CANCELLED, with _DEADLINE if that is why; 0: there is none. */

/* Is there nothing more to be asked of an action that is called to end? */
int repli__run_ends_here(const repli__run *run, uint32_t call);
/* Then: its result. */
void repli__run_end_here(repli__run *run, uint32_t call);
/* What a step says that was called to end, beside its outcome, which was taken. */
void repli__run_take_end(repli__run *run, int32_t code, const repli_error *error);

/* A step succeeded: take its outcome. REPLI_ENOMEM if there is no room to say what it waits for. */
int32_t repli__run_take(repli__run *run, int64_t now_ns);
/* Nobody offers the kind any more. */
void repli__run_fail_unknown(repli__run *run);
/* A step returned an error. */
void repli__run_fail(repli__run *run, const repli_error *error);

#endif
