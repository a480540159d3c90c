#include "action/run.h"

#include <stdio.h>

#include "action/waiting.h"

/* Longest part of a kind that an error shows. */
enum { KIND_SIZE = 256 };

/* A payload that stays the same no longer says what was waited for; that of a failure still does.
 */
int32_t repli__run_take(repli__run *run, int64_t now_ns) {
    const repli_outcome *outcome = &run->sink.outcome;
    repli__result *result = &run->result;
    repli__result_take(result, outcome, run->sink.ended);
    const int waits = outcome->waiting_for != NULL;
    const int stale = run->waits && result->payload == NULL;
    if (!waits && (!stale || result->phase == REPLI_PHASE_FAILED))
        return REPLI_OK;
    const char *payload = result->payload != NULL ? result->payload : run->payload;
    return repli__waiting_say(&run->sink.arena, payload, outcome->waiting_for, run->payload, now_ns,
                              &result->payload);
}

void repli__run_fail_unknown(repli__run *run) {
    char message[KIND_SIZE + 160];
    const int interrupted = run->claim.interrupted;
    snprintf(message, sizeof(message),
             "this agent does not offer actions of kind %.*s any more; it did when the action %s%s",
             KIND_SIZE, run->claim.action->kind, interrupted ? "began" : "was scheduled",
             interrupted ? ", whose effect is unknown" : "");
    repli__result_fail(&run->result, interrupted ? REPLI_ENDED_INTERRUPTED : REPLI_ENDED_FAILED,
                       message, NULL);
}

int repli__run_heeds(const repli__run *run, uint32_t flag) {
    return (run->handler->kind.flags & flag) != 0;
}

int repli__run_ends_here(const repli__run *run, uint32_t call) {
    const int interrupted = (run->flags & REPLI_STEP_INTERRUPTED) != 0;
    if (call == 0)
        return 0;
    if (run->steps == 0 && !interrupted)
        return 1;
    if (repli__run_heeds(run, REPLI_KIND_CANCEL_BY_STEP))
        return 0;
    /* A step that may have happened in part is first done again. */
    return (call & REPLI_STEP_DEADLINE) != 0 ||
           (repli__run_heeds(run, REPLI_KIND_CANCEL_BETWEEN_STEPS) && !interrupted);
}

void repli__run_end_here(repli__run *run, uint32_t call) {
    const int late = (call & REPLI_STEP_DEADLINE) != 0;
    const int interrupted = (run->flags & REPLI_STEP_INTERRUPTED) != 0;
    const char *message = late ? "its deadline passed while it ran: its effect is unknown"
                               : "cancelled between two steps";
    if (run->steps == 0 && !interrupted)
        message = late ? "its deadline passed before its first step: it never started, so it had "
                         "no effect"
                       : "cancelled before its first step: it had no effect";
    else if (late && repli__run_heeds(run, REPLI_KIND_CANCEL_BETWEEN_STEPS) && !interrupted)
        message = "its deadline passed, and it was ended between two steps";
    repli__result_fail(&run->result, late ? REPLI_ENDED_TIMED_OUT : REPLI_ENDED_CANCELLED, message,
                       NULL);
}

static const char *cause_of(const repli_error *error) {
    return error->cause[0] != '\0' ? error->cause : NULL;
}

void repli__run_fail(repli__run *run, const repli_error *error) {
    repli__result_fail(&run->result, REPLI_ENDED_FAILED, error->message, cause_of(error));
}

void repli__run_take_end(repli__run *run, int32_t code, const repli_error *error) {
    repli__result *result = &run->result;
    const int late = (run->flags & REPLI_STEP_DEADLINE) != 0;
    const int32_t ended = late ? REPLI_ENDED_TIMED_OUT : REPLI_ENDED_CANCELLED;
    if (code == REPLI_ECANCELLED)
        repli__result_fail(result, ended, error->message, cause_of(error));
    else if (result->phase == REPLI_PHASE_FAILED)
        result->ended = run->sink.ended != 0 ? run->sink.ended : ended;
    else if (late && result->phase != REPLI_PHASE_DONE)
        repli__result_fail(result, ended,
                           "its deadline passed while it ran, and it could not be ended at a safe "
                           "point: its effect is unknown",
                           code != REPLI_OK ? error->message : NULL);
    else if (code != REPLI_OK)
        repli__run_fail(run, error);
}
