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

/* The node writes the file on its own, and is asked until it is there. */
int32_t repli__alldata_act_export(repli__alldata_task *task, repli_error *err) {
    search wanted = {.name = task->args.interval};
    int32_t code = check(task, &wanted, err);
    if (code != REPLI_OK)
        return code;
    if (task->plans)
        return repli__alldata_task_tell(task, "export", "interval", wanted.name,
                                        "the file to be written",
                                        "write the %lld events of interval %s into a file",
                                        (long long)wanted.interval.events, wanted.name);
    repli__alldata_answer answer;
    code = repli__alldata_task_post(task, "export", "interval", wanted.name, &answer, err);
    if (code != REPLI_OK)
        return code;
    const repli_host *host = task->alldata->host;
    const int written = answer.status == 200;
    if (written)
        host->json_string(host, answer.body, answer.size, "path", task->path, sizeof(task->path),
                          NULL);
    repli__alldata_answer_free(task->alldata, &answer);
    if (!written)
        return repli__alldata_task_wait(task, err, "the file of interval %s to be written",
                                        wanted.name);
    task->number = wanted.interval.events;
    task->number_name = "events";
    return repli__alldata_task_done(task);
}
