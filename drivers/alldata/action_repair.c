#include <stdio.h>
#include <string.h>

#include "task.h"

/* A node that was started anew knows nothing of what it was asked before, so it
 * is asked again, which does no harm. */
int32_t repli__alldata_act_repair(repli__alldata_task *task, repli_error *err) {
    const char *interval = task->args.interval;
    repli__alldata_status seen;
    int32_t code = repli__alldata_look(task->alldata, task->op, &seen, err);
    if (code != REPLI_OK)
        return code;
    const int asked = task->request > 0 && strcmp(task->started, seen.started) == 0;
    /* Without peers there is nothing to compare with. */
    if (!*seen.gossip || (asked && seen.repairs_done >= task->request)) {
        task->number = seen.missing;
        task->number_name = "missing";
        return repli__alldata_task_done(task);
    }
    if (task->plans)
        return repli__alldata_task_tell(task, "repair", "interval", interval,
                                        "the end of the comparison",
                                        "compare %s%s with the other nodes, and fetch and hand "
                                        "over what is missing",
                                        *interval ? "interval " : "all intervals", interval);
    if (!asked) {
        repli__alldata_answer answer;
        code = repli__alldata_task_post(task, "repair", "interval", interval, &answer, err);
        if (code != REPLI_OK)
            return code;
        snprintf(task->started, sizeof(task->started), "%s", seen.started);
        code = repli__alldata_task_number(task, &answer, "a repair", err);
        repli__alldata_answer_free(task->alldata, &answer);
        if (code != REPLI_OK)
            return code;
    }
    return repli__alldata_task_wait(task, err, "the end of the repair; %lld events are missing",
                                    (long long)seen.missing);
}
