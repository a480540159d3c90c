#include "driver/host.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "base/sized.h"
#include "base/text.h"
#include "driver/instance.h"

enum { LOG_LINE_SIZE = 1000 };

static const repli__host *context_of(const repli_host *table) {
    return (const repli__host *)table;
}

static void host_log(const repli_host *table, int32_t level, const char *message) {
    const repli__host *host = context_of(table);
    if (message == NULL || !repli__log_on(host->log, level))
        return;
    char line[LOG_LINE_SIZE];
    repli__text_clean(line, sizeof(line), message);
    repli__log_printf(host->log, level < REPLI_LOG_ERROR ? REPLI_LOG_ERROR : level, host->origin,
                      "%s", line);
}

static void *host_alloc(const repli_host *table, size_t size) {
    return repli__alloc(&context_of(table)->mem, size);
}

static void *host_resize(const repli_host *table, void *ptr, size_t size) {
    return repli__realloc(&context_of(table)->mem, ptr, size);
}

static void host_release(const repli_host *table, void *ptr) {
    repli__free(&context_of(table)->mem, ptr);
}

static uint64_t host_now_ns(const repli_host *table) {
    (void)table;
    return repli__mono_ns();
}

static uint64_t host_deadline_ns(const repli_op *op) {
    return op != NULL ? op->deadline_ns : UINT64_MAX;
}

static int32_t host_cancelled(const repli_op *op) {
    return op != NULL && (atomic_load(&op->cancelled) != 0 || repli__mono_ns() >= op->deadline_ns);
}

static const char *host_running_action(const repli_op *op) {
    return op != NULL ? op->running_action : NULL;
}

/* What drivers report is often what a datastore wrote, in whatever encoding that has. */
static int32_t host_error(const repli_host *table, repli_error *err, int32_t code,
                          const char *native, const char *message, const char *cause) {
    if (code >= REPLI_OK)
        code = REPLI_EINTERNAL;
    char text[REPLI_ERROR_MESSAGE_SIZE];
    repli__text_clean(text, sizeof(text), message != NULL ? message : repli_error_name(code));
    repli__error(err, code, context_of(table)->origin, "%s", text);
    if (native != NULL) {
        repli__text_clean(text, sizeof(text), native);
        repli__error_native(err, text);
    }
    if (cause != NULL) {
        repli__text_clean(text, sizeof(text), cause);
        repli__error_cause(err, text);
    }
    return code;
}

static int32_t host_process_run(const repli_host *table, const repli_op *op,
                                const repli_command *command, char *output, size_t output_size,
                                int32_t *ret_exit_code, repli_error *err) {
    const int32_t code =
        repli__process_run(command, host_deadline_ns(op), op != NULL ? &op->cancelled : NULL,
                           output, output_size, ret_exit_code, err);
    return repli__host_origin(table, code, err);
}

static int32_t host_process_start(const repli_host *table, const repli_command *command,
                                  repli_process *ret_process, repli_error *err) {
    return repli__host_origin(table, repli__process_start(command, ret_process, err), err);
}

static int32_t host_process_poll(const repli_host *table, repli_process *process,
                                 repli_error *err) {
    return repli__host_origin(table, repli__process_poll(process, err), err);
}

static int32_t host_process_signal(const repli_host *table, const repli_process *process,
                                   int32_t signal_number, repli_error *err) {
    return repli__host_origin(table, repli__process_signal(process, signal_number, err), err);
}

int32_t repli__host_origin(const repli_host *table, int32_t code, repli_error *err) {
    if (code != REPLI_OK && err != NULL && err->struct_size >= REPLI__SIZE_TO(repli_error, origin))
        memcpy(err->origin, context_of(table)->origin, sizeof(err->origin));
    return code;
}

void repli__host_init(repli__host *host, const char *origin, const repli__mem *mem,
                      repli__log *log) {
    *host = (repli__host){.table =
                              {
                                  .struct_size = sizeof(repli_host),
                                  .abi_version = REPLI_DRIVER_ABI,
                                  .log = host_log,
                                  .alloc = host_alloc,
                                  .resize = host_resize,
                                  .release = host_release,
                                  .now_ns = host_now_ns,
                                  .deadline_ns = host_deadline_ns,
                                  .cancelled = host_cancelled,
                                  .running_action = host_running_action,
                                  .error = host_error,
                                  .process_run = host_process_run,
                                  .process_start = host_process_start,
                                  .process_poll = host_process_poll,
                                  .process_signal = host_process_signal,
                              },
                          .mem = mem != NULL ? *mem : repli__mem_default,
                          .log = log};
    repli__host_add_sink(&host->table);
    repli__host_add_json(&host->table);
    repli__text_clean(host->origin, sizeof(host->origin), origin);
}

int32_t repli__host_new(const char *origin, const repli__mem *mem, repli__log *log,
                        repli__host **ret_host, repli_error *err) {
    if (mem == NULL)
        mem = &repli__mem_default;
    repli__host *host = repli__alloc(mem, sizeof(*host));
    if (host == NULL)
        return repli__error_nomem(err, "driver", "making a host table");
    repli__host_init(host, origin, mem, log);
    *ret_host = host;
    return REPLI_OK;
}

void repli__host_free(repli__host *host) {
    if (host == NULL)
        return;
    const repli__mem mem = host->mem;
    repli__free(&mem, host);
}

const repli_host *repli__host_table(const repli__host *host) {
    return &host->table;
}
