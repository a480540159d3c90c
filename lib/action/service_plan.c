#include "action/service_state.h"

#include <string.h>

enum { OUTPUT_SIZE = 4096 };

/* A question. */
typedef struct call {
    const repli__service *service;
    const repli_host *host;
    repli_sink *sink;
    repli_error *err;
} call;

static int32_t find_out(const call *c, const repli_op *op, repli__service_state *ret_state) {
    const char *made[REPLI__SERVICE_ARGS];
    char output[OUTPUT_SIZE];
    int32_t exit_code = 0;
    repli_command command = REPLI_COMMAND_INIT;
    command.argv = repli__service_look(c->service, made);
    const int32_t code =
        c->host->process_run(c->host, op, &command, output, sizeof(output), &exit_code, c->err);
    return code == REPLI_OK ? repli__service_read(c->service, output, exit_code, ret_state, c->err)
                            : code;
}

static int32_t emit(const call *c, const char *verb, const char *summary, const char *waits_for) {
    const char *made[REPLI__SERVICE_ARGS];
    return repli__commands_plan(c->service->commands, c->host, c->sink, summary,
                                repli__service_command(c->service, verb, made), waits_for, c->err);
}

static int32_t emit_start(const call *c) {
    return emit(c, "start", "start the service", "the service to run");
}

static int32_t emit_stop(const call *c) {
    return emit(c, "stop", "stop the service", "the service to stop");
}

int32_t repli__service_plan(void *user_data, const repli_host *host, repli_op *op, const char *kind,
                            const char *args_json, size_t args_size, repli_sink *sink,
                            repli_error *err) {
    (void)args_json, (void)args_size;
    const call c = {.service = user_data, .host = host, .sink = sink, .err = err};
    repli__service_state now;
    int32_t code = find_out(&c, op, &now);
    if (code != REPLI_OK)
        return code;
    if (strcmp(kind, REPLI__SERVICE_START) == 0)
        return now.state == REPLI__SERVICE_RUNNING ? REPLI_OK : emit_start(&c);
    if (strcmp(kind, REPLI__SERVICE_STOP) == 0)
        return now.state == REPLI__SERVICE_STOPPED ? REPLI_OK : emit_stop(&c);
    if (now.state == REPLI__SERVICE_STOPPED)
        return emit_start(&c);
    if (c.service->unit != NULL)
        return emit(&c, "restart", "restart the service", "the service to run");
    code = emit_stop(&c);
    return code == REPLI_OK ? emit_start(&c) : code;
}
