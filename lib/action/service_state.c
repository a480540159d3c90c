#include "action/service_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/process.h"

static const char *const *systemctl(const repli__service *service, const char *verb,
                                    const char *made[REPLI__SERVICE_ARGS]) {
    const char *const argv[] = {"systemctl", "--no-ask-password", verb, "--", service->unit, NULL};
    memcpy(made, argv, sizeof(argv));
    return made;
}

const char *const *repli__service_look(const repli__service *service,
                                       const char *made[REPLI__SERVICE_ARGS]) {
    if (service->unit == NULL)
        return service->pid;
    const char *const argv[] = {"systemctl",
                                "show",
                                "--property=LoadState,ActiveState,ActiveEnterTimestampMonotonic",
                                "--",
                                service->unit,
                                NULL};
    memcpy(made, argv, sizeof(argv));
    return made;
}

const char *const *repli__service_command(const repli__service *service, const char *verb,
                                          const char *made[REPLI__SERVICE_ARGS]) {
    if (service->unit != NULL)
        return systemctl(service, verb, made);
    return strcmp(verb, "start") == 0  ? service->start
           : strcmp(verb, "stop") == 0 ? service->stop
                                       : NULL;
}

/* A unit. */

/* The value of a line "NAME=VALUE". */
static void property(const char *output, const char *name, char *ret_value, size_t size) {
    const size_t length = strlen(name);
    ret_value[0] = '\0';
    for (const char *line = output; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == '=')
            snprintf(ret_value, size, "%.*s", (int)strcspn(line + length + 1, "\n"),
                     line + length + 1);
    }
}

static int is_one_of(const char *word, const char *const *words) {
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return 1;
    return 0;
}

static int32_t read_unit(const repli__service *service, const char *output,
                         repli__service_state *ret_state, repli_error *err) {
    static const char *const running[] = {"active", "reloading", "refreshing", NULL};
    static const char *const stopped[] = {"inactive", "failed", NULL};
    char load[32], active[32];
    repli__service_state state = {.state = REPLI__SERVICE_CHANGING};
    property(output, "LoadState", load, sizeof(load));
    property(output, "ActiveState", active, sizeof(active));
    if (load[0] == '\0' || active[0] == '\0')
        return repli__error(err, REPLI_EPROTOCOL, "service",
                            "systemctl does not tell the state of %.200s: it wrote \"%.200s\"",
                            service->unit, output);
    if (strcmp(load, "loaded") != 0)
        return repli__error(err, REPLI_ENOTFOUND, "service", "the unit %.200s is %s", service->unit,
                            load);
    if (is_one_of(active, running))
        state.state = REPLI__SERVICE_RUNNING;
    else if (is_one_of(active, stopped))
        state.state = REPLI__SERVICE_STOPPED;
    state.failed = strcmp(active, "failed") == 0;
    property(output, "ActiveEnterTimestampMonotonic", state.run, sizeof(state.run));
    *ret_state = state;
    return REPLI_OK;
}

/* A process. */

static int32_t read_pid(const repli__service *service, const char *output,
                        repli__service_state *ret_state, repli_error *err) {
    char *end;
    repli_process process;
    repli__service_state state = {.state = REPLI__SERVICE_STOPPED};
    const long long pid = strtoll(output, &end, 10);
    if (end == output || (*end != '\0' && *end != '\n' && *end != ' ') || pid <= 1)
        return repli__error(err, REPLI_EPROTOCOL, "service",
                            "\"%.200s\" ended with code 0 but wrote no number of a process: "
                            "\"%.200s\"",
                            service->pid[0], output);
    /* A file with the number may be of a process that was killed. */
    const int32_t code = repli__process_identify(pid, &process, err);
    if (code == REPLI_OK) {
        state.state = REPLI__SERVICE_RUNNING;
        snprintf(state.run, sizeof(state.run), "%" PRId64 " %" PRIu64, process.pid,
                 process.start_time);
    }
    if (code == REPLI_OK || code == REPLI_ENOTFOUND)
        *ret_state = state;
    return code == REPLI_ENOTFOUND ? REPLI_OK : code;
}

int32_t repli__service_read(const repli__service *service, const char *output, int exit_code,
                            repli__service_state *ret_state, repli_error *err) {
    if (service->unit == NULL && exit_code == 0)
        return read_pid(service, output, ret_state, err);
    if (service->unit == NULL) {
        *ret_state = (repli__service_state){.state = REPLI__SERVICE_STOPPED};
        return REPLI_OK;
    }
    if (exit_code != 0)
        return repli__error(err, REPLI_EIO, "service",
                            "systemctl cannot tell the state of %.200s, and ended with code %d: "
                            "%.200s",
                            service->unit, exit_code, output);
    return read_unit(service, output, ret_state, err);
}

/* A process may have taken its number away from where it is told, and be there still. */
int repli__service_goes_on(const repli__service *service, const char *run,
                           const repli__service_state *now) {
    repli_process process;
    int64_t pid;
    uint64_t start_time;
    if (now->state != REPLI__SERVICE_STOPPED)
        return strcmp(now->run, run) == 0 || now->state == REPLI__SERVICE_CHANGING;
    return service->unit == NULL && sscanf(run, "%" SCNd64 " %" SCNu64, &pid, &start_time) == 2 &&
           repli__process_identify(pid, &process, NULL) == REPLI_OK &&
           process.start_time == start_time;
}
