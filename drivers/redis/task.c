#include "task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "plan.h"
#include "redis.h"

enum { LOOK_AGAIN_MS = 100, PAYLOAD_SIZE = 2048 };

static void now_text(char ret_text[24]) {
    const time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || strftime(ret_text, 24, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        ret_text[0] = '\0';
}

static int64_t seconds_since(const char *text) {
    struct tm parts = {0};
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
        return 0;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    return (int64_t)(time(NULL) - timegm(&parts));
}

void repli__redis_task_load(repli__redis_task *task, const char *payload_json) {
    const repli_host *host = task->redis->host;
    const struct {
        const char *name;
        char *text;
        size_t size;
    } members[] = {{"step", task->stage, sizeof(task->stage)},
                   {"entered", task->entered, sizeof(task->entered)},
                   {"begun", task->begun, sizeof(task->begun)},
                   {"primary", task->primary, sizeof(task->primary)}};
    for (size_t i = 0; payload_json && i < sizeof(members) / sizeof(*members); i++)
        host->json_string(host, payload_json, strlen(payload_json), members[i].name,
                          members[i].text, members[i].size, NULL);
    if (!*task->begun)
        now_text(task->begun);
    if (!*task->entered)
        now_text(task->entered);
}

int repli__redis_task_in(const repli__redis_task *task, const char *stage) {
    return strcmp(task->stage, stage) == 0;
}

int64_t repli__redis_task_seconds(const repli__redis_task *task) {
    return seconds_since(task->entered);
}

int repli__redis_task_late(const repli__redis_task *task) {
    return seconds_since(task->begun) >= task->args.timeout_s;
}

/* Add a member to an object. What does not fit, which only an absurd name could bring about, is
 * left out whole. */
static void add_member(char *json, const char *name, const char *value) {
    char quoted[PAYLOAD_SIZE / 2];
    size_t used = 0;
    for (const char *at = value; *at && used + 3 < sizeof(quoted); at++) {
        if (*at == '"' || *at == '\\')
            quoted[used++] = '\\';
        quoted[used++] = (unsigned char)*at < 0x20 ? ' ' : *at;
    }
    quoted[used] = '\0';
    const size_t length = strlen(json);
    if (*value && length + used + strlen(name) + 8 < PAYLOAD_SIZE)
        snprintf(json + length, PAYLOAD_SIZE - length, "%s\"%s\":\"%s\"", length > 1 ? "," : "",
                 name, quoted);
}

static int32_t emit(repli__redis_task *task, int32_t phase, int64_t next_step_ms,
                    const char *waiting_for) {
    if (task->plan) {
        if (waiting_for)
            repli__redis_plan_then(task, "%s", waiting_for);
        return REPLI_OK;
    }
    char json[PAYLOAD_SIZE + 2] = "{";
    if (phase == REPLI_PHASE_RUNNING) {
        add_member(json, "step", task->stage);
        add_member(json, "entered", task->entered);
    }
    add_member(json, "begun", task->begun);
    add_member(json, "primary", task->primary);
    memcpy(json + strlen(json), "}", 2);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    outcome.payload_json = json;
    outcome.waiting_for = waiting_for;
    outcome.next_step_ms = next_step_ms;
    return task->redis->host->emit_outcome(task->sink, &outcome);
}

int32_t repli__redis_task_go(repli__redis_task *task, const char *stage, int64_t milliseconds,
                             repli_error *err) {
    (void)err;
    snprintf(task->stage, sizeof(task->stage), "%s", stage);
    now_text(task->entered);
    return emit(task, REPLI_PHASE_RUNNING, milliseconds, NULL);
}

int32_t repli__redis_task_wait(repli__redis_task *task, repli_error *err, const char *format, ...) {
    char waiting_for[400];
    va_list args;
    va_start(args, format);
    vsnprintf(waiting_for, sizeof(waiting_for), format, args);
    va_end(args);
    if (repli__redis_task_late(task))
        return repli__redis_fail(task->redis, err, REPLI_ETIMEOUT, NULL,
                                 "gave up after %lld s waiting for %s",
                                 (long long)seconds_since(task->begun), waiting_for);
    return emit(task, REPLI_PHASE_RUNNING, LOOK_AGAIN_MS, waiting_for);
}

int32_t repli__redis_task_done(repli__redis_task *task, repli_error *err) {
    (void)err;
    return emit(task, REPLI_PHASE_DONE, -1, NULL);
}
