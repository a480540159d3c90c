#include <stdio.h>
#include <string.h>

#include "task.h"

typedef struct search {
    const char *name;
    int found;
    repli__alldata_interval interval;
} search;

static int32_t match(void *user_data, const repli__alldata_interval *interval) {
    search *it = user_data;
    if (strcmp(interval->name, it->name) == 0) {
        it->interval = *interval;
        it->found = 1;
    }
    return REPLI_OK;
}

static int32_t check(repli__alldata_task *task, search *wanted, repli_error *err) {
    const int32_t code = repli__alldata_intervals(task->alldata, task->op, match, wanted, err);
    if (code != REPLI_OK)
        return code;
    if (!wanted->found)
        return repli__alldata_fail(task->alldata, err, REPLI_ENOTFOUND, NULL,
                                   "this node has no interval %s", wanted->name);
    if (wanted->interval.open)
        return repli__alldata_fail(task->alldata, err, REPLI_ECONFLICT, NULL,
                                   "the interval %s is open, so there is more to come: export it "
                                   "when it is closed",
                                   wanted->name);
    return REPLI_OK;
}

/* The node writes the file on its own, and is asked until it is there. It is written again, since
 * events may have come late; one that was started anew knows nothing of what it was asked before.
 */
static int32_t ask(repli__alldata_task *task, const repli__alldata_status *seen, repli_error *err) {
    const char *interval = task->args.interval;
    char name[64] = "again=1&interval";
    if (task->request > 0 && strcmp(task->started, seen->started) == 0)
        snprintf(name, sizeof(name), "request=%lld&interval", (long long)task->request);
    repli__alldata_answer answer;
    int32_t code = repli__alldata_task_post(task, "export", name, interval, &answer, err);
    if (code != REPLI_OK)
        return code;
    const repli_host *host = task->alldata->host;
    snprintf(task->started, sizeof(task->started), "%s", seen->started);
    if (answer.status != 200) {
        code = repli__alldata_task_number(task, &answer, "an export", err);
    } else {
        host->json_string(host, answer.body, answer.size, "path", task->path, sizeof(task->path),
                          NULL);
        host->json_integer(host, answer.body, answer.size, "events", &task->number, NULL);
        task->number_name = "events";
    }
    repli__alldata_answer_free(task->alldata, &answer);
    return code;
}

int32_t repli__alldata_act_export(repli__alldata_task *task, repli_error *err) {
    search wanted = {.name = task->args.interval};
    repli__alldata_status seen;
    int32_t code = check(task, &wanted, err);
    if (code != REPLI_OK)
        return code;
    if (task->plans)
        return repli__alldata_task_tell(task, "export", "again=1&interval", wanted.name,
                                        "the file to be written",
                                        "write the %lld events of interval %s into a file",
                                        (long long)wanted.interval.events, wanted.name);
    code = repli__alldata_look(task->alldata, task->op, &seen, err);
    if (code == REPLI_OK)
        code = ask(task, &seen, err);
    if (code != REPLI_OK)
        return code;
    return *task->path ? repli__alldata_task_done(task)
                       : repli__alldata_task_wait(
                             task, err, "the file of interval %s to be written", wanted.name);
}
