#include "action/service_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_out.h"
#include "driver/sink.h"

/*
 * Each stage is on disk before anything of it is done. A stage either runs a command, once, or
 * looks until the service is as it should be:
 *
 *     look -> start -> starting ->            (service.start)
 *     look -> stop -> stopping ->             (service.stop)
 *     look -> stop -> stopping -> start -> starting ->   or
 *     look -> restart -> starting ->          (service.restart)
 */
static const char look[] = "look";
static const char start[] = "start";
static const char stop[] = "stop";
static const char restart[] = "restart";
static const char starting[] = "starting";
static const char stopping[] = "stopping";

enum { LONGEST_PAUSE_MS = 1000, TEXT_SIZE = 500 };

/* One step. */
typedef struct call {
    const repli__service *service;
    repli__commands *commands;
    const repli_host *host;
    const repli_op *op;
    const repli_action *action;
    repli_sink *sink;
    repli_error *err;
    char stage[16];
    char began[REPLI_TIME_SIZE];       /* when the stage began */
    char run[REPLI__SERVICE_RUN_SIZE]; /* that was found, and is to end; "": none */
} call;

static const char *waits_for(const char *stage) {
    static const struct {
        const char *stage, *waiting_for;
    } waits[] = {{start, "the command that starts the service"},
                 {stop, "the command that stops the service"},
                 {restart, "the command that restarts the service"},
                 {starting, "the service to run"},
                 {stopping, "the service to stop"}};
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        if (strcmp(waits[i].stage, stage) == 0)
            return waits[i].waiting_for;
    return NULL;
}

static int32_t emit(const call *c, int32_t phase, const char *error, const char *cause) {
    repli_buf payload = {.allocator = &c->commands->mem};
    repli__json_out out;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    repli__json_begin(&out, &payload);
    repli__json_open(&out, '{');
    repli__json_name(&out, "stage");
    repli__json_string(&out, c->stage);
    repli__json_name(&out, "began");
    repli__json_string(&out, c->began);
    if (c->run[0] != '\0') {
        repli__json_name(&out, "run");
        repli__json_string(&out, c->run);
    }
    repli__json_close(&out, '}');
    int32_t code = repli__json_end(&out, c->err);
    outcome.phase = phase;
    outcome.payload_json = payload.data;
    outcome.error = error;
    outcome.error_cause = cause;
    outcome.next_step_ms = 0;
    if (phase == REPLI_PHASE_RUNNING)
        outcome.waiting_for = waits_for(c->stage);
    if (code == REPLI_OK)
        code = c->host->emit_outcome(c->sink, &outcome);
    repli_buf_dispose(&payload);
    if (phase != REPLI_PHASE_RUNNING)
        c->commands->ended(c->commands->user_data);
    return code;
}

static int32_t go_to(call *c, const char *stage) {
    snprintf(c->stage, sizeof(c->stage), "%s", stage);
    repli_time_format(repli__wall_ns(), c->began, sizeof(c->began), NULL);
    return emit(c, REPLI_PHASE_RUNNING, NULL, NULL);
}

static int32_t wait_on(const call *c, int64_t next_ms) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.next_step_ms = next_ms;
    outcome.waiting_for = waits_for(c->stage);
    return c->host->emit_outcome(c->sink, &outcome);
}

static int32_t fail(const call *c, const char *error, const char *cause) {
    return emit(c, REPLI_PHASE_FAILED, error, cause);
}

static int64_t stage_ms(const call *c) {
    int64_t began_ns = repli__wall_ns();
    repli_time_parse(c->began, &began_ns, NULL);
    return (repli__wall_ns() - began_ns) / REPLI__NS_PER_MS;
}

/* Commands. */

/* Run one, once for the stage. REPLI_EBUSY while it runs; then what it wrote, to be freed. */
static int32_t run(call *c, const char *errand, const char *const *argv, int again,
                   char **ret_output, int *ret_exit_code, repli_error *error) {
    const uint64_t deadline_ns = repli__deadline_ns(c->service->timeout_ms);
    repli_process process;
    int32_t code = repli__errand_look(c->commands, errand, deadline_ns, &process, error);
    int is_old = 0;
    if (code == REPLI_OK && again)
        code = repli__errand_is_old(c->commands, &process, &is_old, error);
    if (code == REPLI_ENOTFOUND || is_old) {
        repli_command command = REPLI_COMMAND_INIT;
        command.argv = argv;
        code = repli__errand_begin(c->commands, errand, &command, deadline_ns, error);
        return code == REPLI_OK ? REPLI_EBUSY : code;
    }
    if (code == REPLI_EBUSY)
        repli__commands_wait(c->commands, &process, c->host, c->op);
    if (code != REPLI_OK)
        return code;
    c->commands->deadline_ns = 0;
    *ret_exit_code = process.state == REPLI_PROCESS_EXITED ? process.exit_code : -1;
    return repli__errand_output(c->commands, ret_output, error);
}

/* A stage that runs a command. How it ended is only to be known if it is bad. */
static int32_t step_command(call *c, const char *verb, const char *next) {
    const char *made[REPLI__SERVICE_ARGS];
    const char *const *argv = repli__service_command(c->service, verb, made);
    repli_error error = REPLI_ERROR_INIT;
    char *output = NULL;
    char text[TEXT_SIZE];
    int exit_code = 0;
    int32_t code = run(c, verb, argv, 0, &output, &exit_code, &error);
    if (code == REPLI_EBUSY)
        return wait_on(c, repli__commands_pause_ms(c->commands));
    if (code != REPLI_OK && code != REPLI_EFULL) {
        snprintf(text, sizeof(text), "cannot %s the service with \"%.100s\": %.300s", verb, argv[0],
                 error.message);
        return fail(c, text, NULL);
    }
    if (exit_code <= 0) {
        code = go_to(c, next);
    } else {
        snprintf(text, sizeof(text), "cannot %s the service: \"%.200s\" ended with code %d", verb,
                 argv[0], exit_code);
        code = fail(c, text, output != NULL && output[0] != '\0' ? output : NULL);
    }
    repli__free(&c->commands->mem, output);
    return code;
}

/* Looking. REPLI_EBUSY while the command that tells runs. */
static int32_t find_out(call *c, repli__service_state *ret_state, repli_error *error) {
    const char *made[REPLI__SERVICE_ARGS];
    char *output = NULL;
    int exit_code = 0;
    int32_t code =
        run(c, look, repli__service_look(c->service, made), 1, &output, &exit_code, error);
    if (code == REPLI_OK)
        code = repli__service_read(c->service, output, exit_code, ret_state, error);
    repli__free(&c->commands->mem, output);
    return code;
}

static int is_kind(const call *c, const char *kind) {
    return strcmp(c->action->kind, kind) == 0;
}

static int32_t decide(call *c, const repli__service_state *now) {
    const int runs = now->state == REPLI__SERVICE_RUNNING;
    if (is_kind(c, REPLI__SERVICE_START))
        return runs ? emit(c, REPLI_PHASE_DONE, NULL, NULL) : go_to(c, start);
    if (now->state == REPLI__SERVICE_STOPPED)
        return is_kind(c, REPLI__SERVICE_STOP) ? emit(c, REPLI_PHASE_DONE, NULL, NULL)
                                               : go_to(c, start);
    memcpy(c->run, now->run, sizeof(c->run));
    return go_to(c, is_kind(c, REPLI__SERVICE_STOP) || c->service->unit == NULL ? stop : restart);
}

static int32_t not_yet(const call *c, const char *what) {
    char text[TEXT_SIZE];
    const int64_t ms = stage_ms(c);
    if (ms <= c->service->timeout_ms)
        return wait_on(c, ms / 8 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : ms / 8 + 10);
    snprintf(text, sizeof(text),
             "%.350s after %" PRId64 " ms, although the command for that was run", what, ms);
    return fail(c, text, NULL);
}

static int32_t step_starting(call *c, const repli__service_state *now) {
    if (now->state == REPLI__SERVICE_RUNNING && strcmp(now->run, c->run) != 0)
        return emit(c, REPLI_PHASE_DONE, NULL, NULL);
    if (now->failed)
        return fail(c, "the service failed when it was started", NULL);
    return not_yet(c, now->state == REPLI__SERVICE_RUNNING ? "the service has not been restarted"
                                                           : "the service does not run");
}

static int32_t step_stopping(call *c, const repli__service_state *now) {
    if (repli__service_goes_on(c->service, c->run, now) ||
        (is_kind(c, REPLI__SERVICE_STOP) && now->state != REPLI__SERVICE_STOPPED))
        return not_yet(c, "the service still runs");
    if (is_kind(c, REPLI__SERVICE_STOP))
        return emit(c, REPLI_PHASE_DONE, NULL, NULL);
    /* Something else may have started it again by now. */
    return now->state == REPLI__SERVICE_STOPPED ? go_to(c, start) : go_to(c, starting);
}

static int32_t step_look(call *c) {
    repli_error error = REPLI_ERROR_INIT;
    repli__service_state now;
    const int32_t code = find_out(c, &now, &error);
    if (code == REPLI_EBUSY)
        return wait_on(c, repli__commands_pause_ms(c->commands));
    /* The number of a process is written after the file for it was made. */
    if (code != REPLI_OK && strcmp(c->stage, starting) == 0)
        return not_yet(c, error.message);
    if (code != REPLI_OK)
        return fail(c, error.message, NULL);
    if (strcmp(c->stage, starting) == 0)
        return step_starting(c, &now);
    return strcmp(c->stage, stopping) == 0 ? step_stopping(c, &now) : decide(c, &now);
}

/* Before a command runs is a safe point. One that runs is killed; what it started is not. */
static int32_t end(const call *c, uint32_t flags) {
    char text[TEXT_SIZE];
    repli__errand_drop(c->commands);
    const int had_no_effect = strcmp(c->stage, look) == 0;
    snprintf(text, sizeof(text), "%s in the stage \"%s\", %s",
             (flags & REPLI_STEP_DEADLINE) != 0 ? "its deadline passed" : "cancelled", c->stage,
             had_no_effect ? "before it had an effect" : "so what the service does is unknown");
    return fail(c, text, NULL);
}

static int32_t do_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    const repli__service *service = user_data;
    call c = {.service = service,
              .commands = service->commands,
              .host = host,
              .op = op,
              .action = step->action,
              .sink = sink,
              .err = err};
    const char *json = step->action->payload_json;
    const size_t size = json != NULL ? strlen(json) : 0;
    repli__commands_turn_to(c.commands, step->action);
    memcpy(c.stage, look, sizeof(look));
    host->json_string(host, json, size, "stage", c.stage, sizeof(c.stage), NULL);
    host->json_string(host, json, size, "began", c.began, sizeof(c.began), NULL);
    host->json_string(host, json, size, "run", c.run, sizeof(c.run), NULL);
    if ((step->flags & REPLI_STEP_CANCELLED) != 0)
        return end(&c, step->flags);
    if (strcmp(c.stage, start) == 0)
        return step_command(&c, start, starting);
    if (strcmp(c.stage, stop) == 0)
        return step_command(&c, stop, stopping);
    if (strcmp(c.stage, restart) == 0)
        return step_command(&c, restart, starting);
    return step_look(&c);
}

int32_t repli__service_offer(repli__service *service, repli__registry *registry, repli_error *err) {
    static const struct {
        const char *kind, *summary;
    } offered[] = {{REPLI__SERVICE_START, "Start the service, unless it runs"},
                   {REPLI__SERVICE_STOP, "Stop the service, unless it is stopped"},
                   {REPLI__SERVICE_RESTART, "Stop the service if it runs, and start it"}};
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]) && code == REPLI_OK; i++) {
        repli__handler handler = {.kind = REPLI_ACTION_KIND_INIT,
                                  .step = do_step,
                                  .user_data = service,
                                  .plan = repli__service_plan};
        handler.kind.kind = offered[i].kind;
        handler.kind.summary = offered[i].summary;
        handler.kind.flags = REPLI_KIND_CANCEL_BY_STEP;
        code = repli__registry_add(registry, REPLI__OWNER_LIBRARY, &handler, err);
    }
    return code;
}
