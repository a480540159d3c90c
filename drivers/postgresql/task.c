#include "task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "plan.h"
#include "postgresql.h"
#include "text.h"

/* Facts that a payload may hold. They outlive the action as its output. */
static const char *const fact_names[] = {
    "system_identifier", "timeline", "slot",    "source",  "node",
    "started",           "stopping", "attempt", "progress"};

enum { FACT_COUNT = sizeof(fact_names) / sizeof(*fact_names) };

static void now_text(char ret_text[24]) {
    const time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || strftime(ret_text, 24, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        ret_text[0] = '\0';
}

static time_t parse_time(const char *text) {
    struct tm parts = {0};
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
        return time(NULL);
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    return timegm(&parts);
}

void repli__pg_task_load(repli__pg_task *task, const char *payload_json) {
    const repli_host *host = task->pg->host;
    for (size_t i = 0; i < FACT_COUNT; i++)
        task->facts[i].name = fact_names[i];
    if (payload_json) {
        const size_t size = strlen(payload_json);
        host->json_string(host, payload_json, size, "step", task->stage, sizeof(task->stage), NULL);
        host->json_string(host, payload_json, size, "entered", task->entered, sizeof(task->entered),
                          NULL);
        for (size_t i = 0; i < FACT_COUNT; i++)
            host->json_string(host, payload_json, size, fact_names[i], task->facts[i].value,
                              sizeof(task->facts[i].value), NULL);
    }
    if (!*task->entered)
        now_text(task->entered);
}

int repli__pg_task_in(const repli__pg_task *task, const char *stage) {
    return strcmp(task->stage, stage) == 0;
}

const char *repli__pg_task_fact(const repli__pg_task *task, const char *name) {
    for (size_t i = 0; i < FACT_COUNT; i++)
        if (strcmp(fact_names[i], name) == 0)
            return task->facts[i].value;
    return "";
}

void repli__pg_task_set(repli__pg_task *task, const char *name, const char *value) {
    for (size_t i = 0; i < FACT_COUNT; i++)
        if (strcmp(fact_names[i], name) == 0)
            snprintf(task->facts[i].value, sizeof(task->facts[i].value), "%s", value);
}

int64_t repli__pg_task_seconds(const repli__pg_task *task) {
    return (int64_t)(time(NULL) - parse_time(task->entered));
}

int repli__pg_task_late(const repli__pg_task *task) {
    return repli__pg_task_seconds(task) >= task->args.timeout_s;
}

static void add_member(repli__pg_text *text, const char *name, const char *value) {
    if (!*value)
        return;
    repli__pg_text_add(text, text->size > 1 ? "," : "");
    repli__pg_text_json(text, name);
    repli__pg_text_add(text, ":");
    repli__pg_text_json(text, value);
}

static int32_t emit(repli__pg_task *task, int32_t phase, int64_t next_step_ms,
                    const char *waiting_for, const repli_process *process, repli_error *err) {
    const repli_host *host = task->pg->host;
    repli__pg_plan *plan = task->pg->plan;
    if (plan) {
        plan->over = phase == REPLI_PHASE_DONE;
        if (waiting_for)
            repli__pg_plan_wait(task->pg, waiting_for);
        return plan->code;
    }
    repli__pg_text text;
    repli__pg_text_init(&text, host);
    repli__pg_text_add(&text, "{");
    if (phase == REPLI_PHASE_RUNNING) {
        add_member(&text, "step", task->stage);
        add_member(&text, "entered", task->entered);
    }
    for (size_t i = 0; i < FACT_COUNT; i++)
        add_member(&text, fact_names[i], task->facts[i].value);
    if (process)
        repli__pg_text_printf(&text, ",\"process\":{\"pid\":%lld,\"start_time\":%llu}",
                              (long long)process->pid, (unsigned long long)process->start_time);
    repli__pg_text_add(&text, "}");

    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    outcome.payload_json = repli__pg_text_get(&text);
    outcome.next_step_ms = next_step_ms;
    outcome.waiting_for = waiting_for;
    const int32_t code = outcome.payload_json ? host->emit_outcome(task->sink, &outcome)
                                              : repli__pg_nomem(task->pg, err);
    repli__pg_text_free(&text);
    return code;
}

int32_t repli__pg_task_go(repli__pg_task *task, const char *stage, repli_error *err) {
    snprintf(task->stage, sizeof(task->stage), "%s", stage);
    now_text(task->entered);
    if (task->pg->plan)
        task->pg->plan->moved = 1;
    return emit(task, REPLI_PHASE_RUNNING, 0, NULL, NULL, err);
}

int32_t repli__pg_task_wait(repli__pg_task *task, int64_t milliseconds,
                            const repli_process *process, repli_error *err, const char *format,
                            ...) {
    char waiting_for[300];
    va_list args;
    va_start(args, format);
    vsnprintf(waiting_for, sizeof(waiting_for), format, args);
    va_end(args);
    return emit(task, REPLI_PHASE_RUNNING, milliseconds, waiting_for, process, err);
}

int32_t repli__pg_task_done(repli__pg_task *task, repli_error *err) {
    static const char *const inner[] = {"attempt", "progress"};
    for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
        repli__pg_task_set(task, inner[i], "");
    return emit(task, REPLI_PHASE_DONE, -1, NULL, NULL, err);
}
