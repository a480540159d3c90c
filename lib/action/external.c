#include "action/external.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "action/report.h"
#include "base/buf.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/process.h"
#include "driver/sink.h"

enum {
    TAIL_SIZE = 4096,          /* of what the action wrote, to look for a report */
    QUOTE_BYTES = 200,         /* of it, in an error */
    KEPT_OUTPUT = 1024 * 1024, /* more than that is thrown away now and then */
    CHECK_PAUSE_MS = 200,      /* between two checks at least */
    CHECK_PAUSE_MAX_MS = 10000
};

/* Where an action is; "" before its command ran. */
static const char stage_action[] = "action";
static const char stage_check[] = "check";
static const char stage_end[] = "end";

/* One step. */
typedef struct call {
    const repli__external *external;
    repli__commands *commands;
    const repli_host *host;
    const repli_op *op;
    const repli_action *action;
    uint32_t flags;
    repli_sink *sink;
    repli_error *err;
    int is_new; /* this agent sees the action for the first time */
    char stage[8];
    char started[REPLI_TIME_SIZE]; /* when its command was started; "" if it was not */
    repli_process process;         /* of that; pid 0: there is none */
    char path[REPLI__COMMAND_PATH];
} call;

/* What comes of a step. */
typedef struct verdict {
    int32_t phase;
    const char *stage;
    const char *report; /* JSON, or NULL */
    const char *output; /* text, or NULL */
    int exit_code;      /* -1: not known */
    int32_t ended;      /* REPLI_ENDED_*, or 0: as phase says */
    const char *error;  /* for FAILED */
    const char *cause;
    int64_t next_ms;
} verdict;

static void write_payload(const call *c, const verdict *v, repli_buf *payload,
                          repli__json_out *out) {
    repli__json_begin(out, payload);
    repli__json_open(out, '{');
    repli__json_name(out, "stage");
    repli__json_string(out, v->stage);
    if (c->process.pid > 0) {
        repli__json_name(out, "pid");
        repli__json_integer(out, c->process.pid);
    }
    repli__json_name(out, "started");
    repli__json_string(out, c->started);
    if (v->exit_code >= 0) {
        repli__json_name(out, "exit_code");
        repli__json_integer(out, v->exit_code);
    }
    if (v->report != NULL) {
        repli__json_name(out, "report");
        repli__json_verbatim(out, v->report);
    }
    if (v->output != NULL && v->output[0] != '\0') {
        repli__json_name(out, "output");
        repli__json_string(out, v->output);
    }
    repli__json_close(out, '}');
}

static int32_t emit(const call *c, const verdict *v) {
    repli_buf payload = {.allocator = &c->commands->mem};
    repli__json_out out;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    write_payload(c, v, &payload, &out);
    int32_t code = repli__json_end(&out, c->err);
    outcome.phase = v->phase;
    outcome.payload_json = payload.data;
    outcome.error = v->error;
    outcome.error_cause = v->cause;
    outcome.next_step_ms = v->next_ms;
    if (code == REPLI_OK)
        code = c->host->emit_outcome(c->sink, &outcome);
    c->sink->ended = v->ended;
    repli_buf_dispose(&payload);
    if (v->phase != REPLI_PHASE_RUNNING)
        c->commands->ended(c->commands->user_data);
    return code;
}

/* The payload stays as it is, so that waiting leaves no trail. */
static int32_t wait_on(const call *c, int64_t next_ms) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.next_step_ms = next_ms;
    return c->host->emit_outcome(c->sink, &outcome);
}

/* The end of what was written is the cause. */
static int32_t fail(const call *c, const char *output, int exit_code, int32_t ended,
                    const char *what) {
    const size_t size = output != NULL ? strlen(output) : 0;
    const char *cause = size == 0 ? "" : size > QUOTE_BYTES ? output + size - QUOTE_BYTES : output;
    const verdict failed = {.phase = REPLI_PHASE_FAILED,
                            .stage = stage_end,
                            .output = output,
                            .exit_code = exit_code,
                            .ended = ended,
                            .error = what,
                            .cause = cause[0] != '\0' ? cause : NULL};
    return emit(c, &failed);
}

static int32_t finish(const call *c, const char *report, const char *output, int exit_code) {
    const verdict done = {.phase = REPLI_PHASE_DONE,
                          .stage = stage_end,
                          .report = report,
                          .output = output,
                          .exit_code = exit_code};
    return emit(c, &done);
}

/* A report of failure. */
static int32_t fail_as_reported(const call *c, const char *report, int exit_code) {
    char error[1000];
    repli__report_error(report, error, sizeof(error));
    const verdict failed = {.phase = REPLI_PHASE_FAILED,
                            .stage = stage_end,
                            .report = report,
                            .exit_code = exit_code,
                            .error =
                                error[0] != '\0' ? error : "the action reports that it failed"};
    return emit(c, &failed);
}

/* Running. */

static int32_t command_of(const call *c, const char *const *argv, repli_buf *input,
                          repli_command *ret_command) {
    repli_action record = *c->action;
    record.history = NULL;
    record.history_count = 0;
    const int32_t code = repli_action_to_json(&record, input, c->err);
    if (code != REPLI_OK)
        return code;
    *ret_command = (repli_command)REPLI_COMMAND_INIT;
    ret_command->argv = argv;
    ret_command->input = input->data;
    ret_command->input_size = input->size;
    return REPLI_OK;
}

static int32_t start(call *c) {
    repli_buf input = {.allocator = &c->commands->mem};
    repli_command command;
    repli__commands_forget(c->commands, c->action->id);
    int32_t code = command_of(c, c->external->action, &input, &command);
    if (code == REPLI_OK)
        code = repli__child_start(c->path, c->action->kind, &command, 1, &c->process, c->err);
    repli_buf_dispose(&input);
    if (code != REPLI_OK)
        return code;
    c->commands->began_ns = repli__mono_ns();
    repli__log_printf(c->commands->log, REPLI_LOG_INFO, "agent",
                      "action %s (%s) runs \"%.200s\" as process %" PRId64, c->action->id,
                      c->action->kind, c->external->action[0], c->process.pid);
    /* The file tells enough; what is for people is written with the next step. */
    return wait_on(c, 0);
}

static int32_t await(call *c, char *output) {
    char *report = repli__report_last_line(output);
    const int reports = repli__report_read(report) != REPLI__REPORT_NONE;
    repli__commands_wait(c->commands, &c->process, c->host, c->op);
    const int64_t pause_ms = repli__commands_pause_ms(c->commands);
    if (!reports && c->stage[0] != '\0')
        return wait_on(c, pause_ms);
    const verdict running = {.phase = REPLI_PHASE_RUNNING,
                             .stage = stage_action,
                             .report = reports ? report : NULL,
                             .exit_code = -1,
                             .next_ms = pause_ms};
    return emit(c, &running);
}

/* It ended, and what it wrote last may tell how. */
static int32_t judge(call *c, char *output) {
    char what[600];
    const int exit_code = c->process.state == REPLI_PROCESS_EXITED ? c->process.exit_code : -1;
    const char *name = c->external->action[0];
    char text[TAIL_SIZE];
    snprintf(text, sizeof(text), "%s", output);
    char *report = repli__report_last_line(output);
    const int status = repli__report_read(report);
    if (status == REPLI__REPORT_FAILED)
        return fail_as_reported(c, report, exit_code);
    if (exit_code > 0) {
        snprintf(what, sizeof(what), "\"%.200s\" ended with code %d", name, exit_code);
        return fail(c, text, exit_code, 0, what);
    }
    if (exit_code == 0 || status == REPLI__REPORT_FINISHED)
        return finish(c, status == REPLI__REPORT_FINISHED ? report : NULL,
                      status == REPLI__REPORT_FINISHED ? NULL : text, exit_code);
    /* Whatever it left running nobody can tell to be whole. */
    if (repli__commands_end(c->commands, &c->process, 0) == REPLI_EBUSY)
        return wait_on(c, repli__commands_pause_ms(c->commands));
    snprintf(what, sizeof(what),
             "interrupted: \"%.200s\" ended while no agent was looking, and neither a check "
             "command nor its last line tells how; its effect is unknown",
             name);
    return fail(c, text, -1, REPLI_ENDED_INTERRUPTED, what);
}

static int32_t step_check(call *c);

static int32_t after_action(call *c, char *output) {
    const int failed = c->process.state == REPLI_PROCESS_EXITED && c->process.exit_code != 0;
    if (c->external->check == NULL || failed)
        return judge(c, output);
    snprintf(c->stage, sizeof(c->stage), "%s", stage_check);
    return step_check(c);
}

static int32_t step_action(call *c) {
    repli_error error = REPLI_ERROR_INIT;
    char output[TAIL_SIZE];
    repli_process found;
    const int32_t code = repli__child_find(c->path, &found, &error);
    if (code == REPLI_ENOTFOUND && c->stage[0] == '\0')
        return start(c);
    if (code != REPLI_OK) {
        char what[600];
        snprintf(what, sizeof(what), "interrupted: whether it ran is not known any more: %.500s",
                 error.message);
        return fail(c, NULL, -1, REPLI_ENDED_INTERRUPTED, what);
    }
    c->process = found;
    if (c->is_new && found.state == REPLI_PROCESS_RUNNING)
        repli__log_printf(c->commands->log, REPLI_LOG_INFO, "agent",
                          "action %s (%s) still runs as process %" PRId64
                          ", which is looked after from now on",
                          c->action->id, c->action->kind, found.pid);
    if (c->started[0] == '\0')
        repli_time_format(repli__wall_ns(), c->started, sizeof(c->started), NULL);
    const size_t written = repli__child_output(c->path, output, sizeof(output));
    if (found.state != REPLI_PROCESS_RUNNING)
        return after_action(c, output);
    if (written > KEPT_OUTPUT)
        repli__child_drop_output(c->path);
    return await(c, output);
}

/* Checking. */

static int64_t check_pause_ms(const call *c) {
    int64_t started_ns = repli__wall_ns();
    repli_time_parse(c->started, &started_ns, NULL);
    const int64_t pause_ms = (repli__wall_ns() - started_ns) / REPLI__NS_PER_MS / 10;
    return pause_ms < CHECK_PAUSE_MS       ? CHECK_PAUSE_MS
           : pause_ms > CHECK_PAUSE_MAX_MS ? CHECK_PAUSE_MAX_MS
                                           : pause_ms;
}

static int32_t begin_check(call *c) {
    repli_buf input = {.allocator = &c->commands->mem};
    repli_command command;
    int32_t code = command_of(c, c->external->check, &input, &command);
    if (code == REPLI_OK)
        code = repli__errand_begin(c->commands, stage_check, &command, c->host->deadline_ns(c->op),
                                   c->err);
    repli_buf_dispose(&input);
    return code;
}

/* The report of a check that ended, which is in text. */
static int32_t take_report(call *c, char *text, int exit_code) {
    char what[400];
    const char *name = c->external->check[0];
    if (exit_code != 0) {
        snprintf(what, sizeof(what),
                 "the check command \"%.200s\" could not tell: it ended with code %d", name,
                 exit_code);
        return fail(c, text, -1, 0, what);
    }
    const int status = repli__report_read(text);
    if (status == REPLI__REPORT_FAILED)
        return fail_as_reported(c, text, -1);
    if (status == REPLI__REPORT_FINISHED)
        return finish(c, text, NULL, -1);
    if (status == REPLI__REPORT_NONE) {
        if (strlen(text) > QUOTE_BYTES)
            text[QUOTE_BYTES] = '\0';
        snprintf(what, sizeof(what),
                 "the check command \"%.200s\" wrote no {\"status\": \"running\" | \"finished\" | "
                 "\"failed\"}",
                 name);
        return fail(c, text, -1, 0, what);
    }
    const verdict running = {.phase = REPLI_PHASE_RUNNING,
                             .stage = stage_check,
                             .report = text,
                             .exit_code = -1,
                             .next_ms = check_pause_ms(c)};
    return emit(c, &running);
}

static int32_t check_failed(call *c, const repli_error *error) {
    char what[700];
    snprintf(what, sizeof(what), "the check command \"%.200s\" failed: %.450s",
             c->external->check[0], error->message);
    return fail(c, NULL, -1, 0, what);
}

static int32_t step_check(call *c) {
    repli_error error = REPLI_ERROR_INIT;
    repli_process check;
    char *text = NULL;
    int32_t code =
        repli__errand_look(c->commands, stage_check, c->host->deadline_ns(c->op), &check, &error);
    if (code == REPLI_EBUSY) {
        repli__commands_wait(c->commands, &check, c->host, c->op);
        return wait_on(c, repli__commands_pause_ms(c->commands));
    }
    int is_old = 0;
    if (code == REPLI_OK)
        code = repli__errand_is_old(c->commands, &check, &is_old, &error);
    if (code == REPLI_ENOTFOUND || is_old) {
        code = begin_check(c);
        return code != REPLI_OK ? code : wait_on(c, repli__commands_pause_ms(c->commands));
    }
    if (code == REPLI_OK)
        code = repli__errand_output(c->commands, &text, &error);
    repli__errand_drop(c->commands);
    c->commands->deadline_ns = 0;
    if (code != REPLI_OK)
        return check_failed(c, &error);
    code = take_report(c, text, check.exit_code);
    repli__free(&c->commands->mem, text);
    return code;
}

/* Ending. */

static int is_late(const call *c) {
    int64_t started_ns;
    return c->external->timeout_ms > 0 &&
           repli_time_parse(c->started, &started_ns, NULL) == REPLI_OK &&
           repli__wall_ns() - started_ns > c->external->timeout_ms * REPLI__NS_PER_MS;
}

/* why: REPLI_ENDED_TIMED_OUT or _CANCELLED. */
static int32_t end(call *c, int32_t why, const char *reason) {
    char output[TAIL_SIZE];
    char what[300];
    repli_process found;
    const int is_last = (c->flags & REPLI_STEP_DEADLINE) != 0;
    const int ran = repli__child_find(c->path, &found, NULL) == REPLI_OK;
    repli__errand_drop(c->commands);
    if (ran && repli__commands_end(c->commands, &found, is_last) == REPLI_EBUSY)
        return wait_on(c, repli__commands_pause_ms(c->commands));
    repli__child_output(c->path, output, sizeof(output));
    snprintf(what, sizeof(what), "%s; %s", reason,
             ran ? "its command was ended, and its effect is unknown" : "its command never ran");
    return fail(c, output, -1, why, what);
}

/* The command ended by itself before it had to, and that is all there was to do. */
static int is_over(const call *c) {
    repli_process found;
    return c->external->check == NULL && repli__child_find(c->path, &found, NULL) == REPLI_OK &&
           found.state == REPLI_PROCESS_EXITED;
}

/* Not 0 if the action has to end; it is called again until that is done. */
static int has_to_end(call *c, int32_t *ret_code) {
    char reason[120];
    if ((c->flags & REPLI_STEP_CANCELLED) == 0 && !is_late(c))
        return 0;
    if (c->commands->ends_ns == 0 && is_over(c))
        return 0;
    if ((c->flags & REPLI_STEP_DEADLINE) != 0) {
        *ret_code = end(c, REPLI_ENDED_TIMED_OUT, "its deadline passed");
    } else if ((c->flags & REPLI_STEP_CANCELLED) != 0) {
        *ret_code = end(c, REPLI_ENDED_CANCELLED, "cancelled");
    } else {
        snprintf(reason, sizeof(reason), "timed out: it had not finished after %" PRId64 " ms",
                 c->external->timeout_ms);
        *ret_code = end(c, REPLI_ENDED_TIMED_OUT, reason);
    }
    return 1;
}

/* The step. */

static void read_payload(call *c) {
    const char *json = c->action->payload_json;
    const size_t size = json != NULL ? strlen(json) : 0;
    if (json == NULL)
        return;
    c->host->json_string(c->host, json, size, "stage", c->stage, sizeof(c->stage), NULL);
    c->host->json_string(c->host, json, size, "started", c->started, sizeof(c->started), NULL);
    c->host->json_integer(c->host, json, size, "pid", &c->process.pid, NULL);
}

int32_t repli__external_step(void *user_data, const repli_host *host, repli_op *op,
                             const repli_step *step, repli_sink *sink, repli_error *err) {
    const repli__external *external = user_data;
    call c = {.external = external,
              .commands = external->commands,
              .host = host,
              .op = op,
              .action = step->action,
              .flags = step->flags,
              .sink = sink,
              .err = err,
              .is_new = repli__commands_turn_to(external->commands, step->action)};
    repli__command_path(c.commands, step->action->id, c.path);
    read_payload(&c);
    int32_t code = REPLI_OK;
    if (!has_to_end(&c, &code))
        code = strcmp(c.stage, stage_check) == 0 ? step_check(&c) : step_action(&c);
    /* An error, such as a lack of memory, fails the action, and the next one may begin. */
    if (code != REPLI_OK && repli__child_find(c.path, &c.process, NULL) == REPLI_OK)
        repli__commands_end(c.commands, &c.process, 1);
    return code;
}

int32_t repli__external_plan(void *user_data, const repli_host *host, repli_op *op,
                             const char *kind, const char *args_json, size_t args_size,
                             repli_sink *sink, repli_error *err) {
    (void)op, (void)kind, (void)args_json, (void)args_size;
    const repli__external *external = user_data;
    int32_t code = repli__commands_plan(external->commands, host, sink, "run the action command",
                                        external->action, "its end", err);
    if (code == REPLI_OK && external->check != NULL)
        code = repli__commands_plan(external->commands, host, sink,
                                    "ask the check command what became of it", external->check,
                                    "a report that it finished or failed", err);
    return code;
}
