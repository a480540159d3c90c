#include "store/machine.h"

#include <replicante/types.h>

const repli__machine_row repli__machine[] = {
    {0, REPLI__EVENT_SCHEDULE, REPLI_PHASE_NEW, "accepted and on disk"},
    {REPLI_PHASE_NEW, REPLI__EVENT_CLAIM, REPLI_PHASE_RUNNING,
     "the oldest that may run, none runs"},
    {REPLI_PHASE_NEW, REPLI__EVENT_CANCEL, REPLI_PHASE_FAILED, "cancelled before its turn"},
    {REPLI_PHASE_NEW, REPLI__EVENT_EXPIRE, REPLI_PHASE_FAILED, "its deadline came before its turn"},
    {REPLI_PHASE_RUNNING, REPLI__EVENT_CLAIM, REPLI_PHASE_RUNNING, "resumed after a restart"},
    {REPLI_PHASE_RUNNING, REPLI__EVENT_CANCEL, REPLI_PHASE_RUNNING,
     "asked to end, at a safe point"},
    {REPLI_PHASE_RUNNING, REPLI__EVENT_STEP, REPLI_PHASE_RUNNING, "a step done, more to come"},
    {REPLI_PHASE_RUNNING, REPLI__EVENT_SUCCEED, REPLI_PHASE_DONE, "the last step succeeded"},
    {REPLI_PHASE_RUNNING, REPLI__EVENT_FAIL, REPLI_PHASE_FAILED, "a step failed"},
};

const size_t repli__machine_rows = sizeof(repli__machine) / sizeof(repli__machine[0]);

int32_t repli__machine_next(int32_t from, int32_t event) {
    for (size_t i = 0; i < repli__machine_rows; i++)
        if (repli__machine[i].from == from && repli__machine[i].event == event)
            return repli__machine[i].to;
    return 0;
}

const char *repli__machine_event_name(int32_t event) {
    switch (event) {
    case REPLI__EVENT_SCHEDULE: return "schedule";
    case REPLI__EVENT_CLAIM: return "claim";
    case REPLI__EVENT_STEP: return "step";
    case REPLI__EVENT_SUCCEED: return "succeed";
    case REPLI__EVENT_FAIL: return "fail";
    case REPLI__EVENT_CANCEL: return "cancel";
    case REPLI__EVENT_EXPIRE: return "expire";
    default: return "unknown";
    }
}
