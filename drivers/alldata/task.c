#include "task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOOK_AGAIN_MS = 100, PAYLOAD_SIZE = 4096 };

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

void repli__alldata_task_load(repli__alldata_task *task, const char *payload_json) {
    const repli_host *host = task->alldata->host;
    const size_t size = payload_json ? strlen(payload_json) : 0;
    if (payload_json) {
        host->json_string(host, payload_json, size, "begun", task->begun, sizeof(task->begun),
                          NULL);
        host->json_string(host, payload_json, size, "node_started", task->started,
                          sizeof(task->started), NULL);
        host->json_integer(host, payload_json, size, "request", &task->request, NULL);
    }
    if (!*task->begun)
        now_text(task->begun);
}

/* Add a member to an object. A text that does not fit, which only an absurd
 * name could bring about, is left out whole. */
static void add_text(char *json, const char *name, const char *value) {
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

static void add_integer(char *json, const char *name, int64_t value) {
    const size_t length = strlen(json);
    snprintf(json + length, PAYLOAD_SIZE - length, "%s\"%s\":%lld", length > 1 ? "," : "", name,
             (long long)value);
}

static int32_t emit(repli__alldata_task *task, int32_t phase, const char *waiting_for) {
    if (task->plans)
        return REPLI_OK;
    char json[PAYLOAD_SIZE + 2] = "{";
    add_text(json, "begun", task->begun);
    if (phase == REPLI_PHASE_RUNNING) {
        add_text(json, "node_started", task->started);
        if (task->request > 0)
            add_integer(json, "request", task->request);
    }
    add_text(json, "path", task->path);
    if (task->number_name)
        add_integer(json, task->number_name, task->number);
    memcpy(json + strlen(json), "}", 2);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    outcome.payload_json = json;
    outcome.waiting_for = waiting_for;
    outcome.next_step_ms = phase == REPLI_PHASE_RUNNING ? LOOK_AGAIN_MS : -1;
    return task->alldata->host->emit_outcome(task->sink, &outcome);
}

int32_t repli__alldata_task_wait(repli__alldata_task *task, repli_error *err, const char *format,
                                 ...) {
    char waiting_for[400];
    va_list args;
    va_start(args, format);
    vsnprintf(waiting_for, sizeof(waiting_for), format, args);
    va_end(args);
    if (seconds_since(task->begun) >= task->args.timeout_s)
        return repli__alldata_fail(task->alldata, err, REPLI_ETIMEOUT, NULL,
                                   "gave up after %lld s waiting for %s",
                                   (long long)seconds_since(task->begun), waiting_for);
    return emit(task, REPLI_PHASE_RUNNING, waiting_for);
}

int32_t repli__alldata_task_done(repli__alldata_task *task) {
    return emit(task, REPLI_PHASE_DONE, NULL);
}

/* Asking the node. */

/* What stands in a query is spelled so that it can be nothing else. */
static void make_path(char *ret_path, size_t size, const char *what, const char *name,
                      const char *value) {
    int length = snprintf(ret_path, size, "/_alldata/%s%s%s%s", what, *value ? "?" : "",
                          *value ? name : "", *value ? "=" : "");
    for (const char *at = value; *at && (size_t)length + 4 < size; at++) {
        const int plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                          (*at >= 'A' && *at <= 'Z') || strchr(".-_:", *at);
        length += snprintf(ret_path + length, size - (size_t)length, plain ? "%c" : "%%%02X",
                           (unsigned char)*at);
    }
}

int32_t repli__alldata_task_post(repli__alldata_task *task, const char *what, const char *name,
                                 const char *value, repli__alldata_answer *ret_answer,
                                 repli_error *err) {
    char path[1024];
    make_path(path, sizeof(path), what, name, value);
    return repli__alldata_ask(task->alldata, task->op, "POST", path, ret_answer, err);
}

int32_t repli__alldata_task_number(repli__alldata_task *task, const repli__alldata_answer *answer,
                                   const char *what, repli_error *err) {
    const repli_host *host = task->alldata->host;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        host->json_integer(host, answer->body, answer->size, "request", &task->request, &error);
    return code ? repli__alldata_fail(task->alldata, err, REPLI_EPROTOCOL, error.message,
                                      "the answer of AllData at %s to a request for %s makes no "
                                      "sense",
                                      task->alldata->source->name, what)
                : REPLI_OK;
}

int32_t repli__alldata_task_tell(repli__alldata_task *task, const char *what, const char *name,
                                 const char *value, const char *waits_for, const char *format,
                                 ...) {
    char path[1024], command[1100], summary[400];
    make_path(path, sizeof(path), what, name, value);
    snprintf(command, sizeof(command), "POST %s", path);
    va_list args;
    va_start(args, format);
    vsnprintf(summary, sizeof(summary), format, args);
    va_end(args);
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    step.summary = summary;
    step.command = command;
    step.waits_for = waits_for;
    return task->alldata->host->emit_plan_step(task->sink, &step);
}
